"""The demo's traffic against an API server: what callers meet can be asked of the metrics server seconds later."""

from __future__ import annotations

import json
import logging
import time
from typing import TYPE_CHECKING, Any

import pytest
import requests

from infra.local.metrics_server import MetricsServer
from infra.local.series import Store
from infra.local.traffic import Traffic
from tests.support.waiting import eventually
from tests.support.web import WebServer, reply
from tests.unit.local.test_mesh import deployment, routed, to

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.web import Handler

VIRTUAL_SERVICE, PRIMARY, CANARY = "virtualservices/podinfo", "deployments/podinfo-primary", "deployments/podinfo"
LABELS = 'reporter="destination",destination_workload_namespace="test",destination_workload=~"podinfo"'
SUCCESS = (
    f'sum(rate(istio_requests_total{{{LABELS},response_code!~"5.*"}}[5s])) / '
    f"sum(rate(istio_requests_total{{{LABELS}}}[5s])) * 100"
)
DURATION = f"histogram_quantile(0.99, sum(rate(istio_request_duration_milliseconds_bucket{{{LABELS}}}[5s])) by (le))"


class Cluster:
    """An API server that knows these objects, by the end of their paths."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {
            VIRTUAL_SERVICE: routed({"route": to(50, 50)}),
            PRIMARY: deployment(),
            CANARY: deployment(FAULT_ERROR_RATE="0.5", FAULT_DELAY="1s"),
        }
        self.broken = False

    def answer(self, handler: Handler) -> None:
        """As a Kubernetes API server."""
        found = self.objects.get("/".join(handler.path.split("/")[-2:]))
        status = 500 if self.broken else 200 if found else 404
        reply(status, json.dumps(found or {}))(handler)


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def traffic(cluster: Cluster, store: Store) -> Iterator[Traffic]:
    with WebServer(cluster.answer) as api, Traffic(api.url, "test", "podinfo", store, rate=400, seed=1) as traffic:
        yield traffic


def value(url: str, query: str) -> float | None:
    result = requests.get(f"{url}/api/v1/query", params={"query": query}, timeout=5).json()["data"]["result"]
    return float(result[0]["value"][1]) if result else None


def test_the_checks_of_an_analysis_see_what_the_pods_are_told(store: Store, traffic: Traffic) -> None:
    eventually("there were requests", lambda: traffic.counts.canary.requests > 400)
    with MetricsServer(store) as server:
        success, duration = value(server.url, SUCCESS), value(server.url, DURATION)
    assert success == pytest.approx(50, abs=10)
    assert duration is not None
    assert 1000 < duration <= 2500
    assert traffic.lost == 0


def test_it_calls_at_its_rate(traffic: Traffic) -> None:
    eventually("it calls", lambda: traffic.counts.sent)
    before, began = traffic.counts.sent, time.monotonic()
    time.sleep(1.5)
    rate = (traffic.counts.sent - before) / (time.monotonic() - began)
    assert rate == pytest.approx(400, rel=0.4)


def test_changes_of_the_cluster_are_followed(cluster: Cluster, traffic: Traffic) -> None:
    eventually("the canary is called", lambda: traffic.counts.canary.requests)
    cluster.objects[CANARY] = deployment(ready=0)
    eventually("requests to it are lost", lambda: traffic.lost)
    cluster.objects[VIRTUAL_SERVICE] = routed({"route": to(100, 0)}, version="2")
    lost = eventually("they no longer are", lambda: _steady(traffic))
    assert traffic.lost == lost


def test_the_last_routes_stay_while_the_api_server_fails_and_it_says_so_once(
    cluster: Cluster, traffic: Traffic, caplog: pytest.LogCaptureFixture
) -> None:
    eventually("it calls", lambda: traffic.counts.sent)
    with caplog.at_level(logging.WARNING):
        cluster.broken = True
        eventually("it says so", lambda: caplog.messages)
        before = traffic.counts.sent
        eventually("it still calls", lambda: traffic.counts.sent > before + 400)
    assert len(caplog.messages) == 1
    assert "keeps its last routes" in caplog.messages[0]
    assert "500" in caplog.messages[0]


def test_nothing_happens_after_its_end(cluster: Cluster, store: Store) -> None:
    with WebServer(cluster.answer) as api:
        with Traffic(api.url, "test", "podinfo", store, rate=400) as traffic:
            eventually("it calls", lambda: traffic.counts.sent)
        counts, asked = traffic.counts, len(api.requests)
        time.sleep(0.6)
        assert (traffic.counts, len(api.requests)) == (counts, asked)


def _steady(traffic: Traffic) -> int:
    """The number of lost requests once it no longer grows though callers call."""
    lost, sent = traffic.lost, traffic.counts.sent
    eventually("there are more requests", lambda: traffic.counts.sent > sent + 400)
    return lost if traffic.lost == lost else 0
