"""Certificates over real HTTP: how long they are kept, when Google is asked again, and what its silence means."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from shared.identity.certificates import Certificates, KeysUnavailable
from shared.identity.oidc import Caller, CallerRefused, Trust, Verifier
from tests.support.google_identity import MAX_AGE, Google, make_certificate
from tests.support.waiting import eventually
from tests.support.web import closed_port, drip, flood, hang, reply, reset, send

if TYPE_CHECKING:
    from tests.support.web import Behaviour

ACCOUNT, AUDIENCE = "scheduler@p.iam.gserviceaccount.com", "https://tick.example"
TRUST = Trust(frozenset({AUDIENCE}), frozenset({ACCOUNT}))


class Hours:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_they_are_fetched_once_for_as_long_as_google_says() -> None:
    clock = Hours()
    with Google() as google:
        certificates = Certificates(google.url, clock=clock)
        for age in (0, 1, MAX_AGE - 1):
            clock.now = 1000.0 + age
            assert certificates.find("first") is not None
        assert len(google.requests) == 1
        clock.now = 1000.0 + MAX_AGE
        certificates.find("first")
        assert len(google.requests) == 2


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("", 3600), ("no-store", 3600), ("max-age=7200", 7200), ("max-age=0", 60), ("max-age=99999999", 24 * 3600)],
)
def test_without_a_sensible_age_they_are_kept_for_a_sensible_time(header: str, seconds: int) -> None:
    clock = Hours()
    with Google() as google:
        google.broken = reply(200, json.dumps({"first": make_certificate("first")}), {"Cache-Control": header})
        certificates = Certificates(google.url, clock=clock)
        assert certificates.find("first")
        google.broken = reply(500)
        clock.now += seconds - 1
        assert certificates.find("first")
        clock.now += 1
        with pytest.raises(KeysUnavailable):
            certificates.find("first")


def test_an_unknown_key_is_asked_for_once_and_found_after_a_rotation() -> None:
    clock = Hours()
    with Google("first") as google:
        verifier = Verifier(TRUST, Certificates(google.url, clock=clock))
        old = google.sign(ACCOUNT, AUDIENCE)
        assert verifier.verify(f"Bearer {old}") == Caller(ACCOUNT, AUDIENCE)
        google.keys.append("second")
        new = google.sign(ACCOUNT, AUDIENCE)
        clock.now += 30
        assert verifier.verify(f"Bearer {new}") == Caller(ACCOUNT, AUDIENCE)
        assert verifier.verify(f"Bearer {old}") == Caller(ACCOUNT, AUDIENCE)
        assert len(google.requests) == 2
        google.keys.remove("first")
        clock.now += MAX_AGE
        with pytest.raises(CallerRefused, match="a key that Google does not have"):
            verifier.verify(f"Bearer {old}")


def test_made_up_keys_do_not_make_us_ask_for_each() -> None:
    clock = Hours()
    with Google() as google:
        certificates = Certificates(google.url, clock=clock)
        for number in range(20):
            assert certificates.find(f"made-up-{number}") is None
        assert len(google.requests) == 1
        clock.now += 11
        assert certificates.find("made-up") is None
        assert len(google.requests) == 2


@pytest.mark.parametrize(
    "behaviour",
    [
        reply(500, "{}"),
        reply(200, "not JSON"),
        reply(200, "[]"),
        reply(200, '{"first": "no certificate"}'),
        reply(200, '{"first": 7}'),
        reply(200, b"\xff\xfe"),
        send(b"nonsense\r\n"),
        reset,
        hang,
        flood,
        drip(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 100),
        drip(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 100, every=0.001),
    ],
    ids=[
        "500",
        "text",
        "list",
        "junk",
        "number",
        "bytes",
        "not HTTP",
        "reset",
        "hang",
        "flood",
        "drip",
        "x",
    ],
)
def test_whatever_google_does_it_means_not_now_and_comes_soon(behaviour: Behaviour) -> None:
    with Google() as google:
        google.broken = behaviour
        began = time.monotonic()
        with pytest.raises(KeysUnavailable, match="gave no certificates"):
            Certificates(google.url, limit=0.5).find("first")
        assert time.monotonic() - began < 2


def test_no_redirect_is_followed() -> None:
    with Google() as google, Google() as elsewhere:
        google.broken = reply(302, "", {"Location": elsewhere.url})
        with pytest.raises(KeysUnavailable):
            Certificates(google.url).find("first")
        assert elsewhere.requests == []


def test_an_endpoint_that_has_just_failed_is_left_alone_for_a_moment() -> None:
    clock = Hours()
    with Google() as google:
        google.broken = reply(503)
        certificates = Certificates(google.url, clock=clock)
        for seconds, requests in ((0, 1), (0.75, 1), (0.25, 2)):
            clock.now += seconds
            with pytest.raises(KeysUnavailable):
                certificates.find("first")
            assert len(google.requests) == requests


def test_a_dead_endpoint_means_not_now() -> None:
    verifier = Verifier(TRUST, Certificates(f"http://127.0.0.1:{closed_port()}"))
    with Google() as google, pytest.raises(KeysUnavailable):
        verifier.verify(f"Bearer {google.sign(ACCOUNT, AUDIENCE)}")


def test_while_google_is_silent_known_keys_serve_until_their_time_is_over() -> None:
    clock = Hours()
    with Google() as google:
        certificates = Certificates(google.url, clock=clock)
        assert certificates.find("first")
        google.broken = reply(503)
        clock.now += MAX_AGE - 1
        with pytest.raises(KeysUnavailable):
            certificates.find("second")
        assert certificates.find("first")
        clock.now += 1
        with pytest.raises(KeysUnavailable):
            certificates.find("first")
        google.broken = None
        clock.now += 1
        assert certificates.find("first")


def test_many_callers_make_one_request_and_none_waits_for_long_when_it_hangs() -> None:
    with Google() as google:
        certificates = Certificates(google.url)
        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(certificates.find, ["first"] * 16))
        assert len(google.requests) == 1
        google.broken = hang
        hung = Certificates(google.url, limit=0.4)
        began = time.monotonic()
        with ThreadPoolExecutor(8) as pool:
            outcomes = list(pool.map(lambda _: _outcome(hung), range(16)))
        assert outcomes == ["unavailable"] * 16
        assert time.monotonic() - began < 3, "they wait together, not one after the other"
        assert len(google.requests) <= 4


def _outcome(certificates: Certificates) -> str:
    try:
        certificates.find("first")
    except KeysUnavailable:
        return "unavailable"
    return "found"


def test_no_proxy_and_no_netrc_comes_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port()}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    with Google() as google:
        assert Certificates(google.url).find("first")


def test_nothing_goes_on_reading_from_a_server_that_drips() -> None:
    before = set(threading.enumerate())
    with Google() as google:
        google.broken = drip(b"HTTP/1.1 200 OK\r\n\r\n" + make_certificate("first").encode(), every=0.02)
        with pytest.raises(KeysUnavailable):
            Certificates(google.url, limit=0.3).find("first")
        eventually("the thread that read has given up", lambda: not _readers(before), seconds=5)


def _readers(before: set[threading.Thread]) -> list[str]:
    return [thread.name for thread in set(threading.enumerate()) - before if thread.name == "call within"]
