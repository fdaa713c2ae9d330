"""Event hooks hear every line at least once, in its order, and a dead one holds up nothing."""

from __future__ import annotations

import io
import json
import time
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from shared.canary.model import Hook, HookType
from shared.checks.allowlist import Egress
from shared.checks.transport import Http
from shared.letters import LIMIT, PATIENCE, PAUSE, Postman, write_event, write_letters
from shared.logs import Log
from shared.revision import revision_mark
from shared.rollout import Line, RolloutKey, Severity
from tests.support.samples import NEW, NOW, canary, rollout
from tests.support.web import WebServer, closed_port, hang, reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.canary.model import Canary
    from shared.rollout import Letter

KEY = RolloutKey("here", "test", "frontend")
LINES = (
    Line(7, NOW, Severity.INFO, "Advance frontend.test canary weight 10"),
    Line(8, NOW, Severity.WARNING, "Halt frontend.test advancement"),
)


@pytest.fixture
def log() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def postman(log: io.StringIO) -> Iterator[Postman]:
    http = Http(Egress(("*",)))
    yield Postman(http, Log(log))
    http.close()


def listened_by(*urls: str) -> Canary:
    hooks = (Hook(f"bell-{index}", url, HookType.EVENT) for index, url in enumerate(urls))
    return canary(hooks=(*hooks, Hook("load", "http://127.0.0.1:1/")))


def letters_of(app: Canary) -> tuple[Letter, ...]:
    return write_letters(app, rollout(), LINES)


def test_an_event_hook_gets_what_flaggers_gets_and_its_metadata_replaces_nothing() -> None:
    metadata = {"team": "shop", "eventType": "Panic"}
    hook = Hook("bell", "http://bell.test/", HookType.EVENT, metadata=metadata)
    first, second = write_letters(canary(hooks=(hook,)), rollout(gate="confirm-promotion/sign-off"), LINES)
    assert json.loads(write_event(canary(), hook, first)) == {
        "name": "frontend",
        "namespace": "test",
        "phase": "WaitingPromotion",
        "checksum": revision_mark(NEW),
        "metadata": {
            "team": "shop",
            "eventMessage": "Advance frontend.test canary weight 10",
            "eventType": "Normal",
            "timestamp": str(int(NOW.timestamp() * 1000)),
        },
    }
    assert json.loads(write_event(canary(), hook, second))["metadata"]["eventType"] == "Warning"


def test_every_event_hook_gets_every_line_in_order_once(postman: Postman) -> None:
    with WebServer(reply(200)) as one, WebServer(reply(404, "who are you?")) as other:
        app = listened_by(one.url, other.url)
        letters = letters_of(app)
        for _ in range(3):  # before any commit wrote it down
            postman.deliver(app, KEY, letters, NOW)
    for server in (one, other):
        told = [json.loads(request.body)["metadata"]["eventMessage"] for request in server.requests]
        assert told == [line.text for line in LINES]
    assert postman.left(KEY, letters, NOW) == ()


def test_without_event_hooks_there_are_no_letters() -> None:
    assert letters_of(listened_by()) == ()


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_hook_that_cannot_take_a_letter_now_gets_it_later_and_before_the_next(
    postman: Postman, status: int, log: io.StringIO
) -> None:
    with WebServer(reply(status), reply(200)) as server:
        app = listened_by(server.url)
        letters = letters_of(app)
        postman.deliver(app, KEY, letters, NOW)
        postman.deliver(app, KEY, letters, NOW + PAUSE / 2)
        assert len(server.requests) == 1
        assert postman.left(KEY, letters, NOW + PAUSE) == letters
        postman.deliver(app, KEY, letters, NOW + PAUSE)
    assert [json.loads(request.body)["metadata"]["eventType"] for request in server.requests[1:]] == [
        "Normal",
        "Warning",
    ]
    assert f"Event hook bell-0 took no event (HTTP {status})" in log.getvalue()


def test_a_dead_hook_keeps_no_other_from_hearing(postman: Postman) -> None:
    with WebServer(reply(200)) as server:
        app = listened_by(f"http://127.0.0.1:{closed_port()}", server.url)
        postman.deliver(app, KEY, letters_of(app), NOW)
    assert len(server.requests) == len(LINES)
    assert {letter.hook for letter in postman.left(KEY, letters_of(app), NOW)} == {"bell-0"}


def test_hooks_that_hang_hold_a_tick_no_longer_than_the_limit(
    postman: Postman, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert LIMIT == 5.0
    monkeypatch.setattr("shared.letters.LIMIT", 0.4)
    with WebServer(hang) as server:
        app = listened_by(*[f"{server.url}/{index}" for index in range(5)])
        began = time.monotonic()
        postman.deliver(app, KEY, letters_of(app), NOW)
        assert time.monotonic() - began < 1.5
    assert postman.left(KEY, letters_of(app), NOW) == letters_of(app)


def test_a_letter_is_given_up_when_it_is_old_and_that_is_said(postman: Postman, log: io.StringIO) -> None:
    letters = letters_of(listened_by("http://127.0.0.1:1/"))
    assert postman.left(KEY, letters, NOW + PATIENCE - timedelta(seconds=1)) == letters
    assert postman.left(KEY, letters, NOW + PATIENCE) == ()
    assert "Event hook bell-0 was given up" in log.getvalue()


def test_a_hook_that_is_no_longer_in_the_canary_is_told_nothing(postman: Postman) -> None:
    with WebServer(reply(200)) as server:
        letters = letters_of(listened_by(server.url))
        postman.deliver(canary(), KEY, letters, NOW)
    assert (server.requests, postman.left(KEY, letters, NOW)) == ([], ())


def test_another_process_delivers_what_one_took_with_it_to_the_grave(postman: Postman) -> None:
    with WebServer(reply(200)) as server:
        app = listened_by(server.url)
        postman.deliver(app, KEY, letters_of(app), NOW)
        Postman(Http(Egress(("*",))), Log(io.StringIO())).deliver(app, KEY, letters_of(app), NOW)
    assert len(server.requests) == 2 * len(LINES)


def test_another_rollout_of_the_same_hook_is_not_shut_out(postman: Postman) -> None:
    with WebServer(reply(503), reply(200)) as server:
        app = listened_by(server.url)
        postman.deliver(app, KEY, letters_of(app), NOW)
        postman.deliver(app, replace(KEY, name="other"), letters_of(app), NOW)
    assert len(server.requests) == 1 + len(LINES)
