"""The comparison with the primary on a real Prometheus: what it counts, from canary and primary at one moment."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import pytest

from shared.canary.model import Bounds, Canary, Comparison, Metric, ObjectRef
from shared.checks.allowlist import Egress
from shared.checks.analyse import Clients, analyse
from shared.checks.answer import read_labelled
from shared.checks.counts import LABEL, read_counts, write_counts
from shared.checks.deadline import Deadline
from shared.checks.prometheus import MetricsServer, ask_for
from shared.checks.questions import Facts, Questions
from shared.checks.subject import Subject
from shared.checks.transport import Http
from shared.checks.verdict import CheckResult, Verdict
from tests.support.canaries import LATENCY, SUCCESS_RATE, canary
from tests.support.waiting import eventually
from tests.support.web import WebServer, reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.prometheus import Prometheus
    from tests.support.web import Handler

AGE = 4.0
"""Seconds since the step began, when it is asked."""
RATE = replace(SUCCESS_RATE, bounds=Bounds(), interval="1s", comparison=Comparison(minimum_samples=50))
SLOW = replace(LATENCY, bounds=Bounds(), interval="1s", comparison=Comparison(minimum_samples=50, slower_than=500.0))


@dataclass(slots=True)
class Exporter:
    """Counters that grow steadily, and one that appears when it is told to."""

    began: float = field(default_factory=time.monotonic)
    late: bool = False

    def __call__(self, handler: Handler) -> None:
        age = time.monotonic() - self.began
        lines = [f"{series} {1000 + rate * age}\n" for series, rate in _series().items()]
        late = [f"{_requests('burst', 503)} 40\n"] if self.late else []
        reply(200, "".join(lines + late), {"Content-Type": "text/plain; version=0.0.4"})(handler)


def _labels(workload: str) -> str:
    return f'reporter="destination",destination_workload_namespace="compared",destination_workload="{workload}"'


def _requests(workload: str, code: int) -> str:
    return f'istio_requests_total{{{_labels(workload)},response_code="{code}"}}'


def _bucket(workload: str, bound: str) -> str:
    return f'istio_request_duration_milliseconds_bucket{{{_labels(workload)},le="{bound}"}}'


def _series() -> dict[str, float]:
    rates = {"bad": 50.0, "burst": 0.0, "same": 1.0, "idle": 0.0}
    series: dict[str, float] = {}
    for target, errors in rates.items():
        for workload, failing in ((target, errors), (f"{target}-primary", 1.0)):
            busy = 0.0 if workload == "idle" else 100.0
            series |= {_requests(workload, 200): busy, _bucket(workload, "+Inf"): busy + failing}
            if workload != "burst":
                series |= {_requests(workload, 503): failing, _bucket(workload, "500"): busy}
    return series


@pytest.fixture(scope="module")
def exporter(prometheus: Prometheus) -> Iterator[Exporter]:
    """Scraped for longer than ``AGE``, so that its series are older than the step."""
    made = Exporter()
    known = f'count(istio_requests_total{{destination_workload_namespace="compared"}} offset {AGE:.0f}s)'
    with WebServer(made) as server, prometheus.scraping(server.url.removeprefix("http://"), {}):
        eventually("the exporter is older than the step", lambda: prometheus.query(known), seconds=40)
        yield made


@pytest.fixture(scope="module")
def clients(prometheus: Prometheus, exporter: Exporter) -> Iterator[Clients]:
    http = Http(Egress(("127.0.0.1",)))
    yield Clients(http, MetricsServer(prometheus.url))
    http.close()


def app(workload: str, *metrics: Metric) -> Canary:
    return replace(canary(*metrics), namespace="compared", target=ObjectRef("apps/v1", "Deployment", workload))


def check(clients: Clients, workload: str, metric: Metric, questions: Questions | None = None) -> CheckResult:
    (answer,) = analyse(Subject("here", app(workload, metric), questions or Questions(metrics=True, age=AGE)), clients)
    return answer


@pytest.mark.parametrize("metric", [RATE, SLOW], ids=lambda metric: metric.name)
def test_a_canary_that_fails_more_often_than_the_primary_fails_and_the_event_has_the_numbers(
    clients: Clients, metric: Metric
) -> None:
    answer = check(clients, "bad", metric)
    assert answer.verdict is Verdict.FAIL
    assert answer.value == pytest.approx(33.3, abs=3)
    assert answer.text.endswith("worse, p<0.0001")
    assert answer.text.startswith(f"Halt podinfo.compared advancement {metric.name} canary 3")


@pytest.mark.parametrize("metric", [RATE, SLOW], ids=lambda metric: metric.name)
def test_a_canary_that_fails_as_often_as_the_primary_passes(clients: Clients, metric: Metric) -> None:
    answer = check(clients, "same", metric)
    assert (answer.verdict, answer.kind) == (Verdict.PASS, "comparison")
    assert ": same, p=" in answer.text


def test_a_canary_without_traffic_waits_for_it_and_a_whole_share_is_not_compared(clients: Clients) -> None:
    assert check(clients, "idle", RATE).verdict is Verdict.WAIT
    assert check(clients, "unknown", RATE).verdict is Verdict.WAIT
    everything = Questions(Facts(weight=100), metrics=True, age=AGE)
    answer = check(clients, "bad", RATE, everything)
    assert (answer.verdict, answer.text) == (
        Verdict.PASS,
        "request-success-rate is not compared: the primary gets no traffic",
    )


def test_a_bucket_that_the_histogram_lacks_is_unknown(clients: Clients) -> None:
    answer = check(clients, "bad", replace(SLOW, comparison=Comparison(slower_than=450.0)))
    assert answer.verdict is Verdict.UNKNOWN
    assert "its histogram has no bucket of 450ms" in answer.text


def test_the_first_errors_of_a_new_series_are_counted(
    clients: Clients, prometheus: Prometheus, exporter: Exporter
) -> None:
    exporter.late = True
    query = write_counts(app("burst", RATE), RATE, AGE)
    read = partial(read_labelled, label=LABEL)

    def errors() -> float:
        found = ask_for(read, clients.server, query, clients.http, Deadline.after(5))
        return read_counts(found, RATE)[0].bad

    eventually("the burst is scraped", errors, seconds=10)
    assert errors() == pytest.approx(40.0)
    increase = prometheus.query(f"sum(increase({_requests('burst', 503)}[{AGE:.0f}s]))")
    assert sum(sample.value for sample in increase) == 0, "which is why increase() alone is not asked"
