"""The webhook as its function uses it: who may ask, what is answered and left behind, and what cannot hold it up."""

from __future__ import annotations

import io
import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from shared.clusters.registry import Cluster, InCluster
from shared.errors import StoreUnavailable
from shared.hint import Hint, HintKind
from shared.hints import leave_hint
from shared.logs import Log
from shared.rollout import RolloutKey
from shared.state.open import open_store
from shared.webhook import Webhook
from tests.support.reviews import review
from tests.support.samples import NOW, resting

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.json_types import JsonObject
    from shared.reply import Reply
    from shared.state.store import Store

SECRET = "a-secret-of-the-tests-alone"


class Told:
    """Heartbeat jobs that remember who was forced."""

    def __init__(self) -> None:
        self.forced: list[str] = []

    def resume(self, cluster: str) -> bool:
        return bool(cluster)

    def pause(self, cluster: str) -> bool:
        return bool(cluster)

    def force(self, cluster: str) -> bool:
        self.forced.append(cluster)
        return True


def made(store: Store, jobs: Told) -> Webhook:
    cluster = Cluster("east", InCluster(), webhook_secrets=(SECRET,))
    return Webhook(lambda: store, jobs, (cluster,), lambda: NOW, Log(io.StringIO()))


def ask(webhook: Webhook, body: JsonObject, path: str = f"/webhook/{SECRET}") -> Reply:
    return webhook.receive(path, "application/json", lambda _: json.dumps(body).encode())


@pytest.fixture
def store() -> Store:
    return open_store("sqlite://")


def watching(store: Store, body: JsonObject) -> RolloutKey:
    """A resting rollout that watches the object of a review."""
    request = body["request"]
    key = RolloutKey("east", request["namespace"], "frontend")
    ref = f"{request['kind']['kind'].lower()}/{request['name']}"
    store.commit(key, resting(version=1, active=False, hinted=False, watches=(ref,)), None)
    return key


def test_a_stranger_learns_nothing_and_is_not_read(store: Store) -> None:
    def unread(_: int) -> bytes:
        raise AssertionError("the body of a stranger was read")

    reply = made(store, Told()).receive("/webhook/guess", "application/json", unread)
    assert (reply.status, reply.body) == (404, {"error": "not found"})


def test_a_new_template_wakes_who_watches_it_and_forces_the_heartbeat(store: Store) -> None:
    body, jobs = review("deployment_update"), Told()
    key = watching(store, body)
    reply = ask(made(store, jobs), body)
    assert reply.body["response"]["allowed"]
    woken = store.load(key)
    assert woken is not None
    assert (woken.active, woken.hinted, woken.due_at) == (True, True, NOW)
    assert jobs.forced == ["east"]


def test_a_new_size_wakes_nobody(store: Store) -> None:
    body, jobs = review("deployment_scale"), Told()
    key = watching(store, review("deployment_update"))
    assert ask(made(store, jobs), body).status == 200
    woken = store.load(key)
    assert woken is not None
    assert not woken.active
    assert jobs.forced == []


def test_a_rehearsal_leaves_no_trace(store: Store) -> None:
    body, jobs = review("deployment_update", {"request.dryRun": True}), Told()
    key = watching(store, body)
    before = store.load(key)
    ask(made(store, jobs), body)
    assert (store.load(key), jobs.forced) == (before, [])


@pytest.mark.parametrize("trouble", ["down", "slow"])
def test_a_store_in_trouble_never_blocks_the_cluster(
    trouble: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        if trouble == "down":
            raise StoreUnavailable("the store is down")
        time.sleep(5)

    monkeypatch.setattr(type(store), "watching", fail)
    began = time.monotonic()
    reply = ask(made(store, Told()), review("deployment_update"))
    assert reply.body["response"]["allowed"]
    assert time.monotonic() - began < 3


@pytest.mark.parametrize(("body", "status"), [(b"{", 400), (b"[]", 400), (b"{}", 422), (b"\xff", 400)])
def test_a_body_that_is_no_review_is_refused(body: bytes, status: int, store: Store) -> None:
    reply = made(store, Told()).receive(f"/webhook/{SECRET}", "application/json", lambda _: body)
    assert reply.status == status


class TestLeavingHints:
    CANARY = Hint(HintKind.CANARY, "test", "frontend")
    KEY = RolloutKey("east", "test", "frontend")

    def test_a_canary_that_nobody_knows_gets_a_rollout_that_is_still_to_be_born(self, store: Store) -> None:
        assert leave_hint(store, "east", self.CANARY, NOW) == (self.KEY,)
        unborn = store.load(self.KEY)
        assert unborn is not None
        assert (unborn.born, unborn.active, unborn.version) == (False, True, 1)

    def test_many_hints_at_once_are_one_write(self, store: Store) -> None:
        for _ in range(5):
            leave_hint(store, "east", self.CANARY, NOW)
        found = store.load(self.KEY)
        assert found is not None
        assert found.version == 1

    def test_a_tick_that_commits_meanwhile_does_not_lose_the_hint(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store.commit(self.KEY, resting(version=1, active=False, hinted=False), None)
        load: Callable[[RolloutKey], object] = store.load
        raced: list[bool] = []

        def load_and_be_overtaken(key: RolloutKey) -> object:
            loaded = load(key)
            if not raced:
                raced.append(True)
                store.commit(key, resting(version=2, active=False, hinted=False), None)
            return loaded

        monkeypatch.setattr(store, "load", load_and_be_overtaken)
        leave_hint(store, "east", self.CANARY, NOW)
        monkeypatch.undo()
        found = store.load(self.KEY)
        assert found is not None
        assert (found.version, found.hinted) == (3, True)


def test_a_store_that_cannot_be_opened_costs_the_hint_and_not_the_answer() -> None:
    def broken() -> Store:
        raise StoreUnavailable("the disk is full")

    webhook = replace(made(open_store("sqlite://"), Told()), store=broken)
    assert ask(webhook, review("deployment_update")).status == 200
