"""What the demo's mesh takes from a cluster means the same on both servers: who is ready, and whose pods answer."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from infra.local.mesh import Behaviour, Workload, workload
from infra.local.series import Store
from infra.local.traffic import Traffic
from tests.support.kubelet import READY
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from tests.support.cluster import Cluster
    from tests.support.embedded_cluster import EmbeddedCluster

BEFORE, AFTER = Behaviour(), Behaviour(error_rate=0.5, delay=1.0)
FAULTS = [{"name": "FAULT_ERROR_RATE", "value": "0.5"}, {"name": "FAULT_DELAY", "value": "1s"}]


def deployment(name: str = "podinfo") -> dict[str, Any]:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": "app:1"}]}}
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def template(faults: list[dict[str, str]], ready: str | None = None) -> dict[str, Any]:
    """A change of the pod template; pods of it get ready unless ``ready`` is "false"."""
    containers = [{"name": "app", "image": "app:1", "env": faults}]
    return {"spec": {"template": {"metadata": {"annotations": {READY: ready}}, "spec": {"containers": containers}}}}


def route(primary: int, canary: int) -> dict[str, Any]:
    weights = {"podinfo-primary": primary, "podinfo-canary": canary}
    split = [{"destination": {"host": host}, "weight": weight} for host, weight in weights.items()]
    return {
        "apiVersion": "networking.istio.io/v1beta1",
        "kind": "VirtualService",
        "metadata": {"name": "podinfo"},
        "spec": {"hosts": ["podinfo"], "http": [{"route": split}]},
    }


@dataclass(frozen=True, slots=True)
class Release:
    """Podinfo in one namespace of a cluster."""

    cluster: Cluster
    namespace: str

    def path(self, plural: str, name: str = "podinfo") -> str:
        """Where one of its objects is."""
        group = {"deployments": "apps/v1", "virtualservices": "networking.istio.io/v1beta1"}[plural]
        return f"/apis/{group}/namespaces/{self.namespace}/{plural}/{name}".rstrip("/")

    def change(self, plural: str, change: dict[str, Any]) -> None:
        """Merge a change into one of its objects."""
        self.cluster.api.patch(self.path(plural), change)


def test_a_new_template_is_settled_when_no_pod_of_the_old_one_is_left(cluster: Cluster, namespace: str) -> None:
    path = Release(cluster, namespace).path("deployments")

    def reads(expected: Workload) -> bool:
        return workload(cluster.api.get(path)) == expected

    cluster.api.create(path.removesuffix("/podinfo"), deployment())
    eventually("two pods are ready", lambda: reads(Workload(2, BEFORE, settled=True)))
    changed = cluster.api.patch(path, template(FAULTS, ready="false"))
    assert workload(changed) == Workload(2, AFTER, settled=False)
    eventually("a new pod is there", lambda: cluster.api.get(path)["status"].get("updatedReplicas"))
    assert reads(Workload(2, AFTER, settled=False))
    cluster.api.patch(path, template(FAULTS))
    eventually("the old pods are gone", lambda: reads(Workload(2, AFTER, settled=True)))
    cluster.api.patch(path, {"spec": {"replicas": 0}})
    eventually("nobody is ready", lambda: reads(Workload(0, AFTER, settled=True)))


@pytest.fixture
def app(embedded_cluster: EmbeddedCluster) -> Release:
    """Podinfo with ready pods on both sides, and all its traffic at the primary."""
    api, namespace = embedded_cluster.api, embedded_cluster.create_namespace()
    release = Release(embedded_cluster, namespace)
    for name in ("podinfo", "podinfo-primary"):
        api.create(release.path("deployments", ""), deployment(name))
    for name in ("podinfo", "podinfo-primary"):
        eventually(f"{name} is there", functools.partial(embedded_cluster.rollout_complete, namespace, name))
    api.create(release.path("virtualservices", ""), route(100, 0))
    return release


def test_callers_follow_a_cluster_and_only_read_it(app: Release) -> None:
    mark = app.cluster.mark()
    traffic = Traffic(app.cluster.url, app.namespace, "podinfo", Store(), rate=400)
    traffic.token = app.cluster.serin_token
    with traffic:
        eventually("callers reach the primary", lambda: traffic.counts.primary.requests > 100)
        assert traffic.counts.canary.requests == 0
        app.change("virtualservices", {"spec": route(0, 100)["spec"]})
        eventually("callers reach the canary", lambda: traffic.counts.canary.requests > 100)
        assert (traffic.counts.canary.errors, traffic.lost) == (0, 0)
        app.change("deployments", template(FAULTS))
        eventually("they meet its faults", lambda: traffic.counts.canary.errors > 100)
        assert traffic.lost == 0
        app.change("deployments", {"spec": {"replicas": 0}})
        eventually("they find nobody", lambda: traffic.lost > 100)
    assert {entry.verb for entry in app.cluster.requests_by("serin", mark)} == {"get"}
