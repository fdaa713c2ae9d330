"""The mesh of one app: a real Envoy whose routes follow the VirtualService in a cluster, as Istio's control plane does,
or the HTTPRoute, as a Gateway's controller does.

Ten times a second it reads both, Services and pods of the namespace, and when they changed it renames a new route file
into the directory that Envoy watches. While the API server is away, Envoy keeps the last routes. Behind it stands one
small server a workload; its behaviour is what the ready pods' containers are told by FAULT_ERROR_RATE ("0.5") and
FAULT_DELAY ("1s"). It must never write to the cluster.
"""

from __future__ import annotations

import contextlib
import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import urllib3

from tests.support import backend, tools
from tests.support.api import ApiDownError, ApiError
from tests.support.endpoints import NOBODY, endpoints, workload_of
from tests.support.kubelet import is_ready, seconds_of
from tests.support.processes import Process, Program, accepts, answers, free_port
from tests.support.routes import ROUTERS, route_configuration, shares
from tests.support.traffic import Load

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from shared.json_types import Json, JsonObject
    from tests.support.cluster import Cluster
    from tests.support.prometheus import Prometheus

_HCM = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
_LOOK_EVERY_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class App:
    """What the mesh serves: callers ask for the service ``name``; the pods are of ``target`` and ``target``-primary."""

    cluster: Cluster
    namespace: str
    name: str
    target: str

    @property
    def workloads(self) -> tuple[str, str]:
        """The canary's and the primary's Deployment."""
        return self.target, f"{self.target}-primary"


class Mesh:
    """A context manager that runs Envoy and the backends of one app. Callers reach it on ``port``.

    ``envoy`` and ``backends`` (by workload) can be frozen and killed. Leaving raises NotUnderstoodError if a
    router's object asked for what this mesh cannot do; until then the last good routes stay.
    """

    def __init__(self, app: App, admin_port: int, directory: Path) -> None:
        self.port = free_port()
        self._app = app
        self._admin_port = admin_port
        self._directory = directory
        self._stopped = threading.Event()
        self._cleanup = contextlib.ExitStack()
        self._ports = {workload: free_port() for workload in app.workloads}
        self.backends = {workload: self._backend(workload) for workload in app.workloads}
        self.envoy = Process(_envoy(admin_port), directory)

    def __enter__(self) -> Mesh:
        with contextlib.ExitStack() as cleanup:
            self._write_files()
            self._look()
            for process in (*self.backends.values(), self.envoy):
                cleanup.callback(process.kill)
                process.launch()
            for process in (*self.backends.values(), self.envoy):
                process.wait_ready()
            follower = cleanup.enter_context(ThreadPoolExecutor(1, "mesh"))
            cleanup.callback(follower.submit(self._follow).result)
            cleanup.callback(self._stopped.set)
            self._cleanup = cleanup.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._cleanup.close()

    def shares(self) -> dict[str, int]:
        """Percent of ordinary requests that each workload gets by the routes that Envoy has in force; ``nobody``
        stands for sides without ready pods."""
        url = f"http://127.0.0.1:{self._admin_port}/config_dump?resource=dynamic_route_configs"
        (routes,) = urllib3.request("GET", url, timeout=5).json()["configs"]
        return {cluster.rpartition("|")[2]: percent for cluster, percent in shares(routes["route_config"]).items()}

    def load(self, rate: float = 50.0, headers: Mapping[str, str] | None = None) -> Load:
        """Callers of the app, ``rate`` requests a second while the value is entered."""
        return Load(self.port, self._app.name, rate, headers)

    def _follow(self) -> None:
        while not self._stopped.wait(_LOOK_EVERY_SECONDS):
            with contextlib.suppress(ApiError, ApiDownError):
                self._look()

    def _look(self) -> None:
        api, namespace = self._app.cluster.api, self._app.namespace
        routers = [(router, obj) for router in ROUTERS for obj in api.items(router.path.format(namespace))]
        services = api.items(f"/api/v1/namespaces/{namespace}/services")
        pods = [
            pod for pod in api.items(f"/api/v1/namespaces/{namespace}/pods") if workload_of(pod) in self._app.workloads
        ]
        for workload in self._app.workloads:
            told = behaviours(pod for pod in pods if workload_of(pod) == workload)
            if told:  # the last pods of a workload serve to their end
                self._publish(f"{workload}.json", told)
        routes = route_configuration(self._app.name, routers, endpoints(namespace, services, pods))
        self._publish("routes/routes.json", {"resources": [routes]})

    def _publish(self, name: str, content: object) -> None:
        """Replace a file by a rename, which is what Envoy watches for; an unchanged one is left alone."""
        file, new = self._directory / name, self._directory / "new"
        text = json.dumps(content)
        if not file.exists() or file.read_text() != text:
            new.write_text(text)
            new.rename(file)

    def _write_files(self) -> None:
        (self._directory / "routes").mkdir(parents=True)
        for workload in self._app.workloads:
            self._publish(f"{workload}.json", [[0.0, 0.0]])
        self._publish("envoy.json", self._bootstrap())

    def _backend(self, workload: str) -> Process:
        port = self._ports[workload]
        file = self._directory / f"{workload}.json"
        argv = (sys.executable, "-I", backend.__file__, str(port), workload, str(file))
        return Process(Program(f"backend-{workload}", argv, lambda: accepts(port)), self._directory)

    def _bootstrap(self) -> Json:
        backends = {f"{self._app.namespace}|{workload}": [port] for workload, port in self._ports.items()}
        return {
            "node": {"id": "mesh", "cluster": "mesh"},
            "admin": {"address": _address(self._admin_port)},
            "stats_flush_interval": "0.2s",  # histograms are merged this often; five seconds would be the default
            "static_resources": {
                "listeners": [_listener(self.port, self._directory / "routes")],
                "clusters": [_cluster(name, ports) for name, ports in {**backends, NOBODY: []}.items()],
            },
        }


@contextlib.contextmanager
def measured_mesh(app: App, prometheus: Prometheus, directory: Path) -> Iterator[Mesh]:
    """A running mesh that Prometheus scrapes, for the block."""
    with prometheus.envoy_port() as admin_port, Mesh(app, admin_port, directory) as mesh:
        yield mesh


def behaviours(pods: Iterable[Json]) -> list[tuple[float, float]]:
    """Error rate (0 to 1) and delay (seconds) of every ready pod, from the environment of its containers."""
    return [behaviour(pod) for pod in pods if is_ready(pod)]


def behaviour(pod: Json) -> tuple[float, float]:
    """Error rate and delay of one pod; a healthy one has neither."""
    variables = (entry for container in pod["spec"]["containers"] for entry in container.get("env", []))
    told = {entry["name"]: entry["value"] for entry in variables if "value" in entry}
    return float(told.get("FAULT_ERROR_RATE", "0")), seconds_of(told.get("FAULT_DELAY", "0s"))


def _envoy(admin_port: int) -> Program:
    argv = (
        str(tools.path_of(tools.Name.ENVOY)),
        "--config-path",
        "envoy.json",
        "--concurrency",
        "1",
        "--log-level",
        "warn",
        "--disable-hot-restart",
    )
    return Program("envoy", argv, lambda: answers(f"http://127.0.0.1:{admin_port}/ready"))


def _address(port: int) -> JsonObject:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _cluster(name: str, ports: list[int]) -> JsonObject:
    addresses = [{"endpoint": {"address": _address(port)}} for port in ports]
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": addresses}]},
    }


def _listener(port: int, routes: Path) -> JsonObject:
    source = {"path": f"{routes}/routes.json", "watched_directory": {"path": str(routes)}}
    connections = {
        "@type": _HCM,
        "stat_prefix": "in",
        "rds": {
            "route_config_name": "app",
            "config_source": {"resource_api_version": "V3", "path_config_source": source},
        },
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {"@type": _ROUTER}}],
    }
    filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": connections}]
    return {"name": "in", "address": _address(port), "filter_chains": [{"filters": filters}]}
