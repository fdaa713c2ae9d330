"""A metrics server gives values, no data, or no answer, and never gets a credential that is not its own."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import pytest

from shared.checks.allowlist import Egress
from shared.checks.deadline import Deadline
from shared.checks.identity import Basic, Bearer
from shared.checks.prometheus import MetricsServer, ask
from shared.checks.transport import Http
from shared.errors import CheckUnavailable
from tests.support.web import WebServer, closed_port, drip, hang, make_certificate, reply, reset

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.checks.identity import Identity
    from tests.support.web import Behaviour

QUERY = 'sum(rate(x{a="b c&d+e%"}[1m])) * 100'
HUNDRED = '{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1545905245.458,"100"]}]}}'
EMPTY = '{"status":"success","data":{"resultType":"vector","result":[]}}'


@pytest.fixture
def http() -> Iterator[Http]:
    client = Http(Egress(("*",)))
    yield client
    client.close()


def failure(http: Http, server: MetricsServer, seconds: float = 5.0) -> str:
    with pytest.raises(CheckUnavailable) as caught:
        ask(server, QUERY, http, Deadline.after(seconds))
    return str(caught.value)


@pytest.mark.parametrize(
    ("base", "path", "extra"),
    [
        ("", "/api/v1/query", []),
        ("/", "/api/v1/query", []),
        ("/select/0/prometheus", "/select/0/prometheus/api/v1/query", []),
        ("/select/0/prometheus/", "/select/0/prometheus/api/v1/query", []),
        ("/p?tenant=a%26b#top", "/p/api/v1/query", [("tenant", "a&b")]),
    ],
)
def test_the_query_is_asked_below_the_servers_own_path(
    http: Http, base: str, path: str, extra: list[tuple[str, str]]
) -> None:
    with WebServer(reply(200, HUNDRED)) as server:
        assert ask(MetricsServer(server.url + base), QUERY, http, Deadline.after(5)) == (100.0,)
    (request,) = server.requests
    asked = urlsplit(request.path)
    assert (request.method, asked.path, parse_qsl(asked.query)) == ("GET", path, [*extra, ("query", QUERY)])


def test_no_data_is_an_answer(http: Http) -> None:
    with WebServer(reply(200, EMPTY)) as server:
        assert ask(MetricsServer(server.url), QUERY, http, Deadline.after(5)) == ()


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (reply(200, '{"status":"error","error":"query timed out"}'), "it answered with an error: query timed out"),
        (reply(200, "<html>"), "its answer is not JSON: is this the address of a Prometheus?"),
        (
            reply(400, '{"status":"error","errorType":"bad_data","error":"1:10: parse error:\\nunexpected end"}'),
            f"it refused the query {QUERY}: 1:10: parse error: unexpected end",
        ),
        (
            reply(422, '{"status":"error","error":"too many samples"}'),
            f"it refused the query {QUERY}: too many samples",
        ),
        (reply(400, "what?"), f"it refused the query {QUERY}: HTTP 400"),
        (reply(401, "go away"), "HTTP 401: it does not let us in, look at the identity in the settings"),
        (reply(403), "HTTP 403: it does not let us in, look at the identity in the settings"),
        (reply(404, "no such page"), "HTTP 404"),
        (
            reply(302, "", {"Location": "https://elsewhere.test/"}),
            "HTTP 302: redirects are not followed, give the address that they lead to",
        ),
        (reply(503, '{"status":"error","error":"starting"}'), "HTTP 503: starting"),
        (reply(200, b" " * 1024 * 1024 + HUNDRED.encode()), "its answer is larger than 1024 KiB"),
        (reset, "the connection was closed before the answer was complete"),
    ],
)
def test_what_is_no_answer_is_said_so_that_somebody_can_act(http: Http, behaviour: Behaviour, words: str) -> None:
    with WebServer(behaviour) as server:
        assert failure(http, MetricsServer(server.url)) == words


def test_passing_trouble_is_asked_away_within_the_limit(http: Http) -> None:
    with WebServer(reply(429), reset, reply(200, HUNDRED)) as server:
        assert ask(MetricsServer(server.url), QUERY, http, Deadline.after(5)) == (100.0,)
    with WebServer(reply(500)) as server:
        assert failure(http, MetricsServer(server.url)) == "HTTP 500"
    assert len(server.requests) == 3


@pytest.mark.parametrize("behaviour", [hang, drip(HUNDRED.encode())])
@pytest.mark.parametrize(("limit", "left"), [(0.4, 5.0), (5.0, 0.4)])
def test_one_question_takes_no_longer_than_its_limit_or_the_analysis(
    http: Http, behaviour: Behaviour, limit: float, left: float
) -> None:
    began = time.monotonic()
    with WebServer(behaviour) as server:
        assert failure(http, MetricsServer(server.url, limit=limit), left) == "no answer within 400ms"
    assert time.monotonic() - began < 1.0


def test_nobody_there_and_no_address_are_told_apart(http: Http) -> None:
    assert failure(http, MetricsServer(f"http://127.0.0.1:{closed_port()}")) == "connection refused"
    assert failure(http, MetricsServer("prometheus:9090")) == "the address has to be an http or https URL with a host"


@pytest.mark.parametrize(
    ("identity", "userinfo", "header"),
    [
        (Bearer("s3cret"), "", "Bearer s3cret"),
        (Basic("me", "s3cret:ü"), "", "Basic bWU6czNjcmV0OsO8"),
        (None, "me:s3cret%3A%C3%BC@", "Basic bWU6czNjcmV0OsO8"),
        (Bearer("s3cret"), "me:other@", "Bearer s3cret"),
        (None, "", None),
    ],
)
def test_the_servers_own_identity_is_sent_and_never_shown(
    http: Http, identity: Identity | None, userinfo: str, header: str | None
) -> None:
    def echo(status: int) -> Behaviour:
        words = json.dumps({"status": "error", "error": f"you sent {header}, that is s3cret:ü, s3cret"})
        return reply(status, words)

    with WebServer(reply(200, HUNDRED), echo(400), echo(404)) as server:
        address = server.url.replace("//", f"//{userinfo}")
        metrics = MetricsServer(address) if identity is None else MetricsServer(address, identity)
        assert ask(metrics, QUERY, http, Deadline.after(5)) == (100.0,)
        said = failure(http, metrics) + failure(http, metrics) + repr(metrics.identity)
    assert server.requests[0].headers.get("authorization") == header
    if header:
        assert header.split()[1] not in said
        assert "s3cret:ü" not in said
        assert "***" in said


def test_a_private_authority_can_be_trusted(http: Http, tmp_path: Path) -> None:
    pem = make_certificate(tmp_path / "server.pem")
    with WebServer(reply(200, HUNDRED), pem=pem) as server:
        assert failure(http, MetricsServer(server.url)).startswith("its certificate cannot be trusted")
        assert ask(MetricsServer(server.url, ca_file=str(pem)), QUERY, http, Deadline.after(5)) == (100.0,)
    assert failure(http, MetricsServer(server.url, ca_file="/nowhere.pem")) == "its CA file /nowhere.pem does not exist"
