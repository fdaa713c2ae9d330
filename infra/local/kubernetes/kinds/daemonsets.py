"""DaemonSets (pkg/apis/apps, pkg/registry/apps/daemonset)."""

from typing import Any

from infra.local.kubernetes.kinds.kind import Kind, keep_spec, keep_status
from infra.local.kubernetes.kinds.podchecks import not_negative
from infra.local.kubernetes.kinds.podspec import complete_spec, fill
from infra.local.kubernetes.kinds.reading import through
from infra.local.kubernetes.kinds.workloads import (
    check_own_template,
    check_same_selector,
    check_selector,
    check_share,
    share,
)
from infra.local.kubernetes.objects import JsonObject, dig, mapping
from infra.local.kubernetes.problems import Problem, invalid, not_supported, required

GENERATION = "deprecated.daemonset.template.generation"
"""The annotation in which apps/v1 shows how often the template was changed."""


def _complete(obj: JsonObject) -> None:
    spec = obj["spec"]
    spec.setdefault("revisionHistoryLimit", 10)
    fill(spec["updateStrategy"], type="RollingUpdate")
    if spec["updateStrategy"]["type"] == "RollingUpdate":
        rolling = spec["updateStrategy"].setdefault("rollingUpdate", {})
        rolling.setdefault("maxUnavailable", 1)
        rolling.setdefault("maxSurge", 0)
    complete_spec(spec["template"].setdefault("spec", {}))


def _begin(obj: JsonObject) -> None:
    counts = ("currentNumberScheduled", "desiredNumberScheduled", "numberMisscheduled", "numberReady")
    obj["status"] = dict.fromkeys(counts, 0)
    _count(obj, 1)


def _inherit(new: JsonObject, old: JsonObject) -> None:
    keep_status(new, old)
    changed = dig(new, "spec", "template") != dig(old, "spec", "template")
    _count(new, int(mapping(old, "metadata", "annotations").get(GENERATION, 0)) + changed)


def _count(obj: JsonObject, generation: int) -> None:
    obj["metadata"]["annotations"] = {**mapping(obj, "metadata", "annotations"), GENERATION: str(generation)}


def _spec(obj: JsonObject) -> Any:
    return obj.get("spec")


def _check(obj: JsonObject) -> list[Problem]:
    spec = obj["spec"]
    found = check_selector(spec, "daemonset") if spec.get("selector") is not None else []
    found += check_own_template(spec, "DaemonSet")
    found += not_negative(spec.get("minReadySeconds"), "spec.minReadySeconds")
    return (
        found
        + _check_strategy(spec["updateStrategy"])
        + not_negative(spec["revisionHistoryLimit"], "spec.revisionHistoryLimit")
    )


def _check_strategy(strategy: JsonObject) -> list[Problem]:
    match strategy["type"]:
        case "OnDelete":
            return []
        case "RollingUpdate":
            return _check_rolling(strategy["rollingUpdate"])
        case _:
            return [not_supported("spec.updateStrategy", strategy, ["RollingUpdate", "OnDelete"])]


def _check_rolling(rolling: JsonObject) -> list[Problem]:
    path = "spec.updateStrategy.rollingUpdate"
    unavailable, surge = rolling["maxUnavailable"], rolling["maxSurge"]
    found = check_share(unavailable, f"{path}.maxUnavailable") + check_share(surge, f"{path}.maxSurge")
    if share(unavailable) and share(surge):
        found.append(invalid(f"{path}.maxSurge", surge, "may not be set when maxUnavailable is non-zero"))
    if not share(unavailable) and not share(surge):
        found.append(required(f"{path}.maxUnavailable", "cannot be 0 when maxSurge is 0"))
    return found


DAEMON_SET = Kind(
    read=through("io.k8s.api.apps.v1.DaemonSet"),
    complete=_complete,
    check=_check,
    check_change=check_same_selector,
    counted=_spec,
    begin=_begin,
    inherit=_inherit,
    subresources={"status": keep_spec},
)
