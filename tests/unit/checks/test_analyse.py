"""A whole analysis: order, budget, whose server gets whose identity, and that nothing breaks it."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from shared.canary.model import Bounds, Hook, HookType, OnNoData, TemplateRef
from shared.checks.allowlist import Egress
from shared.checks.analyse import Clients, analyse, choose_server
from shared.checks.identity import Bearer
from shared.checks.prometheus import MetricsServer
from shared.checks.questions import Facts, Questions
from shared.checks.subject import Subject
from shared.checks.transport import Http
from shared.checks.verdict import CheckResult, Verdict
from tests.support.canaries import CUSTOM, LATENCY, SUCCESS_RATE, canary
from tests.support.providers import STORES
from tests.support.web import WebServer, closed_port, hang, reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.canary.model import Canary
    from tests.support.web import Behaviour


SECRET = "s3cret"


@pytest.fixture
def http() -> Iterator[Http]:
    client = Http(Egress(("*",)))
    yield client
    client.close()


def value(number: str) -> Behaviour:
    data = {"resultType": "vector", "result": [{"metric": {}, "value": [1545905245.458, number]}]}
    return reply(200, json.dumps({"status": "success", "data": data}))


def verdicts(answers: tuple[CheckResult, ...]) -> list[tuple[str, Verdict]]:
    return [(answer.name, answer.verdict) for answer in answers]


def run(app: Canary, http: Http, url: str, budget: float = 20.0) -> tuple[CheckResult, ...]:
    questions = Questions(Facts(checksum="85d557f47b"), hooks=app.analysis.hooks_of(HookType.ROLLOUT), metrics=True)
    return ask(app, questions, Clients(http, MetricsServer(url), budget))


def ask(app: Canary, questions: Questions, clients: Clients) -> tuple[CheckResult, ...]:
    return analyse(Subject("here", app, questions), clients)


def test_hooks_are_asked_in_order_and_then_every_metric(http: Http) -> None:
    with WebServer(reply(200, "go")) as gates, WebServer(value("50"), value("900"), value("1")) as metrics:
        hooks = (Hook("second", f"{gates.url}/2"), Hook("first", f"{gates.url}/1"))
        answers = run(canary(SUCCESS_RATE, LATENCY, CUSTOM, hooks=hooks), http, metrics.url)
    assert [request.path for request in gates.requests] == ["/2", "/1"]
    assert b'"checksum":"85d557f47b"' in gates.requests[0].body
    assert verdicts(answers) == [
        ("second", Verdict.PASS),
        ("first", Verdict.PASS),
        ("request-success-rate", Verdict.FAIL),  # and the others are asked all the same
        ("request-duration", Verdict.FAIL),
        ("error ratio", Verdict.PASS),
    ]
    assert answers[4] == CheckResult(
        "error ratio", "metric", Verdict.PASS, "", 1.0, "<= 5", 'sum(errors{ns="test"}[2m])'
    )


@pytest.mark.parametrize(("status", "verdict"), [(500, Verdict.FAIL), (None, Verdict.UNKNOWN)])
def test_a_hook_that_does_not_pass_ends_the_analysis(http: Http, status: int | None, verdict: Verdict) -> None:
    with WebServer(reply(status or 200, "no")) as gate, WebServer(value("100")) as metrics:
        url = gate.url if status else f"http://127.0.0.1:{closed_port()}"
        app = canary(SUCCESS_RATE, hooks=(Hook("gate", url), Hook("next", gate.url)))
        answers = run(app, http, metrics.url)
    assert verdicts(answers) == [("gate", verdict)]
    assert metrics.requests == []
    if verdict is Verdict.UNKNOWN:
        sentence = "Halt podinfo.test advancement external check gate did not answer: connection refused"
        assert answers == (CheckResult("gate", "rollout", verdict, sentence, query=url),)


def test_a_server_that_is_down_is_unknown_and_its_credentials_stay_unsaid(http: Http) -> None:
    place = f"127.0.0.1:{closed_port()}"
    (answer,) = run(canary(CUSTOM), http, f"http://me:s3cret@{place}/prom?key=s3cret")
    assert answer == CheckResult(
        "error ratio",
        "metric",
        Verdict.UNKNOWN,
        f"Metrics server http://{place}/prom query failed: connection refused",
        bounds="<= 5",
        query='sum(errors{ns="test"}[2m])',
    )


def test_no_data_follows_the_metric(http: Http) -> None:
    metrics = tuple(replace(CUSTOM, name=choice, on_no_data=choice) for choice in OnNoData)
    with WebServer(value("NaN")) as server:
        answers = run(canary(*metrics), http, server.url)
    assert verdicts(answers) == [("fail", Verdict.FAIL), ("hold", Verdict.UNKNOWN), ("pass", Verdict.PASS)]


def test_what_has_no_time_left_is_unknown(http: Http) -> None:
    began = time.monotonic()
    with WebServer(hang) as server:
        answers = run(canary(CUSTOM, SUCCESS_RATE, LATENCY), http, server.url, budget=0.5)
    assert time.monotonic() - began < 1.5
    assert [answer.verdict for answer in answers] == [Verdict.UNKNOWN] * 3
    assert answers[0].text == f"Metrics server {server.url} query failed: no answer within 500ms"
    assert answers[2].text.endswith("the 500ms for one analysis were used up before its turn")
    assert len(server.requests) == 1


def test_a_query_that_cannot_be_written_is_unknown_and_says_why(http: Http) -> None:
    with WebServer(value("1")) as server:
        answers = run(canary(replace(CUSTOM, query="x{{ foo }}"), CUSTOM), http, server.url)
    assert [answer.verdict for answer in answers] == [Verdict.UNKNOWN, Verdict.PASS]
    assert answers[0].text.startswith(
        "Halt podinfo.test advancement metric error ratio is not valid: query: unknown template function {{ foo }}"
    )


@pytest.mark.parametrize("url", ["not a url", "http://\x00/", "http://" + "a" * 70 + ".test/", "http://ü\u0130\x7f./"])
def test_nothing_in_a_canary_can_break_the_analysis(http: Http, url: str) -> None:
    bad = canary(replace(CUSTOM, bounds=Bounds(min=float("nan"))), hooks=(Hook("gate", url),), metrics_server=url)
    for app in (bad, replace(bad, analysis=replace(bad.analysis, hooks=()))):
        (answer,) = run(app, http, "http://127.0.0.1:1")
        assert answer.verdict is Verdict.UNKNOWN
        assert answer.text.isprintable()


class _Broken(Http):
    def send(self, *_: object) -> None:  # type: ignore[override]  # broken on purpose
        raise KeyError(SECRET)


def test_a_fault_of_our_own_is_unknown_and_logged_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        (answer,) = run(canary(CUSTOM), _Broken(Egress()), "http://prometheus.test")
    assert answer.verdict is Verdict.UNKNOWN
    assert answer.text.endswith("internal error (KeyError), see the log")
    assert "in send" in caplog.text
    assert SECRET not in caplog.text


MAIN = MetricsServer("https://prometheus.test/prom", Bearer("s3cret"), "ca.pem", 3.0)


@pytest.mark.parametrize(
    ("own", "is_default"),
    [
        (None, True),
        ("https://prometheus.test/prom", True),
        ("https://prometheus.test/prom/", True),
        ("https://PROMETHEUS.test/prom", True),
        ("http://prometheus.test/prom", False),
        ("https://prometheus.test:8443/prom", False),
        ("https://prometheus.test/", False),
        ("https://prometheus.test/prom?x=y", False),
        ("https://me:pw@prometheus.test/prom", False),
        ("https://prometheus.test.evil.test/prom", False),
        ("https://prometheus.test\\@evil.test/prom", False),
        ("nonsense", False),
    ],
)
def test_only_the_server_of_the_settings_gets_its_identity(own: str | None, is_default: bool) -> None:
    chosen = choose_server(canary(metrics_server=own), MAIN)
    assert chosen == (MAIN if is_default else MetricsServer(own or "", limit=3.0))


def test_the_canarys_own_server_is_the_one_that_is_asked(http: Http) -> None:
    with WebServer(value("1")) as own, WebServer(value("9")) as default:
        clients = Clients(http, MetricsServer(default.url, Bearer("s3cret")))
        (answer,) = ask(canary(CUSTOM, metrics_server=own.url), Questions(metrics=True), clients)
    assert (answer.value, default.requests) == (1.0, [])
    assert "authorization" not in own.requests[0].headers


def test_a_hook_that_wants_the_run_to_end_is_heard_before_anything_else_is_asked(http: Http) -> None:
    with WebServer(reply(404)) as closed, WebServer(reply(200)) as opened, WebServer(reply(200)) as other:
        hooks = (
            Hook("dead", f"http://127.0.0.1:{closed_port()}", HookType.ROLLBACK),
            Hook("closed", closed.url, HookType.ROLLBACK),
            Hook("open", opened.url, HookType.ROLLBACK),
        )
        questions = Questions(rollback=hooks, hooks=(Hook("load", other.url),), metrics=True)
        answers = ask(canary(SUCCESS_RATE), questions, Clients(http, MetricsServer(other.url)))
    expected = [("dead", Verdict.UNKNOWN), ("closed", Verdict.PASS), ("open", Verdict.ABORT)]
    assert (verdicts(answers), other.requests) == (expected, [])


def test_a_rollback_hook_that_does_not_answer_keeps_nobody_from_being_asked(http: Http) -> None:
    with WebServer(reply(200)) as server:
        dead = Hook("dead", f"http://127.0.0.1:{closed_port()}", HookType.ROLLBACK)
        questions = Questions(rollback=(dead,), hooks=(Hook("load", server.url),))
        answers = ask(canary(), questions, Clients(http, MetricsServer(server.url)))
    assert verdicts(answers) == [("dead", Verdict.UNKNOWN), ("load", Verdict.PASS)]
    assert answers[0].text == "Rollback hook dead did not answer: connection refused"


@pytest.mark.parametrize(("rate", "asked"), [("100", ["gate"]), ("50", [])])
def test_a_gate_is_asked_after_everything_else_passed(http: Http, rate: str, asked: list[str]) -> None:
    with WebServer(value(rate)) as metrics, WebServer(reply(403)) as server:
        gates = (Hook("gate", server.url, HookType.CONFIRM_PROMOTION), Hook("next", server.url))
        questions = Questions(metrics=True, gates=gates)
        answers = ask(canary(SUCCESS_RATE), questions, Clients(http, MetricsServer(metrics.url)))
    assert [answer.name for answer in answers[1:]] == asked


METRICS = Questions(metrics=True)
TEMPLATED = replace(CUSTOM, query=None, template=TemplateRef("flagger", "errors"), bounds=Bounds(max=2.0))


def test_a_template_is_asked_where_it_says_and_its_query_is_filled_in(http: Http) -> None:
    store = replace(STORES[0], query='errors{app="{{ target }}",code="{{ variables.code }}"}[{{ interval }}]')
    metric = replace(TEMPLATED, variables={"code": "5.."})
    with WebServer(value("1.5")) as server:
        sources = {TemplateRef("flagger", "errors"): store.source(server.url)}
        subject = Subject("here", canary(metric), METRICS, sources)
        (answer,) = analyse(subject, Clients(http, MetricsServer("http://127.0.0.1:1")))
    query = 'errors{app="backend",code="5.."}[2m]'
    assert answer == CheckResult("error ratio", "metric", Verdict.PASS, "", 1.5, "<= 2", query)
    assert server.requests[0].headers["authorization"] == "Bearer s3cret-token"


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("{{ variables.code }}", "MetricTemplate errors.flagger is not valid: query: needs the variable code"),
        ("errors", "Metric error ratio of MetricTemplate errors.flagger query failed: connection refused"),
    ],
)
def test_a_template_that_gives_no_answer_is_unknown_and_named(query: str, words: str, http: Http) -> None:
    source = replace(STORES[0], query=query).source(f"http://127.0.0.1:{closed_port()}")
    subject = Subject("here", canary(TEMPLATED), METRICS, {TemplateRef("flagger", "errors"): source})
    (answer,) = analyse(subject, Clients(http, MetricsServer("http://127.0.0.1:1")))
    assert (answer.verdict, answer.value) == (Verdict.UNKNOWN, None)
    assert words in answer.text


def test_a_template_that_could_not_be_read_is_unknown_and_other_metrics_are_asked(http: Http) -> None:
    sentence = "MetricTemplate errors.flagger not found: create it"
    subject = Subject("here", canary(TEMPLATED, CUSTOM), METRICS, {TemplateRef("flagger", "errors"): sentence})
    with WebServer(value("1")) as server:
        unknown, other = analyse(subject, Clients(http, MetricsServer(server.url)))
    assert (unknown.verdict, unknown.text) == (Verdict.UNKNOWN, f"Halt podinfo.test advancement {sentence}")
    assert other.verdict is Verdict.PASS


def test_a_template_never_gets_the_identity_of_the_settings(http: Http) -> None:
    store = replace(STORES[0], credentials={})
    with WebServer(value("1")) as server:
        subject = Subject(
            "here", canary(TEMPLATED), METRICS, {TemplateRef("flagger", "errors"): store.source(server.url)}
        )
        analyse(subject, Clients(http, MetricsServer(server.url, Bearer(SECRET))))
    assert "authorization" not in server.requests[0].headers
