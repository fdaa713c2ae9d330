"""SIGTERM in the middle of a tick: that tick is finished, no other is begun, and the exit status is 0."""

from __future__ import annotations

import time
from threading import Event
from typing import TYPE_CHECKING

import pytest

from functions.serve import GRACE
from shared.state.open import open_store
from tests.support.app import Release, release_key
from tests.support.cluster import install_crds
from tests.support.embedded_cluster import EmbeddedCluster
from tests.support.functions import Functions
from tests.support.waiting import eventually
from tests.support.web import WebServer, hang, reply

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.rollout import Rollout
    from tests.support.web import Behaviour, Handler


@pytest.fixture
def release(tmp_path: Path) -> Iterator[Release]:
    with EmbeddedCluster(tmp_path) as cluster:
        install_crds(cluster)
        yield Release(cluster, cluster.create_namespace())


@pytest.fixture
def functions(release: Release, tmp_path: Path) -> Iterator[Functions]:
    """A process that is called as often as may be, and whose heartbeat lasts as long as it does by default."""
    environment = {
        "SERIN_CLUSTER": "test",
        "SERIN_KUBECONFIG": str(release.cluster.kubeconfig),
        "SERIN_STORE": f"sqlite:///{tmp_path}/serin.db",
    }
    with Functions(tmp_path, environment, "--beat", "0.2", "--sweep", "1") as running:
        yield running


def committed(folder: Path, release: Release) -> Rollout:
    found = open_store(f"sqlite:///{folder}/serin.db").load(release_key(release.namespace))
    assert found is not None
    return found


def begin(release: Release, hook: WebServer, interval: str = "1s") -> None:
    """A release whose one hook is asked before each step."""
    webhook = {"name": "gate", "type": "rollout", "url": hook.url, "timeout": "5s"}
    release.install(interval=interval, stepWeight=10, metrics=[], webhooks=[webhook])
    eventually("it is initialized", lambda: release.phase() == "Initialized", 60)
    release.upgrade("app:2")


def held_until(answer: Event) -> Behaviour:
    """An answer that comes when the test says so."""

    def behave(handler: Handler) -> None:
        answer.wait(30)
        reply(200)(handler)

    return behave


def test_a_tick_that_waits_for_a_hook_is_finished_and_is_the_last(
    release: Release, functions: Functions, tmp_path: Path
) -> None:
    with WebServer(reply(200), held_until(answer := Event()), reply(200)) as hook:
        begin(release, hook)
        eventually("a tick waits for its hook", lambda: len(hook.requests) == 2, 60)
        before = committed(tmp_path, release)
        functions.process.signal_end()
        time.sleep(1)
        answer.set()
        assert functions.process.wait(GRACE) == 0
        assert len(hook.requests) == 2
    after = committed(tmp_path, release)
    assert after.version == before.version + 1
    assert after.weight == before.weight + 10
    assert release.weights() == (100 - after.weight, after.weight)


def test_a_hook_that_hangs_holds_the_end_no_longer_than_a_tick(
    release: Release, functions: Functions, tmp_path: Path
) -> None:
    with WebServer(reply(200), hang) as hook:
        begin(release, hook)
        eventually("a tick waits for its hook", lambda: len(hook.requests) == 2, 60)
        before = committed(tmp_path, release)
        functions.process.signal_end()
        assert functions.process.wait(GRACE) == 0
    after = committed(tmp_path, release)
    assert (after.version, after.weight) == (before.version + 1, before.weight)
    assert release.weights() == (100 - after.weight, after.weight)


def test_a_heartbeat_that_sleeps_for_an_interval_ends_at_once(release: Release, functions: Functions) -> None:
    with WebServer(reply(200)) as hook:
        begin(release, hook, interval="45s")
        eventually("it sleeps for the interval", lambda: release.phase() == "Progressing", 60)
        began = time.monotonic()
        functions.process.signal_end()
        assert functions.process.wait(GRACE) == 0
        assert time.monotonic() - began < 20
