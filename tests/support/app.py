"""The app that the end-to-end tests release: a Deployment with a ConfigMap, a Secret and an autoscaler, or a DaemonSet
with a ConfigMap and a Secret, or a Service for pods that somebody else looks after, and its Canary.

The first is the workload of DESIGN's budgets: one ConfigMap, one Secret, one HPA.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.rollout import RolloutKey
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from shared.json_types import JsonObject
    from tests.support.cluster import Cluster

NAME = "frontend"
LABELS = {"app": NAME}


@dataclass(frozen=True, slots=True)
class Release:
    """The app in one namespace of a cluster, as its team sees it; ``target`` is the kind that is released, of which
    only a Deployment has an autoscaler.
    """

    cluster: Cluster
    namespace: str
    target: str = "Deployment"

    def install(self, provider: str = "", /, **analysis: object) -> None:
        """Create the app, wait until it serves, and hand it to Serin with this router and analysis."""
        for path, obj in objects(self.target):
            self.cluster.api.create(path.format(ns=self.namespace), obj)
        eventually("the app serves", self.is_up)
        made = canary(provider, **analysis)
        made["spec"]["targetRef"]["kind"] = self.target
        if self.target == "Service":
            made["spec"]["targetRef"]["apiVersion"] = "core/v1"
        if self.target != "Deployment":
            del made["spec"]["autoscalerRef"]
        self.cluster.api.create(self.path("canary", ""), made)

    def is_up(self) -> bool:
        """Whether every pod of the target runs its newest template and is available. A Service has none."""
        if self.target == "Service":
            return True
        daemon_set = self.target == "DaemonSet"
        complete = self.cluster.daemon_set_complete if daemon_set else self.cluster.rollout_complete
        return complete(self.namespace, NAME)

    def path(self, kind: str, name: str = NAME) -> str:
        """The URL path of one of the app's objects."""
        return f"{_PATHS[kind].format(ns=self.namespace)}/{name}".rstrip("/")

    def get(self, kind: str, name: str = NAME) -> JsonObject:
        """One of the app's objects."""
        return self.cluster.api.get(self.path(kind, name))

    def patch(self, kind: str, change: JsonObject, name: str = NAME) -> None:
        """Merge a change into one of the app's objects."""
        self.cluster.api.patch(self.path(kind, name), change)

    def upgrade(self, image: str, **env: str) -> None:
        """A new version of the app; FAULT_ERROR_RATE and FAULT_DELAY make it misbehave. A Service selects its pods."""
        if self.target == "Service":
            self.patch("service", {"spec": {"selector": {"image": image.replace(":", "-")}}})
            return
        self.patch(self.target.lower(), {"spec": {"template": {"spec": {"containers": [_container(image, env)]}}}})

    def image(self, name: str) -> str:
        """The image that the template of a workload names, or the label that a Service selects by."""
        spec = self.get(self.target.lower(), name)["spec"]
        if self.target == "Service":
            return str(spec["selector"]["image"]).replace("-", ":")
        return str(spec["template"]["spec"]["containers"][0]["image"])

    def weights(self) -> tuple[int, int]:
        """Primary's and canary's weight in the VirtualService."""
        primary, of_canary = self.get("virtualservice")["spec"]["http"][0]["route"]
        return primary["weight"], of_canary["weight"]

    def phase(self) -> str:
        """The Canary's phase as people see it."""
        return str(self.get("canary").get("status", {}).get("phase", ""))


def release_key(namespace: str) -> RolloutKey:
    """The rollout of the app in a namespace."""
    return RolloutKey("test", namespace, NAME)


def canary(provider: str = "", /, **analysis: object) -> JsonObject:
    """The app's Canary; ``analysis`` overrides fields of its analysis, and None removes one."""
    fields = {
        "interval": "2s",
        "threshold": 5,
        "maxWeight": 50,
        "stepWeight": 25,
        "metrics": [
            {"name": "request-success-rate", "interval": "5s", "thresholdRange": {"min": 99}},
            {"name": "request-duration", "interval": "5s", "thresholdRange": {"max": 500}},
        ],
        **analysis,
    }
    return {
        "apiVersion": "flagger.app/v1beta1",
        "kind": "Canary",
        "metadata": {"name": NAME},
        "spec": {
            **({"provider": provider} if provider else {}),
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": NAME},
            "autoscalerRef": {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": NAME},
            "progressDeadlineSeconds": 60,
            "service": {"port": 9898},
            "analysis": {name: value for name, value in fields.items() if value is not None},
        },
    }


_PATHS = {
    "canary": "/apis/flagger.app/v1beta1/namespaces/{ns}/canaries",
    "configmap": "/api/v1/namespaces/{ns}/configmaps",
    "destinationrule": "/apis/networking.istio.io/v1beta1/namespaces/{ns}/destinationrules",
    "daemonset": "/apis/apps/v1/namespaces/{ns}/daemonsets",
    "deployment": "/apis/apps/v1/namespaces/{ns}/deployments",
    "httproute": "/apis/gateway.networking.k8s.io/v1/namespaces/{ns}/httproutes",
    "hpa": "/apis/autoscaling/v2/namespaces/{ns}/horizontalpodautoscalers",
    "secret": "/api/v1/namespaces/{ns}/secrets",
    "service": "/api/v1/namespaces/{ns}/services",
    "virtualservice": "/apis/networking.istio.io/v1beta1/namespaces/{ns}/virtualservices",
}


def _container(image: str, env: dict[str, str] | None = None) -> JsonObject:
    return {
        "name": "app",
        "image": image,
        "ports": [{"name": "http", "containerPort": 9898}],
        "env": [
            *({"name": name, "value": value} for name, value in (env or {}).items()),
            {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": NAME, "key": "token"}}},
        ],
        "volumeMounts": [{"name": "config", "mountPath": "/config"}],
    }


def objects(kind: str) -> list[tuple[str, JsonObject]]:
    metadata = {"name": NAME, "labels": LABELS}
    pod = {"containers": [_container("app:1")], "volumes": [{"name": "config", "configMap": {"name": NAME}}]}
    workload = {"selector": {"matchLabels": LABELS}, "template": {"metadata": {"labels": LABELS}, "spec": pod}}
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": NAME}
    cpu = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}
    autoscaler = {"scaleTargetRef": target, "minReplicas": 2, "maxReplicas": 4, "metrics": [cpu]}
    selected = {**LABELS, "image": "app-1"} if kind == "Service" else LABELS
    service = {"selector": selected, "ports": [{"name": "http", "port": 9898, "targetPort": 9898}]}
    of_kind = {
        "DaemonSet": [(_PATHS["daemonset"], {"metadata": metadata, "spec": workload})],
        "Deployment": [
            (_PATHS["deployment"], {"metadata": metadata, "spec": {"replicas": 2, **workload}}),
            (_PATHS["hpa"], {"metadata": metadata, "spec": autoscaler}),
        ],
        "Service": [],
    }
    return [
        (_PATHS["configmap"], {"metadata": metadata, "data": {"greeting": "hello"}}),
        (_PATHS["secret"], {"metadata": metadata, "type": "Opaque", "stringData": {"token": "t0k3n"}}),
        *of_kind[kind],
        (_PATHS["service"], {"metadata": metadata, "spec": service}),
    ]
