"""A Deployment as far as a rollout cares: how many pods it should have and has, and how its rolling update goes.

The reasons for not being ready are Flagger's own sentences, because people search their logs for them.

It must never know of canaries: the target and the primary are judged by the same rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.json_types import Json

_WAITING = "waiting for rollout to finish"


@dataclass(frozen=True, slots=True)
class Condition:
    """One entry of ``status.conditions``. ``updated`` is an RFC 3339 time, empty if the API gave none."""

    type: str
    status: str
    reason: str = ""
    message: str = ""
    updated: str = ""


@dataclass(frozen=True, slots=True)
class Workload:
    """A Deployment at one moment.

    ``replicas`` is how many pods it should have (``spec.replicas``), ``current`` how many it has, of all revisions; of
    these ``updated`` run its newest template, ``ready`` pass their probe and ``available`` have done so for
    ``minReadySeconds``.
    """

    namespace: str
    name: str
    uid: str
    resource_version: str
    generation: int
    observed_generation: int
    replicas: int
    current: int
    updated: int
    ready: int
    available: int
    paused: bool
    conditions: tuple[Condition, ...]
    template: Json

    def __str__(self) -> str:
        """``name.namespace``, as the log calls it."""
        return f"{self.name}.{self.namespace}"


def parse_workload(deployment: Json) -> Workload:
    """The workload that an ``apps/v1`` Deployment describes; what it leaves out has the API's default."""
    metadata, spec, status = deployment["metadata"], deployment["spec"], deployment.get("status") or {}
    return Workload(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata.get("uid", ""),
        resource_version=metadata.get("resourceVersion", ""),
        generation=metadata.get("generation", 0),
        observed_generation=status.get("observedGeneration", 0),
        replicas=spec.get("replicas", 1),
        current=status.get("replicas", 0),
        updated=status.get("updatedReplicas", 0),
        ready=status.get("readyReplicas", 0),
        available=status.get("availableReplicas", 0),
        paused=spec.get("paused", False),
        conditions=tuple(_condition(entry) for entry in status.get("conditions") or ()),
        template=spec["template"],
    )


def readiness(workload: Workload, threshold_percent: int = 100) -> str:
    """Why the Deployment is not as it should be, or an empty string if it is.

    ``threshold_percent`` of the updated pods have to be available (``primaryReadyThreshold``,
    ``canaryReadyThreshold``), rounded down but never less than one. A Deployment that should have no pods and has
    none is ready; ask :func:`serving` before it gets traffic.
    """
    reason = _reason(workload, threshold_percent)
    return f"{reason} (the deployment is paused)" if reason and workload.paused else reason


def exceeded(workload: Workload) -> bool:
    """Whether Kubernetes itself gave up on the newest template (``ProgressDeadlineExceeded``)."""
    return _is_observed(workload) and any(
        condition.type == "Progressing" and condition.reason == "ProgressDeadlineExceeded"
        for condition in workload.conditions
    )


def serving(workload: Workload) -> bool:
    """Whether it has pods that can take traffic, now and as far as it is told to."""
    return workload.replicas > 0 and workload.available > 0


def _reason(workload: Workload, threshold_percent: int) -> str:
    needed = _needed(workload.updated, threshold_percent)
    if not _is_observed(workload):
        return f"{_WAITING}: observed deployment generation less than desired generation"
    if exceeded(workload):
        return f'deployment "{workload.name}" exceeded its progress deadline'
    if workload.updated < workload.replicas:
        return f"{_WAITING}: {workload.updated} out of {workload.replicas} new replicas have been updated"
    if workload.current > workload.updated:
        return f"{_WAITING}: {workload.current - workload.updated} old replicas are pending termination"
    if workload.available < needed:
        threshold = "" if threshold_percent == 100 else f" (readyThreshold {threshold_percent}%)"
        return f"{_WAITING}: {workload.available} of {needed}{threshold} updated replicas are available"
    return ""


def _is_observed(workload: Workload) -> bool:
    return workload.observed_generation >= workload.generation


def _needed(updated: int, threshold_percent: int) -> int:
    # Flagger rounds one pod at 50% down to none and then sends traffic to pods that are not there.
    return max(updated * threshold_percent // 100, min(updated, 1))


def _condition(entry: Json) -> Condition:
    return Condition(
        type=entry["type"],
        status=entry["status"],
        reason=entry.get("reason", ""),
        message=entry.get("message", ""),
        updated=entry.get("lastUpdateTime", ""),
    )
