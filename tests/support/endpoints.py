"""Which ready pods stand behind the services of a namespace, as the endpoints controller would find them.

Pure: objects of the Kubernetes API in, names and numbers out.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.kubelet import is_ready

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from shared.json_types import Json

NOBODY = "nobody"
"""The cluster without endpoints."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Ready pods of one namespace: for each service, how many of each workload."""

    namespace: str
    ready: Mapping[str, Mapping[str, int]]

    def clusters(self, host: str, weight: int = 1) -> Counter[str]:
        """Envoy's clusters behind a host, sharing a weight by their number of ready pods."""
        pods = self.ready.get(host.partition(".")[0], {})
        total = sum(pods.values())
        if not total:
            return Counter({NOBODY: weight * 1000})
        return Counter({f"{self.namespace}|{name}": weight * 1000 * number // total for name, number in pods.items()})

    def names(self, service: str) -> set[str]:
        """What callers in the namespace may call a service."""
        full = f"{service}.{self.namespace}"
        return {service, full, f"{full}.svc", f"{full}.svc.cluster.local"}


def endpoints(namespace: str, services: Iterable[Json], pods: Iterable[Json]) -> Endpoints:
    """What the services select."""
    serving = [pod for pod in pods if is_ready(pod) and "deletionTimestamp" not in pod["metadata"]]
    return Endpoints(namespace, {service["metadata"]["name"]: _selected(service, serving) for service in services})


def workload_of(pod: Json) -> str:
    """The Deployment of a pod: the name of its ReplicaSet without the hash; else the pod's own name."""
    owners = [owner for owner in pod["metadata"].get("ownerReferences", []) if owner["kind"] == "ReplicaSet"]
    if not owners:
        return str(pod["metadata"]["name"])
    return str(owners[0]["name"]).removesuffix(f"-{pod['metadata']['labels']['pod-template-hash']}")


def _selected(service: Json, pods: Iterable[Json]) -> Mapping[str, int]:
    selector = service["spec"].get("selector", {}).items()
    return Counter(workload_of(pod) for pod in pods if selector and selector <= pod["metadata"]["labels"].items())
