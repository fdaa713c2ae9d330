"""Who is ticked when: an idle installation is not, nobody starves, and no order of calls changes a release's way."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Event
from typing import TYPE_CHECKING

import pytest
from google.cloud import scheduler_v1
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.heartbeat import Pace, guarded_tick, heartbeat
from shared.jobs.cloud_scheduler import CloudScheduler, Place
from shared.rollout import Command, Phase, Verb
from shared.state.open import open_store
from tests.support.app import NAME, Release, release_key
from tests.support.cluster import install_crds
from tests.support.embedded_cluster import EmbeddedCluster
from tests.support.scheduler import LocalScheduler
from tests.support.serin import Serin, passing, passing_serin
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.checks.subject import Subject
    from shared.checks.verdict import CheckResult
    from shared.cluster.gateway import Gateway
    from shared.state.store import Store

JOB = "projects/p/locations/l/jobs/serin-heartbeat-test"


@pytest.fixture
def release(embedded_cluster: EmbeddedCluster) -> Release:
    return Release(embedded_cluster, embedded_cluster.create_namespace())


@pytest.fixture
def scheduler() -> Iterator[LocalScheduler]:
    with LocalScheduler() as running:
        yield running


def at_rest(serin: Serin, phase: Phase = Phase.INITIALIZED) -> None:
    serin.run_until(lambda rollout: rollout.phase is phase and not rollout.active)


def test_the_heartbeat_sleeps_when_nothing_is_active_and_the_sweep_wakes_it(
    release: Release, sqlite: Store, scheduler: LocalScheduler
) -> None:
    serin = passing_serin(release.cluster, sqlite, release.namespace)
    jobs = CloudScheduler(Place("p", "l", "serin"), serin.parts.log, scheduler.connect)
    make_job(scheduler)
    parts = replace(serin.parts, jobs=jobs)
    release.install(interval="1s")
    at_rest(serin)
    mark = release.cluster.mark()
    heartbeat(parts, "test", Pace(seconds=2))
    assert scheduler.state_of(JOB) == "PAUSED"
    for _ in range(5):  # minutes
        serin.clock.skip_to(serin.clock() + timedelta(minutes=1))
        heartbeat(parts, "test", Pace(seconds=2))
    assert release.cluster.requests_by("serin", mark) == []
    release.upgrade("app:2")
    replace(serin, parts=parts).sweep()
    assert scheduler.state_of(JOB) == "ENABLED"


@pytest.fixture
def quiet_cluster(tmp_path: Path) -> Iterator[EmbeddedCluster]:
    """A cluster of this test alone: what other tests leave behind would be looked after, too."""
    with EmbeddedCluster(tmp_path) as cluster:
        install_crds(cluster)
        yield cluster


@pytest.mark.timeout(400)
def test_of_300_canaries_50_are_active_and_none_starves(quiet_cluster: EmbeddedCluster, sqlite: Store) -> None:
    everything = [Release(quiet_cluster, quiet_cluster.create_namespace()) for _ in range(300)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda release: release.install(interval="2s", stepWeight=1), everything))
    serin = passing_serin(quiet_cluster, sqlite, everything[0].namespace)
    serin.sweep()
    heartbeat(serin.parts, "test", Pace(seconds=60))
    assert sqlite.next_due("test") is None, "all are at rest"
    releases = everything[::6]
    for release in releases:
        release.upgrade("app:2")
        replace(serin, key=release_key(release.namespace)).hint()
    weights, ticks = [0], 0
    while min(weights) < 3:  # how many heartbeats that takes is the machine's business
        ticks += heartbeat(serin.parts, "test", Pace(seconds=4)).ticks
        weights = [replace(serin, key=release_key(release.namespace)).rollout.weight for release in releases]
    assert max(weights) - min(weights) <= max(weights) / 2, weights
    assert ticks >= 50 * min(weights)


def test_an_abort_does_not_wait_for_checks_that_hang(release: Release, sqlite: Store) -> None:
    serin = passing_serin(release.cluster, sqlite, release.namespace)
    release.install(interval="1s")
    at_rest(serin)
    release.upgrade("app:2")
    serin.hint()
    serin.run_until(lambda rollout: rollout.weight == 25)
    asking, answered = Event(), Event()

    def hang(subject: Subject) -> tuple[CheckResult, ...]:
        asking.set()
        answered.wait(60)
        return passing(subject)

    parts = replace(serin.parts, analyse=hang)
    with ThreadPoolExecutor(1) as pool:
        beat = pool.submit(heartbeat, parts, "test", Pace(seconds=5, concurrency=1, notice=0.1))
        assert asking.wait(30)
        sqlite.submit(serin.key, Command("c1", Verb.ABORT, "ada", serin.clock()))
        eventually("all traffic is on the primary", lambda: release.weights() == (100, 0), seconds=10)
        assert not beat.done()
        answered.set()
    assert serin.rollout.phase is Phase.FAILED


ACTIONS = ("tick", "tick", "twice", "sweep", "hint", "early", "pause")
ASIDE = ("Halt", "Paused", "Resumed", "ann asked", f"Canary {NAME}.")


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=st.lists(st.sampled_from(ACTIONS), min_size=10, max_size=60))
def test_whatever_calls_come_in_whatever_order_a_release_goes_the_same_way(
    embedded_cluster: EmbeddedCluster, actions: list[str]
) -> None:
    release = Release(embedded_cluster, embedded_cluster.create_namespace())
    serin = passing_serin(embedded_cluster, open_store("sqlite://"), release.namespace)
    release.install(interval="1s", stepWeight=20)
    at_rest(serin)
    before = len(serin.messages)
    release.upgrade("app:2")
    for action in actions:
        act(serin, action)
    serin.sweep()
    at_rest(serin, Phase.SUCCEEDED)
    said = [text for text in serin.messages[before:] if not text.startswith(ASIDE)]
    name = f"{NAME}.{release.namespace}"
    assert said == [
        f"New revision detected! Scaling up {name}",
        f"Starting canary analysis for {name}",
        *[f"Advance {name} canary weight {weight}" for weight in (20, 40, 50)],
        f"Copying {name} template spec to {NAME}-primary.{release.namespace}",
        "Routing all traffic to primary",
        f"Promotion completed! Scaling down {name}",
    ]
    assert release.image("frontend-primary") == "app:2"


def act(serin: Serin, action: str) -> None:
    match action:
        case "tick":
            serin.clock.skip_to(serin.rollout.due_at)
            serin.tick()
        case "twice":
            serin.clock.skip_to(serin.rollout.due_at)
            with ThreadPoolExecutor(4) as pool:
                list(pool.map(lambda _: serin.tick(), range(4)))
        case "early":
            serin.tick()
        case "sweep":
            serin.sweep()
        case "hint":
            serin.hint()
        case "pause":
            for verb in (Verb.PAUSE, Verb.PAUSE, Verb.RESUME):
                command = Command(f"{verb}-{serin.rollout.version}", verb, "ann", serin.clock())
                serin.parts.store.submit(serin.key, command)
                serin.tick()


def make_job(scheduler: LocalScheduler) -> None:
    target = scheduler_v1.HttpTarget(uri="http://127.0.0.1:9/")
    job = scheduler_v1.Job(name=JOB, schedule="* * * * *", http_target=target)
    scheduler.connect().create_job(parent="projects/p/locations/l", job=job)


def test_a_fault_of_serins_own_is_met_again_after_a_pause_and_takes_no_other_rollout_with_it(
    embedded_cluster: EmbeddedCluster, sqlite: Store
) -> None:
    release = Release(embedded_cluster, embedded_cluster.create_namespace())
    serin = passing_serin(embedded_cluster, sqlite, release.namespace)
    release.install(interval="1s")
    serin.sweep()
    calls = []

    def broken(cluster: str) -> Gateway:
        calls.append(cluster)
        raise ZeroDivisionError

    parts = replace(serin.parts, gateway=broken)
    serin.clock.skip_to(serin.rollout.due_at)
    guarded_tick(parts, serin.key)
    guarded_tick(parts, serin.key)
    assert len(calls) == 1
    at_rest(serin)
