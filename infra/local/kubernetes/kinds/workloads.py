"""Pods, ReplicaSets and Deployments (pkg/apis/apps, pkg/registry/apps, pkg/registry/core/pod)."""

import re
from typing import Any

from infra.local.kubernetes.kinds.kind import Kind, keep_spec, keep_status
from infra.local.kubernetes.kinds.podchecks import check_spec, check_template, not_negative
from infra.local.kubernetes.kinds.podspec import complete_pod, complete_spec, fill
from infra.local.kubernetes.kinds.reading import through
from infra.local.kubernetes.metadata import check_labels
from infra.local.kubernetes.names import label_key, label_value
from infra.local.kubernetes.objects import JsonObject, dig, indexed, items, mapping
from infra.local.kubernetes.problems import IMMUTABLE, Problem, forbidden, invalid, not_supported, required
from infra.local.kubernetes.selectors import from_object

_OPERATORS = {"In", "NotIn", "Exists", "DoesNotExist"}
_PERCENT = re.compile("^[0-9]+%$")


def _complete_replica_set(obj: JsonObject) -> None:
    obj["spec"].setdefault("replicas", 1)
    complete_spec(obj["spec"]["template"].setdefault("spec", {}))


def _complete_deployment(obj: JsonObject) -> None:
    spec = obj["spec"]
    spec.setdefault("replicas", 1)
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)
    fill(spec["strategy"], type="RollingUpdate")
    if spec["strategy"]["type"] == "RollingUpdate":
        rolling = spec["strategy"].setdefault("rollingUpdate", {})
        rolling.setdefault("maxUnavailable", "25%")
        rolling.setdefault("maxSurge", "25%")
    complete_spec(spec["template"].setdefault("spec", {}))


def _drop_status(obj: JsonObject) -> None:
    obj["status"] = {}


def _keep_all_but_status(new: JsonObject, old: JsonObject) -> None:
    """A write to a Deployment's status changes the status, and of the metadata all but the labels."""
    keep_spec(new, old)
    labels = mapping(old, "metadata", "labels")
    new["metadata"].pop("labels", None)
    if labels:
        new["metadata"]["labels"] = dict(labels)


def _begin_replica_set(obj: JsonObject) -> None:
    obj["status"] = {"replicas": 0}


def _spec_and_annotations(obj: JsonObject) -> Any:
    return obj.get("spec"), mapping(obj, "metadata", "annotations")


def _spec(obj: JsonObject) -> Any:
    return obj.get("spec")


def check_selector(spec: JsonObject, kind: str = "deployment") -> list[Problem]:
    """What is wrong with the selector of a workload of this kind."""
    selector = spec.get("selector")
    if selector is None:
        return [required("spec.selector")]
    found = check_labels(mapping(selector, "matchLabels"), "spec.selector.matchLabels")
    for index, entry in indexed(selector, "matchExpressions"):
        found += _check_expression(entry, f"spec.selector.matchExpressions[{index}]")
    if not selector:
        found.append(invalid("spec.selector", selector, f"empty selector is invalid for {kind}"))
    return found


def _check_expression(entry: JsonObject, path: str) -> list[Problem]:
    operator, values = entry.get("operator", ""), items(entry, "values")
    found = []
    if operator not in _OPERATORS:
        found.append(invalid(f"{path}.operator", operator, "not a valid selector operator"))
    elif operator in {"In", "NotIn"} and not values:
        found.append(required(f"{path}.values", "must be specified when `operator` is 'In' or 'NotIn'"))
    elif operator not in {"In", "NotIn"} and values:
        found.append(forbidden(f"{path}.values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"))
    found += [invalid(f"{path}.key", entry.get("key", ""), fault) for fault in label_key(entry.get("key", ""))]
    return found + [
        invalid(f"{path}.values[{n}]", value, fault) for n, value in enumerate(values) for fault in label_value(value)
    ]


def _check_workload(obj: JsonObject) -> list[Problem]:
    """What Deployments and ReplicaSets have in common."""
    spec = obj["spec"]
    found = not_negative(spec.get("replicas"), "spec.replicas")
    selection = check_selector(spec)
    if any(problem.field != "spec.selector" for problem in selection):
        return [*found, *selection, invalid("spec.selector", spec["selector"], "invalid label selector")]
    return found + selection + check_own_template(spec)


def check_own_template(spec: JsonObject, kind: str = "ReplicaSet") -> list[Problem]:
    """What is wrong with the template of a workload whose pods run for ever."""
    template, path = mapping(spec, "template"), "spec.template"
    labels = mapping(template, "metadata", "labels")
    found = []
    if spec.get("selector") is None or not from_object(spec["selector"]).selects(labels):
        found.append(invalid(f"{path}.metadata.labels", labels or None, "`selector` does not match template `labels`"))
    found += check_template(template, path)
    policy = dig(template, "spec", "restartPolicy")
    if policy != "Always":
        found.append(not_supported(f"{path}.spec.restartPolicy", policy, ["Always"]))
    if "activeDeadlineSeconds" in mapping(template, "spec"):
        found.append(
            forbidden(f"{path}.spec.activeDeadlineSeconds", f"activeDeadlineSeconds in {kind} is not Supported")
        )
    return found


def _check_replica_set(obj: JsonObject) -> list[Problem]:
    return _check_workload(obj) + not_negative(obj["spec"].get("minReadySeconds"), "spec.minReadySeconds")


def _check_deployment(obj: JsonObject) -> list[Problem]:
    spec = obj["spec"]
    found = _check_workload(obj) + _check_strategy(spec["strategy"])
    found += not_negative(spec.get("minReadySeconds"), "spec.minReadySeconds")
    found += not_negative(spec.get("revisionHistoryLimit"), "spec.revisionHistoryLimit")
    deadline = spec["progressDeadlineSeconds"]
    found += not_negative(deadline, "spec.progressDeadlineSeconds")
    if deadline <= spec.get("minReadySeconds", 0):
        found.append(invalid("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds"))
    return found


def _check_strategy(strategy: JsonObject) -> list[Problem]:
    match strategy["type"]:
        case "Recreate":
            why = "may not be specified when strategy `type` is 'Recreate'"
            return [forbidden("spec.strategy.rollingUpdate", why)] if "rollingUpdate" in strategy else []
        case "RollingUpdate":
            return _check_rolling(strategy["rollingUpdate"])
        case _:
            return [not_supported("spec.strategy", strategy, ["Recreate", "RollingUpdate"])]


def _check_rolling(rolling: JsonObject) -> list[Problem]:
    path = "spec.strategy.rollingUpdate"
    unavailable, surge = rolling["maxUnavailable"], rolling["maxSurge"]
    found = check_share(unavailable, f"{path}.maxUnavailable") + check_share(surge, f"{path}.maxSurge")
    if share(unavailable) == 0 and share(surge) == 0:
        found.append(invalid(f"{path}.maxUnavailable", unavailable, "may not be 0 when `maxSurge` is 0"))
    if isinstance(unavailable, str) and share(unavailable) > 100:
        found.append(invalid(f"{path}.maxUnavailable", unavailable, "must not be greater than 100%"))
    return found


def share(value: int | str) -> int:
    """A number, or the number of a percentage."""
    if isinstance(value, int):
        return value
    return int(value[:-1]) if _PERCENT.match(value) else 0


def check_share(value: int | str, path: str) -> list[Problem]:
    """What is wrong with a number or a percentage of pods."""
    if isinstance(value, int):
        return not_negative(value, path)
    rule = "a valid percent string must be a numeric string followed by an ending '%'"
    why = f"{rule} (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')"
    return [] if _PERCENT.match(value) else [invalid(path, value, why)]


def check_same_selector(new: JsonObject, old: JsonObject) -> list[Problem]:
    """A workload selects the same pods for ever."""
    selector = dig(new, "spec", "selector")
    return [] if selector == dig(old, "spec", "selector") else [invalid("spec.selector", selector, IMMUTABLE)]


def _check_counts(new: JsonObject, _: JsonObject) -> list[Problem]:
    """The counters of a Deployment's or a ReplicaSet's status have to make sense together."""
    status = mapping(new, "status")
    total = status.get("replicas", 0)
    found = []
    for name in ("updatedReplicas", "readyReplicas", "availableReplicas", "fullyLabeledReplicas"):
        found += not_negative(status.get(name), f"status.{name}")
        if status.get(name, 0) > total:
            found.append(invalid(f"status.{name}", status[name], "cannot be greater than status.replicas"))
    if status.get("availableReplicas", 0) > status.get("readyReplicas", 0):
        found.append(
            invalid("status.availableReplicas", status["availableReplicas"], "cannot be greater than readyReplicas")
        )
    return found


def _begin_pod(obj: JsonObject) -> None:
    obj["status"] = {"phase": "Pending", "qosClass": _quality(obj["spec"])}


def _quality(spec: JsonObject) -> str:
    resources = [mapping(container, "resources") for _, container in indexed(spec, "containers")]
    if not any(each.get("limits") or each.get("requests") for each in resources):
        return "BestEffort"
    full = all(
        {"cpu", "memory"} <= set(mapping(each, "limits")) and each.get("limits") == each.get("requests")
        for each in resources
    )
    return "Guaranteed" if full else "Burstable"


def _check_pod(obj: JsonObject) -> list[Problem]:
    return check_spec(obj["spec"], "spec")


def _comparable(spec: JsonObject) -> JsonObject:
    """A pod's specification without what may change while it runs."""
    spec = {
        key: value
        for key, value in spec.items()
        if key not in {"activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds"}
    }
    for group in ("containers", "initContainers"):
        if group in spec:
            spec[group] = [{key: value for key, value in entry.items() if key != "image"} for entry in spec[group]]
    return spec


def _check_pod_change(new: JsonObject, old: JsonObject) -> list[Problem]:
    if _comparable(new["spec"]) == _comparable(old["spec"]):
        return []
    why = (
        "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
        "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
        "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n"
    )
    return [forbidden("spec", why)]


DEPLOYMENT = Kind(
    read=through("io.k8s.api.apps.v1.Deployment"),
    complete=_complete_deployment,
    check=_check_deployment,
    check_change=check_same_selector,
    check_status=_check_counts,
    counted=_spec_and_annotations,
    begin=_drop_status,
    inherit=keep_status,
    subresources={"status": _keep_all_but_status},
)

REPLICA_SET = Kind(
    read=through("io.k8s.api.apps.v1.ReplicaSet"),
    complete=_complete_replica_set,
    check=_check_replica_set,
    check_change=check_same_selector,
    check_status=_check_counts,
    counted=_spec,
    begin=_begin_replica_set,
    inherit=keep_status,
    subresources={"status": keep_spec},
)

POD = Kind(
    read=through("io.k8s.api.core.v1.Pod"),
    complete=complete_pod,
    check=_check_pod,
    check_change=_check_pod_change,
    counted=_spec,
    begin=_begin_pod,
    inherit=keep_status,
    subresources={"status": keep_spec},
    grace=lambda obj: obj["spec"].get("terminationGracePeriodSeconds", 30) if obj["spec"].get("nodeName") else 0,
    returns_deleted=True,
)
