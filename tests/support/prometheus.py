"""A real Prometheus that scrapes twice a second, and makes Envoy's counters look like Istio's.

Prometheus looks for new targets only every five seconds. So ports for Envoys are written into its first configuration
and lent out: a mesh on such a port is scraped within half a second. Any other target can be added at any time and waits
for those seconds. The names of Envoy's clusters say whom they stand for: ``NAMESPACE|WORKLOAD`` becomes the labels that
Istio's destination proxies report, and those of an app without a mesh that counts its own requests; anything else is
dropped.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import urllib3

from tests.support import tools
from tests.support.processes import Process, Program, answers, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from shared.json_types import Json

_LENDABLE_PORTS = 8


@dataclass(frozen=True, slots=True)
class Sample:
    """One series of an answer. ``value`` may be NaN or infinite, as PromQL's."""

    labels: Mapping[str, str]
    value: float


class Prometheus:
    """A context manager that runs Prometheus.

    ``process.down()`` takes it away and starts it again with the port and the data it had; it scrapes again five
    seconds after that. ``process.frozen()`` lets queries hang.
    """

    def __init__(self, directory: Path) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._targets = directory / "targets"
        self._free_ports = [free_port() for _ in range(_LENDABLE_PORTS)]
        self._configuration = directory / "prometheus.json"
        self.process = Process(_program(self.url, self._configuration), directory)

    def __enter__(self) -> Prometheus:
        self._targets.mkdir(parents=True)
        self._configuration.write_text(json.dumps(_configuration(self._free_ports, self._targets)))
        self.process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()

    @contextlib.contextmanager
    def envoy_port(self) -> Iterator[int]:
        """A port whose ``/stats/prometheus`` is being scraped, lent for the block."""
        port = self._free_ports.pop()
        try:
            yield port
        finally:
            self._free_ports.append(port)

    @contextlib.contextmanager
    def scraping(self, address: str, labels: Mapping[str, str]) -> Iterator[None]:
        """Within the block scrape ``http://ADDRESS/metrics``, from some five seconds on; its series get ``labels``.

        Afterwards no more: the port may be another test's server by then, which counts its requests.
        """
        file = self._targets / f"{address.replace(':', '-')}.json"
        hidden = file.with_suffix(".new")
        hidden.write_text(json.dumps([{"targets": [address], "labels": dict(labels)}]))
        hidden.rename(file)
        try:
            yield
        finally:
            file.unlink()

    def query(self, expression: str) -> list[Sample]:
        """The instant vector that an expression gives now. A scalar is a vector of one sample without labels.

        Raises:
            RuntimeError: Prometheus refuses the expression; the text is its reason.
            urllib3.exceptions.HTTPError: it does not answer.
        """
        url = f"{self.url}/api/v1/query?{urlencode({'query': expression})}"
        answer = urllib3.request("GET", url, timeout=5, retries=False).json()
        if answer["status"] != "success":
            raise RuntimeError(f"Prometheus refuses {expression!r}: {answer['error']}")
        data = answer["data"]
        if data["resultType"] == "scalar":
            return [Sample({}, float(data["result"][1]))]
        return [Sample(series["metric"], float(series["value"][1])) for series in data["result"]]


def _configuration(envoy_ports: list[int], targets: Path) -> Json:
    return {
        "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms"},
        "scrape_configs": [
            {"job_name": "added", "file_sd_configs": [{"files": [f"{targets}/*.json"], "refresh_interval": "1s"}]},
            {
                "job_name": "mesh",
                "metrics_path": "/stats/prometheus",
                "static_configs": [{"targets": [f"127.0.0.1:{port}" for port in envoy_ports]}],
                "metric_relabel_configs": _as_istio(),
            },
            {
                "job_name": "apps",
                "metrics_path": "/stats/prometheus",
                "static_configs": [{"targets": [f"127.0.0.1:{port}" for port in envoy_ports]}],
                "metric_relabel_configs": _as_apps(),
            },
        ],
    }


def _as_istio() -> list[Json]:
    name, cluster = ["__name__"], ["envoy_cluster_name"]
    return [
        {"source_labels": name, "regex": r"envoy_cluster_upstream_rq(_time_(bucket|sum|count))?", "action": "keep"},
        {"source_labels": cluster, "regex": r".+\|.+", "action": "keep"},
        {"source_labels": cluster, "regex": r"(.+)\|.+", "target_label": "destination_workload_namespace"},
        {"source_labels": cluster, "regex": r".+\|(.+)", "target_label": "destination_workload"},
        {"source_labels": ["envoy_response_code"], "target_label": "response_code"},
        {"target_label": "reporter", "replacement": "destination"},
        {
            "source_labels": name,
            "regex": "envoy_cluster_upstream_rq",
            "target_label": "__name__",
            "replacement": "istio_requests_total",
        },
        {
            "source_labels": name,
            "regex": "envoy_cluster_upstream_rq_time_(.*)",
            "target_label": "__name__",
            "replacement": "istio_request_duration_milliseconds_$1",
        },
        {"regex": "envoy_.*", "action": "labeldrop"},
    ]


def _as_apps() -> list[Json]:
    """What pods count, as Flagger's Prometheus labels it. Their durations are left out: Envoy has milliseconds."""
    name, cluster = ["__name__"], ["envoy_cluster_name"]
    return [
        {"source_labels": name, "regex": "envoy_cluster_upstream_rq", "action": "keep"},
        {"source_labels": cluster, "regex": r".+\|.+", "action": "keep"},
        {"source_labels": cluster, "regex": r"(.+)\|.+", "target_label": "kubernetes_namespace"},
        {
            "source_labels": cluster,
            "regex": r".+\|(.+)",
            "target_label": "kubernetes_pod_name",
            "replacement": "$1-5d4f8c6b9-x2k7q",
        },
        {"source_labels": ["envoy_response_code"], "target_label": "status"},
        {"target_label": "__name__", "replacement": "http_request_duration_seconds_count"},
        {"regex": "envoy_.*", "action": "labeldrop"},
    ]


def _program(url: str, configuration: Path) -> Program:
    argv = (
        str(tools.path_of(tools.Name.PROMETHEUS)),
        f"--config.file={configuration}",
        "--storage.tsdb.path=data",
        "--storage.tsdb.retention.time=1d",
        f"--web.listen-address={url.removeprefix('http://')}",
        "--scrape.discovery-reload-interval=100ms",
        "--log.level=warn",
    )
    return Program("prometheus", argv, lambda: answers(f"{url}/-/ready"))
