"""The built-in checks against a real Prometheus that scrapes what Istio's proxies would report.

Each workload below is a case that a proxy's counters can be in; what Prometheus makes of it (no series, 0, NaN, a
number) is what these tests are about, so nothing here imitates it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from shared.canary.model import Bounds, Canary, Metric, ObjectRef, OnNoData
from shared.checks.allowlist import Egress
from shared.checks.analyse import Clients, analyse
from shared.checks.prometheus import MetricsServer
from shared.checks.questions import Questions
from shared.checks.subject import Subject
from shared.checks.transport import Http
from shared.checks.verdict import CheckResult, Verdict
from tests.support.canaries import CUSTOM, LATENCY, OLD_LATENCY, OLD_SUCCESS_RATE, SUCCESS_RATE, canary
from tests.support.waiting import eventually
from tests.support.web import WebServer, reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.prometheus import Prometheus
    from tests.support.web import Handler

HALT = "Halt podinfo.test advancement"
NO_VALUES = "Halt advancement no values found for metric {metric} probably {workload}.test is not receiving traffic"


@dataclass(frozen=True, slots=True)
class Counter:
    """A counter that has grown steadily since the exporter's start."""

    series: str
    per_second: float
    at_start: float = 0.0


def requests(workload: str, code: int, per_second: float, reporter: str = "destination") -> Counter:
    labels = f'reporter="{reporter}",destination_workload_namespace="test",destination_workload="{workload}"'
    # So large that rate() does not take the begin of the window for the counter's own, which it would for each in turn.
    return Counter(f'istio_requests_total{{{labels},response_code="{code}"}}', per_second, at_start=10_000.0)


def durations(workload: str, unit: str, within: tuple[str, ...], beyond: tuple[str, ...], rate: float) -> list[Counter]:
    """A histogram whose requests all took longer than the last ``beyond`` and at most the first ``within``."""
    labels = f'reporter="destination",destination_workload_namespace="test",destination_workload="{workload}"'
    buckets = [(bound, 0.0) for bound in beyond] + [(bound, rate) for bound in within]
    return [
        Counter(f'istio_request_duration_{unit}_bucket{{{labels},le="{bound}"}}', speed, at_start=3.0)
        for bound, speed in buckets
    ]


COUNTERS = [
    requests("healthy", 200, 96.0),
    requests("healthy", 404, 3.0),
    requests("healthy", 503, 1.0),
    requests("healthy", 500, 500.0, reporter="source"),
    *durations("healthy", "milliseconds", ("200", "500", "+Inf"), ("50", "100"), 10.0),
    requests("broken", 500, 10.0),
    requests("breaking", 200, 0.0),
    requests("breaking", 503, 10.0),
    requests("idle", 200, 0.0),
    *durations("idle", "milliseconds", ("200", "500", "+Inf"), ("50", "100"), 0.0),
    *durations("old", "seconds", ("2.5", "+Inf"), ("0.5", "1"), 10.0),
]


@pytest.fixture(scope="module")
def clients(prometheus: Prometheus) -> Iterator[Clients]:
    """Clients of a Prometheus that has seen the counters above grow."""
    began = time.monotonic()

    def export(handler: Handler) -> None:
        age = time.monotonic() - began
        lines = [f"{counter.series} {counter.at_start + counter.per_second * age}\n" for counter in COUNTERS]
        reply(200, "".join(lines), {"Content-Type": "text/plain; version=0.0.4"})(handler)

    http = Http(Egress(("127.0.0.1",)))
    with WebServer(export) as exporter, prometheus.scraping(exporter.url.removeprefix("http://"), {}):
        rate = 'sum(rate(istio_requests_total{destination_workload="healthy"}[5s]))'
        eventually("the exporter has been scraped twice", lambda: prometheus.query(rate), seconds=30)
        yield Clients(http, MetricsServer(prometheus.url))
    http.close()


def check(clients: Clients, workload: str, metric: Metric) -> CheckResult:
    app = of_workload(workload, replace(metric, interval="5s"))
    (answer,) = analyse(Subject("here", app, Questions(metrics=True)), clients)
    return answer


def of_workload(workload: str, metric: Metric) -> Canary:
    return replace(canary(metric), target=ObjectRef("apps/v1", "Deployment", workload))


@pytest.mark.parametrize("metric", [SUCCESS_RATE, OLD_SUCCESS_RATE])
def test_the_success_rate_counts_what_is_not_5xx_at_the_destination(clients: Clients, metric: Metric) -> None:
    answer = check(clients, "healthy", metric)
    assert (answer.verdict, answer.text) == (Verdict.PASS, "")
    assert answer.value == pytest.approx(99.0)
    answer = check(clients, "healthy", replace(metric, bounds=Bounds(min=99.5)))
    assert (answer.verdict, answer.text) == (Verdict.FAIL, f"{HALT} success rate 99.00% < 99.5%")


@pytest.mark.parametrize("workload", ["broken", "breaking"])
def test_a_workload_whose_every_request_fails_has_a_success_rate_of_zero(clients: Clients, workload: str) -> None:
    answer = check(clients, workload, SUCCESS_RATE)
    assert (answer.verdict, answer.value, answer.text) == (Verdict.FAIL, 0.0, f"{HALT} success rate 0.00% < 99%")


def test_latency_is_in_milliseconds(clients: Clients) -> None:
    answer = check(clients, "healthy", LATENCY)
    assert answer.verdict is Verdict.PASS
    assert answer.value == pytest.approx(199.0)  # 99% of the way from 100 to 200
    answer = check(clients, "healthy", replace(LATENCY, bounds=Bounds(max=150.0)))
    assert (answer.verdict, answer.text) == (Verdict.FAIL, f"{HALT} request duration 199ms > 150ms")


def test_latency_by_its_old_name_also_reads_old_istios_seconds(clients: Clients) -> None:
    answer = check(clients, "old", OLD_LATENCY)
    assert answer.value == pytest.approx(2485.0)
    assert (answer.verdict, answer.text) == (Verdict.FAIL, f"{HALT} request duration 2.485s > 500ms")
    assert check(clients, "healthy", OLD_LATENCY).value == pytest.approx(199.0)
    assert check(clients, "old", LATENCY).value is None


@pytest.mark.parametrize("metric", [SUCCESS_RATE, LATENCY, OLD_LATENCY])
@pytest.mark.parametrize("workload", ["idle", "unknown", "health.", "heal.*"])
@pytest.mark.parametrize("choice", OnNoData)
def test_no_traffic_and_no_such_workload_are_no_data(
    clients: Clients, metric: Metric, workload: str, choice: OnNoData
) -> None:
    answer = check(clients, workload, replace(metric, on_no_data=choice))
    expected = {
        OnNoData.FAIL: (Verdict.FAIL, NO_VALUES.format(metric=metric.name, workload=workload)),
        OnNoData.HOLD: (Verdict.UNKNOWN, NO_VALUES.format(metric=metric.name, workload=workload)),
        OnNoData.PASS: (Verdict.PASS, ""),
    }
    assert (answer.verdict, answer.text, answer.value) == (*expected[choice], None)


@pytest.mark.parametrize(
    ("query", "verdict", "value"),
    [
        ('sum(rate(istio_requests_total{destination_workload="{{ target }}"}[{{ interval }}])) > bool 1', "pass", 1.0),
        ("scalar(vector(6))", "fail", 6.0),
        ("1 / 0", "fail", None),
        # One series for each response code: the last could be any of them.
        (
            'sum by (response_code) (rate(istio_requests_total{destination_workload="{{ target }}"}[{{ interval }}]))',
            "fail",
            None,
        ),
    ],
)
def test_a_query_of_its_own_is_judged_by_all_its_values(
    clients: Clients, query: str, verdict: str, value: float | None
) -> None:
    answer = check(clients, "healthy", replace(CUSTOM, query=query))
    assert answer.verdict == Verdict(verdict)
    assert value is None or answer.value == value


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("sum(rate(", "it refused the query sum(rate(: invalid parameter"),
        ("istio_requests_total[5s]", "the query gives a range of values over time, not one"),
        ('"text"', "the query gives a text, not a number"),
    ],
)
def test_a_query_without_a_number_is_unknown_and_says_why(clients: Clients, query: str, reason: str) -> None:
    answer = check(clients, "healthy", replace(CUSTOM, query=query))
    assert answer.verdict is Verdict.UNKNOWN
    assert answer.text.startswith(f"Metrics server {clients.server.url} query failed: {reason}")


def test_a_prometheus_that_hangs_is_unknown_and_costs_no_more_than_the_limit(
    clients: Clients, prometheus: Prometheus
) -> None:
    hasty = replace(clients, server=replace(clients.server, limit=0.5))
    began = time.monotonic()
    with prometheus.process.frozen():
        answer = check(hasty, "healthy", SUCCESS_RATE)
    assert time.monotonic() - began < 1.5
    assert (answer.verdict, answer.value) == (Verdict.UNKNOWN, None)
    assert answer.text == f"Metrics server {prometheus.url} query failed: no answer within 500ms"
    assert check(clients, "healthy", SUCCESS_RATE).verdict is Verdict.PASS
