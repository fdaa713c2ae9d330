"""Metrics: what is asked for what Flagger's users write, what an answer means, and what the run makes of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from shared.canary.model import TemplateRef
from shared.canary.references import find_foreign
from shared.canary.template import parse_template
from shared.checks.allowlist import Egress
from shared.checks.analyse import Clients, analyse, choose_server
from shared.checks.comparison import Counts
from shared.checks.identity import Bearer
from shared.checks.judge import judge_comparison, judge_metric
from shared.checks.prometheus import MetricsServer
from shared.checks.providers.catalog import PROVIDERS
from shared.checks.providers.provider import Source
from shared.checks.queries import write_query, write_template_query
from shared.checks.questions import Questions
from shared.checks.subject import Subject
from shared.checks.transport import Http
from shared.checks.verdict import Verdict
from shared.doctor.finding import Area
from shared.doctor.finding import Verdict as Seen
from shared.doctor.metrics import judge_result
from shared.engine import decide
from shared.history import Entry
from shared.plan import HOME
from shared.rollout import Phase
from tests.support.samples import NOW, canary, result, rollout, situation
from tests.support.web import WebServer, closed_port, reply
from tests.unit.parity.table import manifest, refusals, row, rows, written

if TYPE_CHECKING:
    from shared.canary.model import Canary

SECTION = "Metrics"
FAIL, PASS, UNKNOWN = Verdict.FAIL, Verdict.PASS, Verdict.UNKNOWN
STEPS: dict[str, object] = {"analysis.stepWeight": 10}
OLD_LATENCY: dict[str, object] = {"name": "istio_request_duration_seconds_bucket", "threshold": 500}
OWN: dict[str, object] = {
    "name": "errors",
    "query": 'errors{app="{{ target }}"}[{{ interval }}]',
    "thresholdRange": {"min": 1, "max": 5},
}
WITH_TEMPLATE: dict[str, object] = {
    "name": "errors",
    "templateRef": {"name": "errors"},
    "templateVariables": {"code": "404"},
    "thresholdRange": {"max": 5},
}


def measuring(*metrics: dict[str, object]) -> Canary:
    return written({**STEPS, "analysis.metrics": list(metrics)})


def judged(metric: dict[str, object], *values: float) -> Verdict:
    app = measuring(metric)
    return judge_metric(app, app.analysis.metrics[0], values, "").verdict


def asked(metric: dict[str, object]) -> str:
    app = measuring(metric)
    return write_query(app, app.analysis.metrics[0])


JUDGED: dict[str, tuple[dict[str, object], dict[tuple[float, ...], Verdict]]] = {
    "built-in success rate": (
        {"name": "istio_requests_total", "threshold": 99},
        {(99.0,): PASS, (98.9,): FAIL, (0.0,): FAIL},
    ),
    "built-in latency": (OLD_LATENCY, {(500.0,): PASS, (500.4,): FAIL}),
    "range": (OWN, {(1.0,): PASS, (5.0,): PASS, (0.9,): FAIL, (5.1,): FAIL}),
    "no data": ({**OWN, "onNoData": "hold"}, {(): UNKNOWN, (float("nan"),): UNKNOWN}),
}


@rows(SECTION, ("metric", "verdicts"), JUDGED)
def test_what_an_answer_means(metric: dict[str, object], verdicts: dict[tuple[float, ...], Verdict]) -> None:
    assert {values: judged(metric, *values) for values in verdicts} == verdicts


def test_no_data_is_a_failed_check_as_in_flagger() -> None:
    assert judged(OWN) is FAIL
    assert judged(OWN, float("nan")) is FAIL


ASKED: dict[str, tuple[dict[str, object], tuple[str, ...]]] = {
    "window": (
        {"name": "request-duration", "thresholdRange": {"max": 500}, "interval": "30s"},
        ("istio_request_duration_milliseconds_bucket", "[30s]", "0.99"),
    ),
    "PromQL in the Canary": (OWN, ('errors{app="frontend"}[1m]',)),
}


@rows(SECTION, ("metric", "parts"), ASKED)
def test_what_is_asked(metric: dict[str, object], parts: tuple[str, ...]) -> None:
    query = asked(metric)
    assert all(part in query for part in parts), query


@row(SECTION, "templates")
def test_a_template_knows_every_function() -> None:
    functions = ("name", "namespace", "target", "service", "ingress", "route", "interval", "variables.code")
    query = " ".join(f"{{{{ {function} }}}}" for function in functions)
    app = measuring(WITH_TEMPLATE)
    template = parse_template(TemplateRef("test", "errors"), {"spec": {"query": query}})
    rendered = write_template_query(app, app.analysis.metrics[0], template)
    assert rendered == "frontend test frontend frontend frontend frontend 1m 404"


@row(SECTION, "metrics stores")
def test_the_stores_are_flaggers_but_keptn() -> None:
    flaggers = "prometheus influxdb datadog externalmetrics stackdriver cloudwatch newrelic graphite dynatrace splunk"
    assert set(PROVIDERS) == set(flaggers.split())


@pytest.mark.parametrize(
    ("secret", "header"),
    [({"token": "t"}, "Bearer t"), ({"username": "u", "password": "p"}, "Basic dTpw")],
    ids=["token", "password"],
)
@row(SECTION, "login at Prometheus")
def test_a_template_logs_in_with_its_secret(secret: dict[str, str], header: str) -> None:
    empty = '{"status": "success", "data": {"resultType": "vector", "result": []}}'
    with WebServer(reply(200, empty)) as server:
        spec = {"query": "1", "provider": {"address": server.url, "secretRef": {"name": "login"}}}
        app = measuring(WITH_TEMPLATE)
        ref = TemplateRef("test", "errors")
        _ask(app, {ref: Source(parse_template(ref, {"spec": spec}), secret)})
    assert server.requests[0].headers["authorization"] == header


def _ask(app: Canary, sources: dict[TemplateRef, Source | str], url: str = "http://127.0.0.1:1") -> list[Verdict]:
    http = Http(Egress(("*",)))
    answers = analyse(Subject("here", app, Questions(metrics=True), sources), Clients(http, MetricsServer(url)))
    http.close()
    return [answer.verdict for answer in answers]


@row(SECTION, "time limit of a query")
def test_a_query_has_five_seconds_as_in_flagger() -> None:
    assert MetricsServer("http://prometheus").limit == 5.0


@row(SECTION, "metrics store down")
def test_a_store_that_is_down_holds_the_run_and_counts_nothing() -> None:
    assert _ask(measuring(OWN), {}, f"http://127.0.0.1:{closed_port()}") == [UNKNOWN]
    after = decide(situation(results=(result(UNKNOWN),))).rollout
    assert (after.phase, after.weight, after.failed, after.unknown) == (Phase.PROGRESSING, 10, 0, 1)


@row(SECTION, "failure budget")
def test_failures_add_up_over_the_whole_run() -> None:
    once = decide(situation(results=(result(FAIL),))).rollout
    assert (once.failed, once.weight) == (1, 10)
    good = decide(situation(rollout=replace(once, due_at=NOW, step_at=NOW))).rollout
    assert (good.failed, good.weight) == (1, 20)
    again = replace(good, due_at=NOW, step_at=NOW)
    assert decide(situation(rollout=again, results=(result(FAIL),))).rollout.phase is Phase.FAILED


@row(SECTION, '"don\'t know"')
def test_who_stays_blind_sends_traffic_home_and_waits() -> None:
    limit = canary().analysis.max_unknown
    after = decide(situation(rollout=rollout(unknown=limit - 1), results=(result(UNKNOWN),))).rollout
    assert (after.phase, after.route, after.blind, after.failed) == (Phase.PROGRESSING, HOME, True, 0)


@row(SECTION, "history")
def test_the_history_keeps_what_a_check_found() -> None:
    app = measuring(OWN)
    found = judge_metric(app, app.analysis.metrics[0], [7.0], "the query")
    (kept,) = Entry("000007", 8, NOW, Phase.PROGRESSING, 10, results=(found,)).to_dict()["results"]
    assert {**kept, "text": ""} == {
        "name": "errors",
        "kind": "metric",
        "verdict": "fail",
        "text": "",
        "value": 7.0,
        "bounds": ">= 1 and <= 5",
        "query": "the query",
        "answer": "",
    }


@row(SECTION, "comparison with the primary")
def test_the_canary_is_held_to_the_primary() -> None:
    templated = {**WITH_TEMPLATE, "compare": "primary"}
    assert refusals({**STEPS, "analysis.metrics": [templated]}) == ["spec.analysis.metrics[0].compare"]
    app = measuring({"name": "request-success-rate", "compare": "primary"})
    (metric,) = app.analysis.metrics
    sides = {
        (Counts(2_140, 41), Counts(19_300, 77)): FAIL,
        (Counts(2_140, 8), Counts(19_300, 77)): PASS,
        (Counts(20, 0), Counts(180, 0)): Verdict.WAIT,
    }
    assert {pair: judge_comparison(app, metric, pair, Questions()).verdict for pair in sides} == sides


@row(SECTION, "stores checked before the first run")
def test_the_doctor_says_which_metric_cannot_be_asked() -> None:
    app = measuring(OWN)
    (metric,) = app.analysis.metrics
    answered = replace(result(PASS), value=7.0)
    assert judge_result(Area("metrics"), app, metric, answered).verdict is Seen.OK
    silent = judge_result(Area("metrics"), app, metric, result(UNKNOWN, "prometheus is not reachable"))
    assert silent.verdict is Seen.BAD
    assert "prometheus is not reachable" in silent.seen


@row(SECTION, "metrics server of a Canary")
def test_a_canarys_own_server_never_gets_the_login_of_the_default_one() -> None:
    default = MetricsServer("http://prometheus:9090", identity=Bearer("token"))
    own = choose_server(written({**STEPS, "metricsServer": "http://mine:9090"}), default)
    assert (own.url, own.identity) == ("http://mine:9090", MetricsServer("http://mine:9090").identity)
    assert choose_server(written(STEPS), default) == default


@row(SECTION, "references to other namespaces")
def test_what_other_namespaces_hold_can_be_kept_from_canaries() -> None:
    foreign = {**WITH_TEMPLATE, "name": "theirs", "templateRef": {"name": "errors", "namespace": "ops"}}
    alert = {"name": "chat", "providerRef": {"name": "slack", "namespace": "ops"}}
    own = {"name": "mail", "providerRef": {"name": "slack", "namespace": "test"}}
    fields = {**STEPS, "analysis.metrics": [WITH_TEMPLATE, foreign], "analysis.alerts": [own, alert]}
    written(fields)
    paths = [problem.path for problem in find_foreign(manifest(fields))]
    assert paths == [
        "spec.analysis.metrics[1].templateRef.namespace",
        "spec.analysis.alerts[1].providerRef.namespace",
    ]
