"""HorizontalPodAutoscalers (pkg/apis/autoscaling). They are kept as autoscaling/v2, and can be read as v1. Nothing here
scales anything.
"""

from dataclasses import replace

from infra.local.kubernetes.kinds.kind import Kind, keep_spec, keep_status, leave
from infra.local.kubernetes.kinds.podchecks import not_negative
from infra.local.kubernetes.kinds.reading import through
from infra.local.kubernetes.objects import JsonObject, copy_json, dig, indexed, items, mapping
from infra.local.kubernetes.problems import Problem, forbidden, invalid, not_supported, required
from infra.local.kubernetes.quantities import amount

_SOURCES = {
    "ContainerResource": "containerResource",
    "External": "external",
    "Object": "object",
    "Pods": "pods",
    "Resource": "resource",
}
_UP = {
    "stabilizationWindowSeconds": 0,
    "selectPolicy": "Max",
    "policies": [
        {"type": "Pods", "value": 4, "periodSeconds": 15},
        {"type": "Percent", "value": 100, "periodSeconds": 15},
    ],
}
_DOWN = {"selectPolicy": "Max", "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}]}
_SHARED = ("scaleTargetRef", "minReplicas", "maxReplicas")
_DEFAULT_METRIC = {
    "type": "Resource",
    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
}


def _complete(obj: JsonObject) -> None:
    spec = obj["spec"]
    spec.setdefault("minReplicas", 1)
    if not spec.get("metrics"):
        spec["metrics"] = [copy_json(_DEFAULT_METRIC)]
    if "behavior" in spec:
        spec["behavior"] = {
            "scaleUp": {**copy_json(_UP), **mapping(spec, "behavior", "scaleUp")},
            "scaleDown": {**copy_json(_DOWN), **mapping(spec, "behavior", "scaleDown")},
        }


def _begin(obj: JsonObject) -> None:
    obj["status"] = {"currentMetrics": None, "desiredReplicas": 0}


def _check(obj: JsonObject) -> list[Problem]:
    spec = obj["spec"]
    low, high = spec["minReplicas"], spec.get("maxReplicas", 0)
    found = [] if low >= 1 else [invalid("spec.minReplicas", low, "must be greater than or equal to 1")]
    if high < 1:
        found.append(invalid("spec.maxReplicas", high, "must be greater than 0"))
    if high < low:
        found.append(invalid("spec.maxReplicas", high, "must be greater than or equal to `minReplicas`"))
    found += _check_target(mapping(spec, "scaleTargetRef"))
    for index, metric in indexed(spec, "metrics"):
        found += _check_metric(metric, f"spec.metrics[{index}]")
    if low == 0 and not any(metric.get("type") in {"Object", "External"} for metric in items(spec, "metrics")):
        why = "must specify at least one Object or External metric to support scaling to zero replicas"
        found.append(forbidden("spec.metrics", why))
    return found


def _check_target(reference: JsonObject) -> list[Problem]:
    path = "spec.scaleTargetRef"
    found = [required(f"{path}.{key}") for key in ("kind", "name") if not reference.get(key)]
    if "/" not in reference.get("apiVersion", "") and reference.get("kind") != "ReplicationController":
        found.append(
            invalid(f"{path}.apiVersion", reference.get("apiVersion", ""), "apiVersion must specify API group")
        )
    return found


def _check_metric(metric: JsonObject, path: str) -> list[Problem]:
    kind = metric.get("type", "")
    expected = _SOURCES.get(kind)
    given = [name for name in _SOURCES.values() if name in metric]
    found = [] if kind else [required(f"{path}.type", "must specify a metric source type")]
    if expected is None:
        found += [not_supported(f"{path}.type", kind, _SOURCES)] * 2
    if len(given) == 1:
        found += _check_source(given[0], metric[given[0]], f"{path}.{given[0]}")
    if expected and expected not in given:
        found.append(required(f"{path}.{expected}", "must populate information for the given metric source"))
    if len(given) != 1:
        found += [
            forbidden(f"{path}.{name}", "must populate the given metric source only")
            for name in given
            if name != expected
        ]
    return found


def _check_source(name: str, source: JsonObject, path: str) -> list[Problem]:
    target = mapping(source, "target")
    found = []
    if name in {"resource", "containerResource"}:
        found += [] if source.get("name") else [required(f"{path}.name", "must specify a resource name")]
    elif not dig(source, "metric", "name"):
        found.append(required(f"{path}.metric.name", "must specify a metric name"))
    found += _check_metric_target(target, f"{path}.target")
    if name == "pods" and "averageValue" not in target:
        found.append(required(f"{path}.target.averageValue", "must specify a positive target averageValue"))
    if name in {"resource", "containerResource"} and not {"averageUtilization", "averageValue"} & set(target):
        why = "must set either a target raw value or a target utilization"
        found.append(required(f"{path}.target.averageUtilization", why))
    return found


def _check_metric_target(target: JsonObject, path: str) -> list[Problem]:
    kind = target.get("type", "")
    found = [] if kind else [required(f"{path}.type", "must specify a metric target type")]
    if kind not in {"Utilization", "Value", "AverageValue"}:
        found.append(invalid(f"{path}.type", kind, "must be either Utilization, Value, or AverageValue"))
    found += [
        invalid(f"{path}.{key}", target[key], "must be positive")
        for key in ("value", "averageValue")
        if key in target and amount(target[key]) <= 0
    ]
    if "averageUtilization" in target and target["averageUtilization"] < 1:
        found.append(invalid(f"{path}.averageUtilization", target["averageUtilization"], "must be greater than 0"))
    return found


def _check_status(new: JsonObject, _: JsonObject) -> list[Problem]:
    status = mapping(new, "status")
    return not_negative(status.get("currentReplicas"), "status.currentReplicas") + not_negative(
        status.get("desiredReplicas"), "status.desiredReplicas"
    )


def as_v1(obj: JsonObject) -> JsonObject:
    """The autoscaling/v1 form. Of the metrics it has only the CPU target; it cannot be written back."""
    spec, status = mapping(obj, "spec"), mapping(obj, "status")
    targets = (
        dig(metric, "resource", "target", "averageUtilization")
        for metric in items(spec, "metrics")
        if dig(metric, "resource", "name") == "cpu"
    )
    cpu = next((target for target in targets if target is not None), None)
    plain = {key: spec[key] for key in _SHARED if key in spec}
    return {
        "kind": obj["kind"],
        "apiVersion": "autoscaling/v1",
        "metadata": obj["metadata"],
        "spec": plain if cpu is None else {**plain, "targetCPUUtilizationPercentage": cpu},
        "status": {
            "currentReplicas": status.get("currentReplicas", 0),
            "desiredReplicas": status.get("desiredReplicas", 0),
            **{key: status[key] for key in ("observedGeneration", "lastScaleTime") if key in status},
        },
    }


def from_v1(obj: JsonObject) -> JsonObject:
    """The stored form of a new autoscaling/v1 object, as `kubectl autoscale` sends it."""
    spec: JsonObject = {key: obj["spec"][key] for key in _SHARED if key in obj["spec"]}
    if cpu := obj["spec"].get("targetCPUUtilizationPercentage"):
        target = {"type": "Utilization", "averageUtilization": cpu}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    stored = {**obj, "apiVersion": "autoscaling/v2", "spec": spec}
    _complete(stored)
    return stored


AUTOSCALER = Kind(
    read=through("io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler"),
    complete=_complete,
    check=_check,
    check_status=_check_status,
    begin=_begin,
    inherit=keep_status,
    subresources={"status": keep_spec},
)

AUTOSCALER_V1 = replace(AUTOSCALER, read=through("io.k8s.api.autoscaling.v1.HorizontalPodAutoscaler"), complete=leave)
