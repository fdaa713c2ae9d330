"""The local loop against a real HTTP server: when it calls, what survives a failing call, and that it ends."""

from __future__ import annotations

import io
import json
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from shared import schedule
from shared.logs import Log
from shared.schedule import Job, LocalLoop
from tests.support.waiting import eventually
from tests.support.web import WebServer, closed_port, reply, reset

if TYPE_CHECKING:
    from tests.support.web import Behaviour, Handler, Received

OK = reply(200, "{}")


class Gauge(WebServer):
    """Takes its time for each answer, and counts the calls of each job: made, and under way at the same time."""

    def __init__(self, seconds: float) -> None:
        super().__init__(OK)
        self.made: Counter[str] = Counter()
        self.running: Counter[str] = Counter()
        self.most = 0
        self.together = False
        self._seconds = seconds
        self._gauge = threading.Lock()

    def take(self, request: Received) -> Behaviour:
        """Remember it; answer later."""
        behave = super().take(request)
        return lambda handler: self._measure(json.loads(request.body)["job"], behave, handler)

    def _measure(self, job: str, behave: Behaviour, handler: Handler) -> None:
        with self._gauge:
            self.made[job] += 1
            self.running[job] += 1
            self.most = max(self.most, self.running[job])
            self.together |= all(self.running[name] for name in ("heartbeat", "sweep"))
        time.sleep(self._seconds)
        with self._gauge:
            self.running[job] -= 1
        behave(handler)


def calls(server: WebServer, job: str) -> int:
    """How often the server was called for a job."""
    return sum(json.loads(request.body) == {"job": job} for request in server.requests)


def messages(log: io.StringIO) -> list[str]:
    """The sentences in a log."""
    return [json.loads(line)["msg"] for line in log.getvalue().splitlines()]


def test_calls_of_one_job_follow_each_other_and_those_of_another_run_beside_them() -> None:
    jobs = [Job("heartbeat", every=0.001, limit=5), Job("sweep", every=0.001, limit=5)]
    server = Gauge(0.05)
    with server, LocalLoop(server.url, jobs, Log(io.StringIO())):
        eventually("both were called often", lambda: server.made["heartbeat"] >= 5 and server.made["sweep"] >= 5)
    assert server.most == 1
    assert server.together


def test_a_loop_says_when_a_call_does_not_end_and_when_nobody_calls_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "STUCK", -4.8)
    server = Gauge(1)
    with server, LocalLoop(server.url, [Job("sweep", every=60, limit=5)], Log(io.StringIO())) as loop:
        assert loop.trouble() == ""
        eventually("it says so", lambda: loop.trouble() == "the sweep call does not end")
        eventually("it is over", lambda: loop.trouble() == "")
    assert loop.trouble() == "nobody makes the sweep call any more"


def test_between_two_calls_lies_the_whole_pause() -> None:
    with WebServer(OK) as server, LocalLoop(server.url, [Job("sweep", every=60, limit=5)], Log(io.StringIO())):
        eventually("the first call came at once", lambda: calls(server, "sweep"))
        time.sleep(0.3)
        assert calls(server, "sweep") == 1


@pytest.mark.parametrize("failure", [reply(500, "secret body"), reset], ids=["refused", "torn down"])
def test_a_failing_call_is_said_once_and_ends_nothing(failure: Behaviour) -> None:
    log = io.StringIO()
    job = Job("heartbeat", every=0.01, limit=5)
    with WebServer(failure, failure, OK, failure, OK) as server, LocalLoop(server.url, [job], Log(log)):
        eventually("it went on", lambda: calls(server, "heartbeat") >= 6)
    said = messages(log)
    assert len(said) == 2, "once for the two in a row, once for the one after it had worked"
    assert all(server.url in text and "heartbeat" in text and "secret" not in text for text in said)


def test_a_call_that_fails_is_made_again_long_before_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.schedule.AGAIN", 0.01)
    job = Job("sweep", every=600, limit=5)
    with WebServer(reply(500, ""), OK) as server, LocalLoop(server.url, [job], Log(io.StringIO())):
        eventually("it was made again", lambda: calls(server, "sweep") == 2)


def test_a_function_that_starts_late_is_called_when_it_is_there() -> None:
    log = io.StringIO()
    url = f"http://127.0.0.1:{closed_port()}"
    with LocalLoop(url, [Job("sweep", every=0.01, limit=5)], Log(log)):
        eventually("it was tried", lambda: messages(log))
    assert "got no answer (ConnectionError)" in messages(log)[0]


def test_leaving_waits_for_the_call_under_way_and_makes_no_other() -> None:
    server = Gauge(0.3)
    with server:
        with LocalLoop(server.url, [Job("heartbeat", every=60, limit=5)], Log(io.StringIO())):
            eventually("it was called", lambda: server.made["heartbeat"])
            began = time.monotonic()
        assert server.running["heartbeat"] == 0, "the call was over when the block was left"
        assert time.monotonic() - began < 10, "leaving does not wait for the pause"
        time.sleep(0.05)
        assert server.made["heartbeat"] == 1


def test_no_proxy_of_the_machine_comes_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port()}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    with WebServer(OK) as server, LocalLoop(server.url, [Job("sweep", every=0.01, limit=5)], Log(io.StringIO())):
        eventually("it was called directly", lambda: calls(server, "sweep"))
