"""Publishes the series that a kubelet's cAdvisor has for the pods of one namespace.

The only thing in the tests that stands for a source that is not there: their clusters have pods, but nothing runs in
them. Names and labels are those of the real cAdvisor, the sums of pods and the sandbox included, which queries have to
leave out.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.support.web import WebServer, reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.cluster import Cluster
    from tests.support.web import Handler

_CONTAINERS = ("", "POD", "app", "istio-proxy")
"""The sum of the pod, its sandbox, and what runs in it."""


def cadvisor(cluster: Cluster, namespace: str) -> WebServer:
    """A server of the metrics of a namespace's pods, as they are at each scrape."""
    began = time.monotonic()

    def export(handler: Handler) -> None:
        pods = cluster.api.items(f"/api/v1/namespaces/{namespace}/pods")
        lines = [line for pod in pods for line in _lines(namespace, pod["metadata"]["name"], time.monotonic() - began)]
        reply(200, "".join(lines), {"Content-Type": "text/plain; version=0.0.4"})(handler)

    return WebServer(export)


def _lines(namespace: str, pod: str, age: float) -> Iterator[str]:
    of_pod = f'namespace="{namespace}",pod="{pod}"'
    for container in _CONTAINERS:
        labels = f'{of_pod},container="{container}"'
        yield f"container_cpu_usage_seconds_total{{{labels}}} {age * 0.05:.6f}\n"
        yield f"container_memory_working_set_bytes{{{labels}}} {32 * 2**20}\n"
    for direction, speed in (("receive", 2000), ("transmit", 9000)):
        yield f'container_network_{direction}_bytes_total{{{of_pod},interface="eth0"}} {age * speed:.0f}\n'
