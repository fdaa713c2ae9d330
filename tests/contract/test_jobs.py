"""What every scheduler owes Serin: the same tests against Cloud Scheduler's API, kind and strict, and the local loop.

The calls that a heartbeat job makes arrive at a real HTTP server.
"""

from __future__ import annotations

import io
import json
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import pytest

from shared.jobs.cloud_scheduler import CloudScheduler
from shared.jobs.local import LocalJobs
from shared.logs import Log
from shared.schedule import Job, LocalLoop
from tests.support.google_identity import Google
from tests.support.scheduler import LocalScheduler
from tests.support.scheduler_jobs import ACTIONS, PLACE, install, messages
from tests.support.waiting import eventually
from tests.support.web import WebServer, reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.jobs.protocol import Jobs
    from tests.support.web import Handler

OFTEN, SELDOM = 0.05, 60.0


@dataclass(frozen=True, slots=True)
class World:
    """A scheduler that calls ``function`` for the cluster ``east``, and what it logs."""

    jobs: Jobs
    function: WebServer
    log: io.StringIO

    def count(self, job: str = "heartbeat") -> int:
        """How often the function was called for a job."""
        return sum(json.loads(request.body)["job"] == job for request in self.function.requests)

    def has_more_than(self, heartbeats: int) -> bool:
        """Whether so many and more have been made."""
        return self.count() > heartbeats

    def fall_silent(self) -> None:
        """Wait until no heartbeat comes for several of its minutes; what was under way may still come."""
        eventually("no heartbeat comes any more", self._is_silent)

    def _is_silent(self) -> bool:
        before = self.count()
        time.sleep(8 * OFTEN)
        return self.count() == before

    def go_on(self) -> None:
        """Wait until heartbeats come again and again."""
        before = self.count()
        eventually("it is called again and again", lambda: self.count() >= before + 3)

    def said(self) -> list[str]:
        """The sentences in the log."""
        return messages(self.log)


def open_world(kind: str, every: float, running: ExitStack) -> World:
    """A world whose cron calls every job once in ``every`` seconds."""
    log = io.StringIO()
    function = running.enter_context(WebServer(reply(200, "{}")))
    if kind == "local":
        jobs = [Job("heartbeat", every, limit=5, cluster="east"), Job("sweep", every, limit=5, cluster="east")]
        loop = running.enter_context(LocalLoop(function.url, jobs, Log(log)))
        return World(LocalJobs(loop, Log(log)), function, log)
    google = running.enter_context(Google())
    scheduler = LocalScheduler(strict=kind == "strict", minute=every, sign=google.sign)
    running.enter_context(scheduler)
    install(scheduler, function.url)
    return World(CloudScheduler(PLACE, Log(log), scheduler.connect), function, log)


@pytest.fixture(params=["strict", "kind", "local"])
def often(request: pytest.FixtureRequest) -> Iterator[World]:
    """A world where time flies."""
    with ExitStack() as running:
        yield open_world(request.param, OFTEN, running)


@pytest.fixture(params=["strict", "kind", "local"])
def seldom(request: pytest.FixtureRequest) -> Iterator[World]:
    """A world where, once it has begun, nothing is called that is not forced."""
    with ExitStack() as running:
        world = open_world(request.param, SELDOM, running)
        if request.param == "local":
            eventually("the loop has begun", lambda: world.count() and world.count("sweep"))
        yield world


def test_a_paused_heartbeat_is_not_called_and_a_resumed_one_is(often: World) -> None:
    eventually("it is called at first", often.count)
    assert often.jobs.pause("east")
    often.fall_silent()
    assert often.jobs.resume("east")
    often.go_on()


def test_the_sweep_is_never_paused(often: World) -> None:
    assert often.jobs.pause("east")
    before = often.count("sweep")
    eventually("the sweep goes on", lambda: often.count("sweep") >= before + 3)


@pytest.mark.parametrize("action", ACTIONS)
def test_saying_it_twice_is_saying_it_once(often: World, action: str) -> None:
    assert getattr(often.jobs, action)("east")
    assert getattr(often.jobs, action)("east")
    assert often.said() == []
    if action == "pause":
        often.fall_silent()
    else:
        often.go_on()


def test_forcing_calls_at_once(seldom: World) -> None:
    for _ in range(3):
        before = seldom.count()
        assert seldom.jobs.force("east")
        eventually("the call came", partial(seldom.has_more_than, before), seconds=5)
    assert seldom.said() == []


def test_forcing_a_paused_heartbeat_calls_it_and_has_it_called_from_then_on(often: World) -> None:
    assert often.jobs.pause("east")
    often.fall_silent()
    assert often.jobs.force("east")
    often.go_on()


def test_forcing_during_a_call_makes_another_one(seldom: World) -> None:
    held = threading.Event()

    def answer_late(handler: Handler) -> None:
        held.wait(10)
        reply(200, "{}")(handler)

    before = seldom.count()
    seldom.function.script.insert(0, answer_late)
    seldom.jobs.force("east")
    eventually("a call is under way", lambda: seldom.count() == before + 1)
    assert seldom.jobs.force("east")
    held.set()
    eventually("another one came", lambda: seldom.count() == before + 2)


def test_a_pause_lets_the_call_that_was_forced_before_come(seldom: World) -> None:
    before = seldom.count()
    assert seldom.jobs.force("east")
    assert seldom.jobs.pause("east")
    eventually("it came", lambda: seldom.count() == before + 1)


def test_many_threads_at_once_leave_it_as_the_last_word_says(often: World) -> None:
    def shout(seed: int) -> list[bool]:
        chooser = random.Random(seed)  # noqa: S311  a choice of actions
        return [getattr(often.jobs, chooser.choice(ACTIONS))("east") for _ in range(20)]

    with ThreadPoolExecutor(8) as pool:
        assert all(done for some in pool.map(shout, range(8)) for done in some)
    assert often.jobs.pause("east")
    often.fall_silent()
    assert often.jobs.resume("east")
    often.go_on()
    assert often.said() == []


@pytest.mark.parametrize("action", ACTIONS)
def test_a_cluster_without_a_job_is_reported_once_and_nothing_is_raised(seldom: World, action: str) -> None:
    for again in (action, *ACTIONS):
        assert not getattr(seldom.jobs, again)("west")
    [said] = seldom.said()
    assert "west" in said


def test_the_end_of_a_local_loop_is_reported_once() -> None:
    log = io.StringIO()
    with WebServer(reply(200, "{}")) as function:
        with LocalLoop(function.url, [Job("heartbeat", SELDOM, limit=5, cluster="east")], Log(log)) as loop:
            jobs = LocalJobs(loop, Log(log))
            assert jobs.force("east")
        assert not any([jobs.force("east"), jobs.resume("east"), jobs.pause("east")])
    assert len(messages(log)) == 1
