"""A hook that answers decides; one that does not says nothing."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from shared.canary.model import Hook, HookType
from shared.checks.allowlist import Egress, EgressRefused
from shared.checks.deadline import Deadline
from shared.checks.hooks import call_hook, write_body
from shared.checks.questions import Facts
from shared.checks.transport import Http, TransportFailed
from shared.checks.verdict import CheckResult, Verdict
from tests.support.canaries import canary
from tests.support.web import WebServer, closed_port, drip, hang, make_certificate, reply, reset, send

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.web import Behaviour

FACTS = Facts("Promoting", "85d557f47b", "000007", failed_checks=1, weight=20, iterations=2, remaining=90.0)
FAILED = "Halt podinfo.test advancement external check gate failed"


@pytest.fixture
def http() -> Iterator[Http]:
    client = Http(Egress(("*",)))
    yield client
    client.close()


def ask(http: Http, hook: Hook, seconds: float = 5.0) -> CheckResult:
    return call_hook(canary(hooks=(hook,)), hook, FACTS, http, Deadline.after(seconds))


def test_a_hook_gets_what_flaggers_hooks_get() -> None:
    hook = Hook("gate", "http://gate.test/", metadata={"type": "cmd", "cmd": 'hey "http://x"'})
    assert write_body(canary(), hook, FACTS) == (
        b'{"name":"podinfo","namespace":"test","phase":"Progressing","checksum":"85d557f47b","buildId":"000007",'
        b'"type":"rollout","failedChecks":1,"canaryWeight":20,"iterations":2,"remainingTime":90000000000,'
        rb'"metadata":{"cmd":"hey \"http://x\"","type":"cmd"}}'
    )
    assert "metadata" not in json.loads(write_body(canary(), replace(hook, metadata={}), FACTS))


@pytest.mark.parametrize(
    ("kind", "phase"),
    [
        (HookType.CONFIRM_ROLLOUT, "Waiting"),
        (HookType.PRE_ROLLOUT, "Progressing"),
        (HookType.ROLLOUT, "Progressing"),
        (HookType.CONFIRM_TRAFFIC_INCREASE, "Progressing"),
        (HookType.CONFIRM_PROMOTION, "Progressing"),
        (HookType.POST_ROLLOUT, "Promoting"),
        (HookType.ROLLBACK, "Promoting"),
    ],
)
def test_a_hook_is_told_its_type_and_the_phase_that_flagger_tells_it(kind: HookType, phase: str) -> None:
    body = json.loads(write_body(canary(), Hook("gate", "http://gate.test/", kind), FACTS))
    assert (body["type"], body["phase"]) == (kind, phase)


GATES = [HookType.CONFIRM_ROLLOUT, HookType.CONFIRM_TRAFFIC_INCREASE, HookType.CONFIRM_PROMOTION]
CHECKS = [HookType.PRE_ROLLOUT, HookType.ROLLOUT]
ANSWERS = [
    *((kind, reply(200), Verdict.PASS) for kind in (*GATES, *CHECKS, HookType.POST_ROLLOUT)),
    *((kind, reply(403), Verdict.WAIT) for kind in GATES),
    *((kind, reply(403), Verdict.FAIL) for kind in (*CHECKS, HookType.POST_ROLLOUT)),
    *((kind, reply(status), Verdict.WAIT) for kind in (*GATES, *CHECKS) for status in (409, 425)),
    *((kind, reply(503, "", {"Retry-After": "30"}), Verdict.WAIT) for kind in (*GATES, *CHECKS)),
    *((kind, reply(410), Verdict.ABORT) for kind in (*GATES, *CHECKS)),
    (HookType.POST_ROLLOUT, reply(410), Verdict.FAIL),
    (HookType.ROLLOUT, reply(200, "", {"Retry-After": "30"}), Verdict.PASS),
    (HookType.ROLLBACK, reply(200), Verdict.ABORT),
    *((HookType.ROLLBACK, reply(status), Verdict.PASS) for status in (403, 404, 409, 410, 500)),
]


@pytest.mark.parametrize(("kind", "behaviour", "verdict"), ANSWERS)
def test_what_an_answer_means_depends_on_the_hooks_type(
    http: Http, kind: HookType, behaviour: Behaviour, verdict: Verdict
) -> None:
    with WebServer(behaviour) as server:
        result = ask(http, Hook("gate", server.url, kind))
    assert (result.kind, result.verdict) == (kind, verdict)


@pytest.mark.parametrize(
    ("kind", "status", "sentence"),
    [
        (HookType.PRE_ROLLOUT, 500, "Halt podinfo.test advancement pre-rollout check gate failed because"),
        (HookType.ROLLOUT, 409, "Halt podinfo.test advancement external check gate asks to wait"),
        (HookType.CONFIRM_ROLLOUT, 403, "Halt podinfo.test advancement waiting for approval gate"),
        (
            HookType.CONFIRM_TRAFFIC_INCREASE,
            403,
            "Halt podinfo.test advancement waiting for traffic increase approval gate",
        ),
        (HookType.CONFIRM_PROMOTION, 403, "Halt podinfo.test advancement waiting for promotion approval gate"),
        (HookType.POST_ROLLOUT, 500, "Post-rollout hook gate failed because"),
        (HookType.ROLLBACK, 200, "rollback hook gate asked for it: because"),
        (HookType.ROLLOUT, 410, "rollout hook gate asked for it: because"),
    ],
)
def test_it_is_said_in_words_and_the_answer_is_kept(http: Http, kind: HookType, status: int, sentence: str) -> None:
    with WebServer(reply(status, "because")) as server:
        result = ask(http, Hook("gate", server.url, kind))
    assert (result.text, result.answer) == (sentence, "because")


def test_it_is_posted_as_json_on_a_connection_of_its_own(http: Http) -> None:
    with WebServer(reply()) as server:
        hook = Hook("gate", server.url + "/check?token=s3cret")
        for _ in range(5):
            ask(http, hook)
    assert server.connections == 5
    for request in server.requests:
        assert (request.method, request.path) == ("POST", "/check?token=s3cret")
        assert request.headers["content-type"] == "application/json"
        assert request.body == write_body(canary(), hook, FACTS)


@pytest.mark.parametrize("status", [200, 201, 202, 203, 204, 206])
def test_every_2xx_is_a_yes(http: Http, status: int) -> None:
    with WebServer(reply(status, "" if status == 204 else "fine")) as server:
        result = ask(http, Hook("gate", f"{server.url}/check?token=s3cret"))
    answer = "" if status == 204 else "fine"
    assert result == CheckResult("gate", "rollout", Verdict.PASS, query=f"{server.url}/check", answer=answer)


@pytest.mark.parametrize("status", [301, 302, 307, 400, 403, 404, 429, 500, 503])
def test_everything_else_is_a_no_with_the_answers_own_words(http: Http, status: int) -> None:
    with (
        WebServer(reply(200)) as elsewhere,
        WebServer(reply(status, "error rate\r\ntoo \x1b[1mhigh", {"Location": elsewhere.url})) as server,
    ):
        result = ask(http, Hook("gate", server.url))
    assert (result.verdict, result.text) == (Verdict.FAIL, f"{FAILED} error rate too [1mhigh")
    assert result.answer == "error rate too [1mhigh"
    assert elsewhere.requests == []


def test_a_no_without_words_says_its_status(http: Http) -> None:
    with WebServer(reply(404)) as server:
        assert ask(http, Hook("gate", server.url)).text == f"{FAILED} HTTP 404"


def test_a_long_answer_is_cut(http: Http) -> None:
    with WebServer(reply(500, b"\xff" + b"x" * 10_000_000)) as server:
        result = ask(http, Hook("gate", server.url))
    assert (len(result.answer), result.answer[:3], result.answer[-2:]) == (1000, "\ufffdxx", "x…")


def test_credentials_in_the_url_are_sent_and_never_shown(http: Http) -> None:
    with WebServer(reply(500, "you are me:s3cret, Basic bWU6czNjcmV0")) as server:
        result = ask(http, Hook("gate", server.url.replace("//", "//me:s3cret@")))
    assert server.requests[0].headers["authorization"] == "Basic bWU6czNjcmV0"
    assert (result.query, result.text) == (server.url, f"{FAILED} you are me:***, Basic ***")


@pytest.mark.parametrize(
    "behaviour", [reset, send(b""), send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"), send(b"garbage\r\n\r\n")]
)
def test_a_broken_answer_is_no_answer(http: Http, behaviour: Behaviour) -> None:
    with WebServer(behaviour) as server, pytest.raises(TransportFailed):
        ask(http, Hook("gate", server.url, retries=1))
    assert len(server.requests) == 2


@pytest.mark.parametrize("behaviour", [hang, drip(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100)])
@pytest.mark.parametrize(("timeout", "seconds"), [(0.4, 5.0), (10.0, 0.4)])
def test_a_late_answer_is_no_answer(http: Http, behaviour: Behaviour, timeout: float, seconds: float) -> None:
    began = time.monotonic()
    with WebServer(behaviour) as server, pytest.raises(TransportFailed, match=r"^no answer within 400ms$"):
        ask(http, Hook("gate", server.url, timeout=timeout), seconds)
    assert time.monotonic() - began < 1.0


def test_retries_are_those_of_the_hook(http: Http) -> None:
    with WebServer(reply(503), reset, reply(200)) as server:
        assert ask(http, Hook("gate", server.url, retries=2)).verdict is Verdict.PASS
    with WebServer(reply(503, "not yet"), reply(200)) as server:
        assert ask(http, Hook("gate", server.url)).verdict is Verdict.FAIL
    with WebServer(hang, reply(200)) as server:
        assert ask(http, Hook("gate", server.url, timeout=0.3, retries=1)).verdict is Verdict.PASS


def test_disable_tls_means_no_verification(http: Http, tmp_path: Path) -> None:
    with WebServer(reply(), pem=make_certificate(tmp_path / "server.pem")) as server:
        with pytest.raises(TransportFailed, match="certificate"):
            ask(http, Hook("gate", server.url))
        with pytest.warns(match="Unverified HTTPS request"):
            assert ask(http, Hook("gate", server.url, disable_tls=True)).verdict is Verdict.PASS


def test_a_hook_may_not_reach_this_machine_or_metadata() -> None:
    http = Http(Egress())
    with WebServer(reply()) as server:
        for url in (server.url, f"http://localhost:{server.server_port}", "http://169.254.169.254/token"):
            with pytest.raises(EgressRefused):
                ask(http, Hook("gate", url))
    assert server.connections == 0


def test_nobody_there_is_no_answer(http: Http) -> None:
    with pytest.raises(TransportFailed, match=r"^connection refused$"):
        ask(http, Hook("gate", f"http://127.0.0.1:{closed_port()}"))
