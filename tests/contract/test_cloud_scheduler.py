"""What Cloud Scheduler alone can do to Serin: its quota, jobs changed by others, a missing job or permission, silence.

Google's own client against the local Cloud Scheduler, strict as its reference and kinder than it.
"""

from __future__ import annotations

import io
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from google.cloud.scheduler_v1 import types

from shared.identity.certificates import Certificates
from shared.identity.oidc import Caller, Trust, Verifier
from shared.jobs.cloud_scheduler import LIMIT_SECONDS, CloudScheduler, connect_to_google
from shared.logs import Log
from tests.support.google_identity import Google
from tests.support.scheduler import LocalScheduler
from tests.support.scheduler_jobs import ACCOUNT, ACTIONS, HEARTBEAT, PLACE, install, messages
from tests.support.waiting import eventually
from tests.support.web import WebServer, reply

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from google.cloud.scheduler_v1 import CloudSchedulerClient

    from shared.jobs.protocol import Jobs


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True, slots=True)
class Cloud:
    """A scheduler without cron, and jobs that look at it with another clock."""

    scheduler: LocalScheduler
    jobs: CloudScheduler
    clock: Clock
    function: WebServer
    log: io.StringIO

    def said(self) -> list[str]:
        """The sentences in the log."""
        return messages(self.log)

    def impatient(self) -> CloudScheduler:
        """Other jobs, which wait for ``LIMIT`` only."""
        return CloudScheduler(PLACE, Log(self.log), self.scheduler.connect, LIMIT)


LIMIT = 0.4


@pytest.fixture(params=["strict", "kind"])
def cloud(request: pytest.FixtureRequest) -> Iterator[Cloud]:
    """A heartbeat that is on."""
    log, clock = io.StringIO(), Clock()
    scheduler = LocalScheduler(strict=request.param == "strict", sign=lambda email, audience: f"{email} {audience}")
    with WebServer(reply(200, "{}")) as function, scheduler:
        install(scheduler, function.url)
        jobs = CloudScheduler(PLACE, Log(log), scheduler.connect, clock=clock)
        yield Cloud(scheduler, jobs, clock, function, log)


def test_what_is_known_is_not_written_again_until_it_may_be_otherwise(cloud: Cloud) -> None:
    for seconds, writes in ((0, 1), (59, 1), (1, 2)):
        cloud.clock.now += seconds
        assert cloud.jobs.resume("east")
        assert cloud.scheduler.calls["ResumeJob"] == writes
    for seconds, writes in ((0, 1), (9, 1), (1, 2)):
        cloud.clock.now += seconds
        assert cloud.jobs.pause("east")
        assert cloud.scheduler.calls["PauseJob"] == writes
    assert cloud.scheduler.state_of(HEARTBEAT) == "PAUSED"


def test_a_force_knows_better_than_memory(cloud: Cloud) -> None:
    assert cloud.jobs.resume("east")
    cloud.scheduler.connect().pause_job(name=HEARTBEAT)  # another process
    assert cloud.jobs.force("east")
    assert cloud.scheduler.state_of(HEARTBEAT) == "ENABLED"
    eventually("the call came", lambda: len(cloud.function.requests) == 1)


def test_one_run_serves_all_who_asked_before_it_began(cloud: Cloud) -> None:
    jobs = CloudScheduler(PLACE, Log(cloud.log), cloud.scheduler.connect)
    cloud.scheduler.holding.set()
    with ThreadPoolExecutor(11) as pool:
        first = pool.submit(jobs.force, "east")
        eventually("the first is on its way", lambda: cloud.scheduler.calls["RunJob"] == 1)
        others = [pool.submit(jobs.force, "east") for _ in range(10)]
        time.sleep(0.3)
        cloud.scheduler.holding.clear()
        assert first.result()
        assert all(other.result() for other in others)
    assert cloud.scheduler.calls["RunJob"] == 2, "the first cannot serve those who came after it had begun"


def test_a_call_carries_what_proves_whose_it_is() -> None:
    log = io.StringIO()
    with Google() as google, WebServer(reply(200, "{}")) as function, LocalScheduler(sign=google.sign) as scheduler:
        install(scheduler, function.url)
        assert CloudScheduler(PLACE, Log(log), scheduler.connect).force("east")
        [request] = eventually("the call came", lambda: list(function.requests))
        trust = Trust(frozenset({function.url}), frozenset({ACCOUNT}))
        caller = Verifier(trust, Certificates(google.url)).verify(request.headers["authorization"])
    assert caller == Caller(ACCOUNT, function.url)
    assert request.headers["user-agent"] == "Google-Cloud-Scheduler"
    assert request.headers["x-cloudscheduler"] == "true"
    assert request.headers["x-cloudscheduler-jobname"] == "serin-heartbeat-east"


def act(jobs: Jobs, limit: float = LIMIT_SECONDS) -> bool:
    """All three, twice; whether any of them worked, each in time."""
    done = []
    for action in (*ACTIONS, *ACTIONS):
        began = time.monotonic()
        done.append(getattr(jobs, action)("east"))
        assert time.monotonic() - began < limit + 1
    return any(done)


def test_a_missing_permission_is_said_once_without_the_words_of_the_service(cloud: Cloud) -> None:
    cloud.scheduler.denied |= {"pause", "enable", "run"}
    assert not act(cloud.jobs)
    [said] = cloud.said()
    assert HEARTBEAT in said
    assert "cloudscheduler.jobs.pause, .enable, .run and .get" in said
    assert "principal" not in said


def test_a_trouble_is_over_when_what_failed_works_and_not_before(cloud: Cloud) -> None:
    cloud.scheduler.denied.add("pause")
    for _ in range(3):
        assert not cloud.jobs.pause("east")
        assert cloud.jobs.force("east")
    assert len(cloud.said()) == 1
    cloud.scheduler.denied.clear()
    assert cloud.jobs.pause("east")
    cloud.scheduler.denied.add("enable")
    assert not cloud.jobs.resume("east")
    assert len(cloud.said()) == 2


def test_a_deleted_job_is_said_once_and_each_kind_of_trouble_apart(cloud: Cloud) -> None:
    cloud.scheduler.connect().delete_job(name=HEARTBEAT)
    assert not act(cloud.jobs)
    cloud.scheduler.denied |= {"run"}
    assert not act(cloud.jobs)
    assert ["there is no such job" in said for said in cloud.said()] == [True, False]


def test_a_dead_service_is_said_once_and_used_again_when_it_is_back(cloud: Cloud) -> None:
    assert cloud.jobs.resume("east")
    cloud.clock.now += 61
    cloud.scheduler.stop()
    assert not act(cloud.jobs)
    [said] = cloud.said()
    assert "Cloud Scheduler does not answer" in said
    cloud.scheduler.start()
    eventually("it is used again", lambda: cloud.jobs.force("east"), seconds=20)
    assert len(cloud.said()) == 1


def test_a_hanging_service_is_said_once_and_holds_nobody_for_long(cloud: Cloud) -> None:
    jobs = cloud.impatient()
    cloud.scheduler.hanging.set()
    assert not act(jobs, LIMIT)
    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        assert not any(pool.map(jobs.force, ["east"] * 8))
    assert time.monotonic() - began < LIMIT + 1, "they wait together, not one after the other"
    assert len(cloud.said()) == 1
    cloud.scheduler.hanging.clear()
    eventually("it works again", lambda: jobs.pause("east"))


def test_what_was_not_answered_is_not_believed(cloud: Cloud) -> None:
    jobs = cloud.impatient()
    eventually("it is resumed", lambda: jobs.resume("east"))
    cloud.scheduler.hanging.set()
    assert not jobs.pause("east")
    cloud.scheduler.hanging.clear()
    cloud.scheduler.connect().pause_job(name=HEARTBEAT)  # the service obeyed, but its answer was lost
    assert eventually("it is resumed", lambda: jobs.resume("east"))
    assert cloud.scheduler.state_of(HEARTBEAT) == "ENABLED"


@pytest.mark.parametrize("state", [types.Job.State.DISABLED, types.Job.State.UPDATE_FAILED])
def test_a_job_that_can_be_neither_is_reported_with_its_state(cloud: Cloud, state: types.Job.State) -> None:
    cloud.scheduler.set_state(HEARTBEAT, state)
    assert not cloud.jobs.force("east")
    [said] = cloud.said()
    assert types.Job.State(state).name in said


def test_credentials_that_do_not_come_hold_nobody_for_long() -> None:
    log, over = io.StringIO(), threading.Event()

    def connect() -> CloudSchedulerClient:
        over.wait(20)
        raise TimeoutError

    jobs = CloudScheduler(PLACE, Log(log), connect, LIMIT)
    try:
        assert not act(jobs, LIMIT)
    finally:
        over.set()
    assert len(messages(log)) == 1


def test_a_process_without_credentials_is_told_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    log = io.StringIO()
    jobs = CloudScheduler(PLACE, Log(log), connect_to_google)
    assert not act(jobs)
    [said] = messages(log)
    assert "no Google credentials" in said


def test_the_client_is_made_when_it_is_first_needed() -> None:
    code = (
        "import sys; from shared.jobs import cloud_scheduler as c; from shared.logs import Log;"
        "c.CloudScheduler(c.Place('p', 'l', 's'), Log()); print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"grpc", "google.auth", "google.cloud.scheduler_v1"} & set(loaded)
