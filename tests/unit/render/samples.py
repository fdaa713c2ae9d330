"""Objects for the tests of rendering: a Canary and what a Kubernetes API returns for the objects that it names.

``deployment.json`` is what a kube-apiserver 1.35 made of a Deployment with everything that a primary has to treat with
care.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from shared.canary.model import Analysis, AutoscalerRef, Canary, ObjectRef, Service

if TYPE_CHECKING:
    from shared.json_types import JsonObject

_DEPLOYMENT = (Path(__file__).parent / "deployment.json").read_text()

V1BETA1 = "flagger.app/v1beta1"
V1ALPHA3 = "flagger.app/v1alpha3"
UID = "5f0c6b2e-32a4-4e2d-8ac1-f57b2e1d9a77"
OWNED = {"serin.dev/canary": "podinfo", "serin.dev/canary-uid": UID}


def canary(
    service: Service | None = None, api_version: str = V1BETA1, autoscaler: AutoscalerRef | None = None
) -> Canary:
    """A Canary ``podinfo`` in namespace ``test``."""
    return Canary(
        namespace="test",
        name="podinfo",
        uid=UID,
        generation=4,
        api_version=api_version,
        target=ObjectRef("apps/v1", "Deployment", "podinfo"),
        service=service or Service("podinfo", 9898),
        analysis=Analysis(interval=60, threshold=5, step_weight=10),
        autoscaler=autoscaler,
    )


def autoscaler_ref(minimum: int | None = None, maximum: int | None = None) -> AutoscalerRef:
    """A reference to the autoscaler ``podinfo``, with limits for the primary's own."""
    ref = ObjectRef("autoscaling/v2", "HorizontalPodAutoscaler", "podinfo")
    return AutoscalerRef(ref, primary_min_replicas=minimum, primary_max_replicas=maximum)


def deployment() -> JsonObject:
    """The target."""
    loaded: JsonObject = json.loads(_DEPLOYMENT)
    return loaded


def daemon_set() -> JsonObject:
    """The target as a DaemonSet."""
    made, ours = deployment(), ("selector", "template", "minReadySeconds", "revisionHistoryLimit")
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}
    spec = {field: made["spec"][field] for field in ours if field in made["spec"]}
    return {**made, "kind": "DaemonSet", "spec": {**spec, "updateStrategy": strategy}, "status": {}}


def service(**spec: Any) -> JsonObject:
    """The target as a Service, with these fields of its ``spec``; of an ExternalName nothing else is left."""
    usual = {
        "type": "ClusterIP",
        "selector": {"app": "podinfo", "stack": "blue"},
        "ports": [{"name": "http", "protocol": "TCP", "port": 80, "targetPort": 8080}],
        "clusterIP": "10.96.0.4",
        "clusterIPs": ["10.96.0.4"],
        "ipFamilies": ["IPv4"],
        "ipFamilyPolicy": "SingleStack",
        "internalTrafficPolicy": "Cluster",
        "sessionAffinity": "None",
    }
    annotations = {"external-dns.alpha.kubernetes.io/hostname": "podinfo.example.com"}
    metadata = {"name": "podinfo", "namespace": "test", "labels": {"app": "podinfo"}, "annotations": annotations}
    given = spec if spec.get("type") == "ExternalName" else {**usual, **spec}
    return {"kind": "Service", "apiVersion": "v1", "metadata": metadata, "spec": given, "status": {"loadBalancer": {}}}


def autoscaler() -> JsonObject:
    """The target's HorizontalPodAutoscaler."""
    cpu = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 99}}}
    return {
        "kind": "HorizontalPodAutoscaler",
        "apiVersion": "autoscaling/v2",
        "metadata": {"name": "podinfo", "namespace": "test", "resourceVersion": "212", "labels": {"app": "podinfo"}},
        "spec": {
            "scaleTargetRef": {"kind": "Deployment", "name": "podinfo", "apiVersion": "apps/v1"},
            "minReplicas": 2,
            "maxReplicas": 4,
            "metrics": [cpu],
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": 60, "selectPolicy": "Max"}},
        },
        "status": {"desiredReplicas": 0, "currentMetrics": None},
    }


def config_map() -> JsonObject:
    """A ConfigMap that the target mounts."""
    return {
        "kind": "ConfigMap",
        "apiVersion": "v1",
        "metadata": {
            "name": "settings",
            "namespace": "test",
            "resourceVersion": "213",
            "labels": {"app": "podinfo", "kustomize.toolkit.fluxcd.io/name": "apps"},
            "annotations": {"note": "n"},
        },
        "immutable": True,
        "data": {"app.yaml": "color: red"},
        "binaryData": {"logo": "iVBORw0="},
    }


def secret(kind: str = "Opaque") -> JsonObject:
    """A Secret that the target's containers read."""
    return {
        "kind": "Secret",
        "apiVersion": "v1",
        "metadata": {"name": "database", "namespace": "test", "resourceVersion": "214"},
        "data": {"dsn": "cG9zdGdyZXM6Ly8="},
        "type": kind,
    }


_NAMES = st.sampled_from(["a", "b", "c", "a-primary"])
_CONFIG_MAPS = st.builds(lambda name: {"name": name}, _NAMES)
_VOLUMES = st.one_of(
    st.builds(lambda ref: {"name": "v", "configMap": ref}, _CONFIG_MAPS),
    st.builds(lambda name: {"name": "v", "secret": {"secretName": name}}, _NAMES),
    st.builds(lambda ref: {"name": "v", "projected": {"sources": [{"configMap": ref}, {"secret": ref}]}}, _CONFIG_MAPS),
    st.just({"name": "v", "emptyDir": {}}),
)
_ENV = st.one_of(
    st.builds(lambda ref: {"name": "E", "valueFrom": {"configMapKeyRef": {**ref, "key": "k"}}}, _CONFIG_MAPS),
    st.builds(lambda ref: {"name": "E", "valueFrom": {"secretKeyRef": {**ref, "key": "k"}}}, _CONFIG_MAPS),
    st.just({"name": "E", "value": "a"}),
)
_ENV_FROM = st.one_of(
    st.builds(lambda ref: {"configMapRef": ref}, _CONFIG_MAPS), st.builds(lambda ref: {"secretRef": ref}, _CONFIG_MAPS)
)
_CONTAINERS = st.lists(
    st.fixed_dictionaries(
        {"name": st.just("app"), "image": st.just("app:1")},
        optional={"env": st.lists(_ENV, max_size=3), "envFrom": st.lists(_ENV_FROM, max_size=3)},
    ),
    max_size=2,
)
_SELECTORS = st.one_of(
    st.builds(lambda value: {"matchLabels": {"app": value}}, st.sampled_from(["podinfo", "other"])),
    st.just({"matchExpressions": [{"key": "app", "operator": "In", "values": ["podinfo", "other"]}]}),
    st.just({"matchExpressions": [{"key": "app", "operator": "Exists"}]}),
)
POD_TEMPLATES: st.SearchStrategy[JsonObject] = st.fixed_dictionaries(
    {
        "metadata": st.builds(
            lambda labels: {"labels": {**labels, "app": "podinfo"}},
            st.dictionaries(st.sampled_from(["app", "tier", "name"]), st.sampled_from(["podinfo", "x"])),
        ),
        "spec": st.fixed_dictionaries(
            {"containers": _CONTAINERS},
            optional={
                "initContainers": _CONTAINERS,
                "volumes": st.lists(_VOLUMES, max_size=3),
                "topologySpreadConstraints": st.lists(
                    st.builds(lambda selector: {"maxSkew": 1, "labelSelector": selector}, _SELECTORS), max_size=2
                ),
            },
        ),
    }
).map(lambda template: json.loads(json.dumps(template)))
"""Pod templates of a target ``podinfo`` that name configs in any of the places where pods can."""
