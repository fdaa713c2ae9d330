"""Deleting a Canary, with ``revertOnDeletion`` and without, on a real cluster and on the embedded one: the app always
has somebody who serves it.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from shared import tick as tick_module
from shared.canary.model import FLAGGER_REVERT, REVERT
from shared.cluster.converge import converge
from shared.cluster.kinds import Kind
from shared.errors import Conflict
from shared.render.ownership import ORIGINAL
from shared.rollout import Command, Phase, Verb
from tests.e2e.test_adoption import run_by_flagger, untouched
from tests.support.app import NAME, Release, canary
from tests.support.serin import Serin, events_of
from tests.support.team import ROUTER, Team, given_back
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable


class Killed(BaseException):
    """The process died here: nothing in a tick may catch it."""


@pytest.fixture
def team(serin: Serin, release: Release) -> Team:
    return Team(serin, release)


def test_the_finalizer_is_there_as_long_as_the_canary_asks_for_it(team: Team) -> None:
    team.initialized()
    metadata = team.release.get("canary")["metadata"]
    assert metadata["finalizers"] == [REVERT]
    team.release.patch("canary", {"metadata": {"finalizers": ["example.com/mine", FLAGGER_REVERT]}})
    team.release.patch("canary", {"spec": {"skipAnalysis": True}})
    team.serin.sweep()
    team.serin.run_until(lambda rollout: not rollout.active)
    assert team.release.get("canary")["metadata"]["finalizers"] == ["example.com/mine", REVERT]
    team.release.patch("canary", {"spec": {"revertOnDeletion": False}})
    team.serin.sweep()
    team.serin.run_until(lambda rollout: not rollout.active)
    found = team.release.get("canary")
    assert found["metadata"]["finalizers"] == ["example.com/mine"]
    assert found["status"]["observedGeneration"] == found["metadata"]["generation"]
    assert team.serin.rollout.phase is Phase.INITIALIZED


def test_the_app_is_given_back_as_it_was_and_somebody_always_serves_it(team: Team) -> None:
    team.release.install(interval="1s")
    before = team.release.get("service")["spec"]
    team.release.patch("canary", {"spec": {"revertOnDeletion": True}})
    team.serin.run_until(lambda rollout: rollout.phase is Phase.INITIALIZED and not rollout.active)
    mark = team.release.cluster.mark()
    team.delete()
    versions: dict[int, int] = {}

    def watch() -> None:
        team.serves()
        versions[len(versions)] = len(team.release.cluster.requests_by("serin", mark))

    team.forgotten(watch)
    given_back(team)
    assert team.release.get("service")["spec"] == before
    assert team.find("virtualservice") is None
    runs = team.serin.parts.store.runs(team.serin.key, 5)
    assert runs, "the history stays"
    costs = [after - earlier for earlier, after in zip(versions.values(), list(versions.values())[1:], strict=False)]
    assert max(costs) <= 16, "every tick is bounded"
    name = f"{NAME}.{team.release.namespace}"
    said = [line for line in team.serin.messages if not line.startswith("Halt")]
    assert said[said.index(f"Canary deleted! Scaling up {name}") :] == [
        f"Canary deleted! Scaling up {name}",
        f"Routing all traffic to {name}",
        f"Switching Service {name} to the pods of {name}",
        f"Giving back the router of {name}",
        f"Removing frontend-primary.{team.release.namespace} and what belongs to it",
        f"Deletion completed! {name} is given back",
        "Canary not found: its rollout is forgotten, its history stays",
    ]
    events = [event["message"] for event in events_of(team.release.cluster, team.release.namespace)]
    assert events[-1] == f"Deletion completed! {name} is given back"


def test_a_router_that_was_there_before_gets_its_own_routes_back(team: Team) -> None:
    team.release.cluster.api.create(team.release.path("virtualservice", ""), ROUTER)
    team.initialized()
    taken = team.release.get("virtualservice")
    assert len(taken["spec"]["http"]) == 1
    assert "shop.example.com" in taken["metadata"]["annotations"][ORIGINAL]
    team.delete()
    team.forgotten(team.serves)
    given_back(team)
    restored = team.release.get("virtualservice")
    assert restored["spec"] == ROUTER["spec"]
    assert restored["metadata"]["labels"] == {"team": "shop"}


def test_a_strangers_object_stays_whatever_its_name(team: Team) -> None:
    stranger = {"metadata": {"name": "other-primary"}, "data": {"mine": "yes"}}
    team.release.cluster.api.create(team.release.path("configmap", ""), stranger)
    team.initialized()
    team.release.patch("service", {"metadata": {"annotations": {"serin.dev/canary": "other"}}}, "frontend-canary")
    team.delete()
    team.forgotten()
    assert team.find("configmap", "other-primary") is not None
    assert team.find("service", "frontend-canary") is not None


def test_a_run_under_way_ends_with_all_traffic_on_the_target(team: Team) -> None:
    team.running()
    team.delete()
    team.forgotten(team.serves)
    given_back(team)
    assert team.release.image(NAME) == "app:2"
    assert any("was not promoted" in message for message in team.serin.messages)


STEPS = ("load", "observe", "decide", "commit", "converge", "deliver")


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_ticks_that_die_at_every_stage_are_healed(
    step: str, after: bool, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every other tick dies, so that there is a death in each stage."""
    team.running()
    team.delete()
    ticks = iter(range(1_000))

    def tick() -> None:
        if next(ticks) % 2:
            team.serin.tick()
            return
        with monkeypatch.context() as patch, suppress(Killed):
            _kill(team.serin, step, after, patch)
            team.serin.tick()

    team.forgotten(team.serves, tick)
    given_back(team)


def test_a_tick_that_dies_within_its_writes_is_healed(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of everything that a tick wants to change, only the first change happens."""
    team.running()
    team.delete()
    monkeypatch.setattr("shared.tick.converge", lambda gateway, one, wanted: converge(gateway, one, wanted[:1]))
    team.forgotten(team.serves)
    given_back(team)


def _kill(serin: Serin, step: str, after: bool, patch: pytest.MonkeyPatch) -> None:
    def fatal(inner: Callable[..., Any]) -> Callable[..., Any]:
        def die(*args: Any, **kwargs: Any) -> Any:
            if after:
                inner(*args, **kwargs)
            raise Killed(step)

        return die

    if step in ("load", "commit"):
        patch.setattr(type(serin.parts.store), step, fatal(getattr(type(serin.parts.store), step)))
    else:
        name = {"observe": "look_at"}.get(step, step)
        patch.setattr(tick_module, name, fatal(getattr(tick_module, name)))


def test_pods_that_are_not_ready_hold_the_deletion_and_the_primary_serves_on(team: Team) -> None:
    team.initialized()
    team.release.patch("canary", {"spec": {"progressDeadlineSeconds": 2}})
    unready = {"annotations": {"local.serin.dev/ready": "false"}}
    team.release.patch("deployment", {"spec": {"template": {"metadata": unready}}})
    team.delete()
    team.serin.run_until(lambda rollout: "progress deadline exceeded" in rollout.halt)
    for _ in range(3):
        team.serin.clock.skip_to(team.serin.rollout.due_at)
        team.serin.tick()
    team.serves()
    assert team.release.weights() == (100, 0)
    assert sum("progress deadline exceeded" in message for message in team.serin.messages) == 1
    ready = {"annotations": {"local.serin.dev/ready": None}}
    team.release.patch("deployment", {"spec": {"template": {"metadata": ready}}})
    team.forgotten(team.serves)
    given_back(team)


def test_a_target_that_loses_its_pods_half_way_gets_no_traffic(team: Team) -> None:
    team.initialized()
    team.delete()
    team.serin.run_until(lambda rollout: rollout.weight == 100)
    team.release.patch("hpa", {"spec": {"minReplicas": 1}})
    team.release.patch("deployment", {"spec": {"replicas": 0}})
    eventually("it has none", lambda: not team.release.get("deployment")["status"].get("availableReplicas"))
    team.serin.clock.skip_to(team.serin.rollout.due_at)
    team.serin.tick()
    assert team.release.weights() == (100, 0)
    team.forgotten(team.serves)
    given_back(team)


def test_without_its_target_the_canary_stays_until_nothing_is_to_be_reverted(team: Team) -> None:
    team.initialized()
    team.release.cluster.api.delete(team.release.path("deployment"))
    team.delete()
    team.serin.run_until(lambda rollout: "not found" in rollout.halt)
    left = team.left()
    team.release.patch("canary", {"spec": {"revertOnDeletion": False}})
    team.forgotten(team.serves)
    assert team.left() == left
    assert team.release.weights() == (100, 0)


def test_neither_a_suspension_nor_an_abort_holds_a_deletion(team: Team) -> None:
    team.running()
    team.release.patch("canary", {"spec": {"suspend": True}})
    team.delete()
    team.serin.parts.store.submit(team.serin.key, Command("c1", Verb.ABORT, "stefan", team.serin.clock()))
    team.forgotten(team.serves)
    given_back(team)
    assert any("stefan asked to abort, but" in message for message in team.serin.messages)


def test_an_analysis_that_cannot_be_run_does_not_matter_any_more(team: Team) -> None:
    team.initialized()
    team.release.patch(
        "canary", {"spec": {"analysis": {"metrics": [{"name": "x", "templateRef": {"name": "x"}, "query": "1"}]}}}
    )
    team.delete()
    team.forgotten(team.serves)
    given_back(team)


def test_a_canary_that_nobody_can_read_goes_and_nothing_is_touched(team: Team) -> None:
    team.initialized()
    left = team.left()
    team.release.patch("canary", {"spec": {"targetRef": {"apiVersion": "serving.knative.dev/v1"}}})
    team.delete()
    team.forgotten(team.serves)
    assert team.find("canary") is None
    assert team.left() == left
    events = [event["message"] for event in events_of(team.release.cluster, team.release.namespace)]
    assert "serving.knative.dev/v1" in events[-1]
    assert events[-1].endswith("it is being deleted, so nothing is removed and the primary serves on")


@pytest.mark.parametrize("phase", [Phase.INITIALIZING, Phase.TERMINATING])
def test_a_canary_that_is_deleted_before_or_after_its_document_was_lost_is_reverted(team: Team, phase: Phase) -> None:
    team.running()
    if phase is Phase.TERMINATING:
        team.delete()
        team.serin.run_until(lambda rollout: rollout.phase is phase and rollout.step >= 3)
    team.serin.parts.store.delete(team.serin.key)
    if phase is Phase.INITIALIZING:
        team.delete()
    team.serin.sweep()
    team.forgotten(team.serves)
    given_back(team)


def test_a_canary_of_the_same_name_that_comes_at_once_begins_anew(team: Team) -> None:
    team.initialized()
    team.delete()
    team.serin.run_until(lambda rollout: rollout.step == 6)
    eventually("the Canary is gone", lambda: team.find("canary") is None)
    team.release.cluster.api.create(team.release.path("canary", ""), canary(interval="1s"))
    team.serin.run_until(lambda rollout: rollout.phase is Phase.INITIALIZED and not rollout.active)
    assert team.release.weights() == (100, 0)
    assert team.left() != []
    team.serves()


def test_a_slow_tick_cannot_delete_what_was_made_anew(team: Team) -> None:
    team.initialized()
    gateway, namespace = team.serin.parts.gateway("test"), team.release.namespace
    with pytest.raises(Conflict):
        gateway.delete(Kind.DEPLOYMENT, namespace, "frontend-primary", "the uid of an earlier one")
    assert gateway.delete(Kind.DEPLOYMENT, namespace, "nobody", "a uid") is None
    team.serves()


def test_a_namespace_can_be_deleted_with_everything_in_it(team: Team) -> None:
    team.initialized()
    path = f"/api/v1/namespaces/{team.release.namespace}"
    team.release.cluster.api.delete(path)
    eventually("the primary is gone", lambda: team.find("deployment", "frontend-primary") is None)
    eventually("so is the Canary", lambda: "deletionTimestamp" in team.release.get("canary")["metadata"])
    team.serin.sweep()
    team.forgotten()
    eventually("the namespace is gone", lambda: team.release.cluster.api.find(path) is None)


def test_without_revert_nothing_is_taken_down(team: Team) -> None:
    team.initialized(revert=False)
    assert "finalizers" not in team.release.get("canary")["metadata"]
    left = team.left()
    owned = [team.release.cluster.api.get(path)["metadata"] for path in left]
    assert not [metadata["name"] for metadata in owned if metadata.get("ownerReferences")]
    team.delete()
    team.forgotten(team.serves)
    assert team.left() == left
    assert team.release.weights() == (100, 0)


@pytest.mark.parametrize("phase", ["Succeeded", "Progressing"])
def test_what_flagger_made_outlives_its_canary_after_the_takeover(phase: str, team: Team) -> None:
    """Flagger's objects name the Canary as their owner, so Kubernetes would delete production together with it."""
    run_by_flagger(team.serin, team.release, phase, weight=0 if phase == "Succeeded" else 25)
    *before, _ = untouched(team.release)
    team.serin.sweep()
    team.serin.run_until(lambda rollout: rollout.reconciled > 0)
    *after, _ = untouched(team.release)  # the run itself may go on
    assert after == before
    left = team.left()
    owned = [team.release.cluster.api.get(path)["metadata"] for path in left]
    assert [metadata["name"] for metadata in owned if metadata.get("ownerReferences")] == []
    team.delete()
    team.forgotten()
    time.sleep(2)  # the garbage collector's time, if it had anything to do
    assert team.left() == left


def test_flaggers_finalizer_is_served_in_its_absence(team: Team) -> None:
    team.initialized()
    team.release.patch("canary", {"metadata": {"finalizers": [FLAGGER_REVERT]}})
    team.delete()
    team.forgotten(team.serves)
    given_back(team)


def test_what_another_finalizer_keeps_is_left_alone(team: Team) -> None:
    team.initialized()
    team.release.patch("canary", {"metadata": {"finalizers": ["example.com/mine", REVERT]}})
    team.delete()
    team.serin.run_until(lambda rollout: "example.com/mine" in rollout.halt and not rollout.active)
    assert team.left() == []
    team.release.patch("canary", {"metadata": {"finalizers": []}})
    team.serin.sweep()
    team.forgotten()
