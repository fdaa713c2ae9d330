"""The dashboards during a release: every query of every panel, and every drop-down, against a real Prometheus.

It scrapes Envoy, which carries the app's requests, and the metrics function of a self-hosted Serin that works on a real
API server. The series of containers alone have no real source: see ``tests/support/cadvisor.py``.
"""

from __future__ import annotations

import json
import math
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import pytest
import urllib3

from tests.support.app import NAME, Release
from tests.support.cadvisor import cadvisor
from tests.support.cluster import Access, kubeconfig
from tests.support.dashboards import NAMES, expressions, fill_in, read_dashboard, variables
from tests.support.functions import Functions
from tests.support.mesh import App
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from tests.support.mesh import Mesh
    from tests.support.prometheus import Prometheus
    from tests.support.real_cluster import RealCluster

PRIMARY = f"{NAME}-primary"


@pytest.fixture
def release(real_cluster: RealCluster, real_namespace: str) -> Release:
    return Release(real_cluster, real_namespace)


@pytest.fixture
def functions(real_cluster: RealCluster, prometheus: Prometheus, tmp_path: Path) -> Iterator[Functions]:
    """Every function in one process, with a loop that is called every second."""
    access = Access(real_cluster.url, real_cluster.ca_file, real_cluster.token, real_cluster.serin_token)
    config = tmp_path / "kubeconfig"
    config.write_text(json.dumps({**kubeconfig(access), "current-context": "serin"}))
    environment = {
        "SERIN_KUBECONFIG": str(config),
        "SERIN_STORE": f"sqlite:///{tmp_path}/serin.db",
        "SERIN_METRICS_SERVER": prometheus.url,
    }
    with Functions(tmp_path, environment, "--beat", "1", "--sweep", "2") as running:
        yield running


def test_every_query_of_every_panel_has_data_during_a_release(
    release: Release, functions: Functions, prometheus: Prometheus, mesh_of: Callable[[App], Mesh]
) -> None:
    chosen = {"namespace": release.namespace, "primary": PRIMARY, "canary": NAME}
    pending = {query for name in NAMES for query in expressions(read_dashboard(name), chosen)}
    assert len(pending) > 50
    with ExitStack() as running:
        release.install()
        exporter = running.enter_context(cadvisor(release.cluster, release.namespace))
        for url in (functions.url, exporter.url):
            running.enter_context(prometheus.scraping(url.removeprefix("http://"), {}))
        running.enter_context(mesh_of(App(release.cluster, release.namespace, NAME, NAME)).load())
        eventually("the app is initialized", lambda: release.phase() == "Initialized", seconds=60)

        def watched(phase: str) -> bool:
            return _watch(prometheus, pending) and release.phase() == phase

        release.upgrade("app:2")
        eventually("the release is promoted", lambda: watched("Succeeded"), seconds=90)
        release.upgrade("app:3")
        eventually("another one is under way", lambda: watched("Progressing"))
        with suppress(TimeoutError):
            eventually("every query has had data", lambda: _watch(prometheus, pending) and not pending)
        assert not pending
        for name in NAMES:
            for annotation in read_dashboard(name)["annotations"]["list"]:
                prometheus.query(fill_in(annotation["expr"], chosen))
        _check_drop_downs(prometheus, chosen)


def _watch(prometheus: Prometheus, pending: set[tuple[str, str]]) -> bool:
    """Takes out what has an answer now; a number, for a graph of NaN is empty."""
    for title, expression in tuple(pending):
        if any(not math.isnan(sample.value) for sample in prometheus.query(expression)):
            pending.discard((title, expression))
    return True


def _check_drop_downs(prometheus: Prometheus, chosen: Mapping[str, str]) -> None:
    """Each of them offers what was chosen in it, and the two sides do not offer each other's workloads."""
    shown = {}
    for dashboard in NAMES:
        for variable in variables(read_dashboard(dashboard), chosen):
            values = _label_values(prometheus, variable.series, variable.label)
            shown[dashboard, variable.name] = {value for value in values if variable.shows.search(value)}
    assert chosen["namespace"] in shown["canary", "namespace"] & shown["control-plane", "namespace"]
    assert shown["canary", "primary"] == {PRIMARY}
    assert shown["canary", "canary"] == {NAME}


def _label_values(prometheus: Prometheus, series: str, label: str) -> list[str]:
    """As Grafana asks for ``label_values(series, label)``."""
    url = f"{prometheus.url}/api/v1/label/{label}/values"
    answer = urllib3.request("GET", url, fields={"match[]": series}, timeout=5).json()
    return [str(value) for value in answer["data"]]
