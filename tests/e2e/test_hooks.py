"""Hooks and gates in whole releases, with a real server of hooks, on a real cluster and on the embedded one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from shared.canary.model import HookType
from shared.rollout import Command, Phase, Verb
from tests.support.dying import STEPS, Killed, dying
from tests.support.hook_server import HookServer
from tests.support.serin import Serin, make_serin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.rollout import Rollout
    from shared.state.store import Store
    from tests.support.app import Release
    from tests.support.cluster import Cluster

GATES = (HookType.CONFIRM_ROLLOUT, HookType.CONFIRM_TRAFFIC_INCREASE, HookType.CONFIRM_PROMOTION)


@pytest.fixture
def server() -> Iterator[HookServer]:
    with HookServer() as made:
        yield made


@pytest.fixture
def serin(cluster: Cluster, sqlite: Store, serin: Serin) -> Serin:
    """Serin whose checks are really asked."""
    asking = make_serin(cluster, sqlite, serin.key, "http://127.0.0.1:1")
    asking.clock.skips = True
    return asking


def started(serin: Serin, release: Release, server: HookServer, *kinds: HookType) -> None:
    """Initialized with a hook of each of these types, and in a run of ``app:2``."""
    release.install(interval="1s", metrics=[], webhooks=server.hooks(*kinds))
    serin.run_until(lambda rollout: rollout.phase is Phase.INITIALIZED and not rollout.active)
    server.requests.clear()
    release.upgrade("app:2")
    serin.hint()
    serin.run_until(lambda rollout: rollout.phase is Phase.PROGRESSING)


def closed_at(kind: HookType, serin: Serin) -> Rollout:
    return serin.run_until(lambda rollout: rollout.gate.startswith(f"{kind}/"))


def settled(serin: Serin, phase: Phase) -> None:
    serin.run_until(lambda rollout: rollout.phase is phase and not rollout.active)


def asked(serin: Serin, times: int = 3) -> None:
    """Ticks that find every gate as it was."""
    for _ in range(times):
        serin.clock.skip_to(serin.rollout.due_at)
        serin.tick()


def test_a_release_asks_every_hook_in_its_turn(serin: Serin, release: Release, server: HookServer) -> None:
    for kind in GATES:
        server.answer(kind, 403, "not yet")
    started(serin, release, server, *HookType)

    closed_at(HookType.CONFIRM_ROLLOUT, serin)
    asked(serin)
    assert (release.phase(), release.get("deployment")["spec"]["replicas"]) == ("Waiting", 0)
    assert server.told(HookType.PRE_ROLLOUT) == []
    server.answer(HookType.CONFIRM_ROLLOUT, 200)

    closed_at(HookType.CONFIRM_TRAFFIC_INCREASE, serin)
    asked(serin)
    assert release.weights() == (100, 0)
    assert len(server.told(HookType.PRE_ROLLOUT)) == 1
    server.answer(HookType.CONFIRM_TRAFFIC_INCREASE, 200)

    waiting = closed_at(HookType.CONFIRM_PROMOTION, serin)
    asked(serin)
    assert (release.phase(), release.weights()) == ("WaitingPromotion", (50, 50))
    approval = Command("c1", Verb.APPROVE, "stefan", serin.clock(), gate=waiting.gate)
    serin.parts.store.submit(serin.key, approval)
    settled(serin, Phase.SUCCEEDED)

    assert release.image("frontend-primary") == "app:2"
    assert [told["phase"] for told in server.told(HookType.POST_ROLLOUT)] == ["Succeeded"]
    assert {told["phase"] for told in server.told(HookType.ROLLBACK)} >= {"Waiting", "Progressing", "Promoting"}
    assert {told["canaryWeight"] for told in server.told(HookType.ROLLOUT)} == {25, 50}
    checksums = {told["checksum"] for kind in (*GATES, HookType.POST_ROLLOUT) for told in server.told(kind)}
    assert checksums == {server.told(HookType.ROLLOUT)[0]["checksum"]}
    run = serin.messages[serin.messages.index(f"New revision detected! Asking for approval of {_name(release)}") :]
    assert [told["metadata"]["eventMessage"] for told in server.told(HookType.EVENT)] == run
    assert sum("waiting for" in message for message in run if message.startswith(f"Halt {_name(release)}")) == 3


def test_what_hooks_said_is_kept_in_the_history(serin: Serin, release: Release, server: HookServer) -> None:
    server.answer(HookType.CONFIRM_PROMOTION, 403, "QA has not signed")
    started(serin, release, server, HookType.CONFIRM_PROMOTION)
    waiting = closed_at(HookType.CONFIRM_PROMOTION, serin)
    entries = serin.parts.store.history(serin.key, waiting.run)
    answers = [(one["kind"], one["verdict"], one["answer"]) for entry in entries for one in entry["results"]]
    assert ("confirm-promotion", "wait", "QA has not signed") in answers


@pytest.mark.parametrize("place", ["at a gate", "unready pods", "a step", "copying"])
def test_the_rollback_hook_takes_a_release_back_at_every_place(
    place: str, serin: Serin, release: Release, server: HookServer
) -> None:
    if place == "at a gate":
        server.answer(HookType.CONFIRM_ROLLOUT, 403)
    started(serin, release, server, HookType.CONFIRM_ROLLOUT, HookType.ROLLBACK, HookType.POST_ROLLOUT)
    match place:
        case "at a gate":
            closed_at(HookType.CONFIRM_ROLLOUT, serin)
        case "unready pods":
            unready = {"annotations": {"local.serin.dev/ready": "false"}}
            release.patch("deployment", {"spec": {"template": {"metadata": unready}}})
            serin.hint()
            serin.run_until(lambda rollout: rollout.waiting_since is not None)
        case "a step":
            serin.run_until(lambda rollout: rollout.weight == 25)
        case _:
            serin.run_until(lambda rollout: rollout.phase is Phase.PROMOTING and rollout.promoted != rollout.applied)
    server.answer(HookType.ROLLBACK, 200, "the boss said so")
    settled(serin, Phase.FAILED)
    assert any(message.endswith("rollback hook rollback asked for it: the boss said so") for message in serin.messages)
    assert (release.weights(), release.get("deployment")["spec"]["replicas"]) == ((100, 0), 0)
    assert release.image("frontend-primary") == "app:1"
    assert [told["phase"] for told in server.told(HookType.POST_ROLLOUT)] == ["Failed"]


def test_hooks_say_wait_and_abort(serin: Serin, release: Release, server: HookServer) -> None:
    server.answer(HookType.PRE_ROLLOUT, 425, "40% done")
    started(serin, release, server, HookType.PRE_ROLLOUT)
    serin.run_until(lambda rollout: "asks to wait" in rollout.halt)
    asked(serin, 6)  # more often than failures are forgiven
    assert (serin.rollout.failed, release.weights()) == (0, (100, 0))
    server.answer(HookType.PRE_ROLLOUT, 410, "7 tests failed")
    settled(serin, Phase.FAILED)
    rolled_back = f"Rolling back {_name(release)} pre-rollout hook pre-rollout asked for it: 7 tests failed"
    assert rolled_back in serin.messages


def test_a_gate_that_is_down_holds_the_release_and_nothing_fails(
    serin: Serin, release: Release, server: HookServer
) -> None:
    started(serin, release, server, HookType.ROLLBACK, HookType.EVENT)
    hook = {"name": "gate", "type": "confirm-promotion", "url": "http://127.0.0.1:1/"}
    dead = {"name": "dead", "type": "rollback", "url": "http://127.0.0.1:1/"}
    silent = {"name": "silent", "type": "event", "url": "http://127.0.0.1:1/"}
    webhooks = [hook, dead, silent, *server.hooks(HookType.EVENT)]
    release.patch("canary", {"spec": {"analysis": {"webhooks": webhooks}}})
    closed_at(HookType.CONFIRM_PROMOTION, serin)
    asked(serin, 6)
    assert (serin.rollout.failed, serin.rollout.unknown, release.weights()) == (0, 0, (50, 50))
    assert sum("gate did not answer" in message for message in serin.messages) == 1
    assert sum("dead did not answer" in message for message in serin.messages) == 1
    release.patch("canary", {"spec": {"analysis": {"webhooks": server.hooks(HookType.CONFIRM_PROMOTION)}}})
    settled(serin, Phase.SUCCEEDED)
    assert release.image("frontend-primary") == "app:2"


def test_ten_ticks_at_the_same_moment_pass_a_gate_once(serin: Serin, release: Release, server: HookServer) -> None:
    server.answer(HookType.CONFIRM_TRAFFIC_INCREASE, 403)
    started(serin, release, server, HookType.CONFIRM_TRAFFIC_INCREASE)
    closed_at(HookType.CONFIRM_TRAFFIC_INCREASE, serin)
    server.answer(HookType.CONFIRM_TRAFFIC_INCREASE, 200)
    before = serin.rollout
    serin.clock.skip_to(before.due_at)
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda _: serin.tick(), range(10)))
    assert (serin.rollout.version, serin.rollout.weight) == (before.version + 1, 25)


@pytest.mark.parametrize("step", STEPS)
def test_a_tick_that_dies_loses_no_gate_no_approval_and_no_event(
    step: str, serin: Serin, release: Release, server: HookServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answer(HookType.CONFIRM_PROMOTION, 403)
    started(serin, release, server, HookType.CONFIRM_PROMOTION, HookType.POST_ROLLOUT, HookType.EVENT)
    for moment in ("waits", "approved"):
        closed_at(HookType.CONFIRM_PROMOTION, serin)
        if moment == "approved":
            serin.parts.store.submit(serin.key, Command("c1", Verb.APPROVE, "stefan", serin.clock()))
        with monkeypatch.context() as patch, pytest.raises(Killed):
            dying(serin, step, True, patch).run_until(lambda _: False)
        serin = replace(serin, parts=make_serin(release.cluster, serin.parts.store, serin.key, "").parts)
        serin = replace(serin, parts=replace(serin.parts, clock=serin.clock))
    settled(serin, Phase.SUCCEEDED)
    assert release.image("frontend-primary") == "app:2"
    assert len(server.told(HookType.POST_ROLLOUT)) >= 1
    events = [told["metadata"]["eventMessage"] for told in server.told(HookType.EVENT)]
    approved = "Gate confirm-promotion/confirm-promotion approved by stefan"
    for text in (f"Halt {_name(release)} advancement waiting for promotion approval confirm-promotion", approved):
        assert text in events
    assert events[-1] == "Post-rollout hook post-rollout passed"


def _name(release: Release) -> str:
    return f"frontend.{release.namespace}"
