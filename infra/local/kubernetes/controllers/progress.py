"""The status of a Deployment: its counters, and the conditions Available and Progressing
(pkg/controller/deployment/progress.go). Pure.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from infra.local.kubernetes.objects import JsonObject, copy_json, items, mapping, timestamp

AVAILABLE, PROGRESSING = "Available", "Progressing"
COMPLETE, TIMED_OUT = "NewReplicaSetAvailable", "ProgressDeadlineExceeded"
NO_DEADLINE = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition of a Deployment, without its times."""

    type: str
    status: str
    reason: str
    message: str


def find(conditions: Iterable[JsonObject], kind: str) -> JsonObject | None:
    return next((condition for condition in conditions if condition["type"] == kind), None)


def with_condition(
    conditions: list[JsonObject], new: Condition, now: datetime, *, touch: bool = False
) -> list[JsonObject]:
    """The conditions with one set. Its transition time changes with its status, its update time with its reason, or by
    `touch`.
    """
    current = find(conditions, new.type)
    if current and not touch and (current["status"], current["reason"]) == (new.status, new.reason):
        return conditions
    moment = timestamp(now)
    changed = current is None or current["status"] != new.status
    entry = {
        "type": new.type,
        "status": new.status,
        "lastUpdateTime": moment,
        "lastTransitionTime": moment if changed or current is None else current["lastTransitionTime"],
        "reason": new.reason,
        "message": new.message,
    }
    return [condition for condition in conditions if condition["type"] != new.type] + [entry]


def counters(deployment: JsonObject, sets: list[JsonObject], new: JsonObject | None) -> JsonObject:
    """The counters of the status. Those that are 0 are left out, as the API server leaves them out."""
    total = {name: sum(mapping(each, "status").get(name, 0) for each in sets) for name in _SUMMED}
    wanted = sum(each["spec"]["replicas"] for each in sets)
    counted = {
        **total,
        "updatedReplicas": mapping(new, "status").get("replicas", 0),
        "unavailableReplicas": max(wanted - total["availableReplicas"], 0),
    }
    terminating = counted.pop("terminatingReplicas")
    kept = {name: count for name, count in counted.items() if count}
    return {"observedGeneration": deployment["metadata"]["generation"], **kept, "terminatingReplicas": terminating}


_SUMMED = ("replicas", "readyReplicas", "availableReplicas", "terminatingReplicas")


def is_complete(deployment: JsonObject, status: JsonObject) -> bool:
    wanted = deployment["spec"]["replicas"]
    counted = (status.get(name, 0) for name in ("updatedReplicas", "replicas", "availableReplicas"))
    return all(count == wanted for count in counted)


def _has_progressed(old: JsonObject, new: JsonObject) -> bool:
    def outdated(status: JsonObject) -> int:
        replicas: int = status.get("replicas", 0) - status.get("updatedReplicas", 0)
        return replicas

    more = any(
        new.get(name, 0) > old.get(name, 0) for name in ("updatedReplicas", "readyReplicas", "availableReplicas")
    )
    return more or outdated(new) < outdated(old)


def availability(deployment: JsonObject, status: JsonObject, unavailable: int) -> Condition:
    if status.get("availableReplicas", 0) >= deployment["spec"]["replicas"] - unavailable:
        return Condition(AVAILABLE, "True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    return Condition(AVAILABLE, "False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")


def next_status(
    deployment: JsonObject, sets: list[JsonObject], new: JsonObject | None, unavailable: int, now: datetime
) -> JsonObject:
    """The status that says what the ReplicaSets say."""
    before = mapping(deployment, "status")
    status = counters(deployment, sets, new)
    conditions: list[JsonObject] = copy_json(items(before, "conditions"))
    conditions = with_condition(conditions, availability(deployment, status, unavailable), now)
    current = find(conditions, PROGRESSING)
    if deployment["spec"]["progressDeadlineSeconds"] == NO_DEADLINE:
        conditions = [condition for condition in conditions if condition["type"] != PROGRESSING]
    elif not (
        current and current["reason"] == COMPLETE and status.get("replicas", 0) == status.get("updatedReplicas", 0)
    ):
        conditions = _judge(deployment, status, conditions, new, now)
    return {**status, "conditions": conditions}


def _judge(
    deployment: JsonObject, status: JsonObject, conditions: list[JsonObject], new: JsonObject | None, now: datetime
) -> list[JsonObject]:
    name = f'ReplicaSet "{new["metadata"]["name"]}"' if new else f'Deployment "{deployment["metadata"]["name"]}"'
    if is_complete(deployment, status):
        return with_condition(
            conditions, Condition(PROGRESSING, "True", COMPLETE, f"{name} has successfully progressed."), now
        )
    if _has_progressed(mapping(deployment, "status"), status):
        condition = Condition(PROGRESSING, "True", "ReplicaSetUpdated", f"{name} is progressing.")
        return with_condition(conditions, condition, now, touch=True)
    current = find(conditions, PROGRESSING)
    if (
        current
        and current["reason"] != COMPLETE
        and (current["reason"] == TIMED_OUT or now > deadline(deployment, current))
    ):
        return with_condition(
            conditions, Condition(PROGRESSING, "False", TIMED_OUT, f"{name} has timed out progressing."), now
        )
    return conditions


def deadline(deployment: JsonObject, progressing: JsonObject) -> datetime:
    """When a Deployment that makes no progress counts as stuck."""
    patience = timedelta(seconds=deployment["spec"]["progressDeadlineSeconds"])
    return datetime.fromisoformat(progressing["lastUpdateTime"]) + patience


def until_deadline(deployment: JsonObject, status: JsonObject, now: datetime) -> float | None:
    """Seconds until a Deployment has to be looked at again because of its deadline; None when it need not be."""
    current = find(items(status, "conditions"), PROGRESSING)
    if current is None or current["reason"] in {TIMED_OUT, COMPLETE} or is_complete(deployment, status):
        return None
    return max((deadline(deployment, current) - now).total_seconds(), 0.0) + 0.05
