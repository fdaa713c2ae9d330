"""A target as far as a rollout cares: how many pods it should have and has, and how its rolling update goes.

A DaemonSet has no size of its own: it is at zero while its pods ask for a node label that no node has (Flagger's way).
That node selector is a size and no part of the app, so nobody but this module ever sees it.

A Service runs nothing: it says where requests go, to pods or to a name outside of the cluster. So it has no size, and
is ready as soon as it is there, as in Flagger.

The reasons for not being ready are Flagger's own sentences, because people search their logs for them.

It must never know of canaries: the target and the primary are judged by the same rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shared.json_types import Json, JsonObject

DEPLOYMENT, DAEMON_SET, SERVICE = "Deployment", "DaemonSet", "Service"

TARGETS = (DEPLOYMENT, DAEMON_SET, SERVICE)
"""Kinds of targets that can be released."""

ROUTED = (
    "type",
    "externalName",
    "selector",
    "ports",
    "clusterIP",
    "ipFamilies",
    "ipFamilyPolicy",
    "internalTrafficPolicy",
    "publishNotReadyAddresses",
    "sessionAffinity",
    "sessionAffinityConfig",
    "trafficDistribution",
)
"""Fields of a Service that say where requests inside of the cluster go: its revision, see :func:`template_of`."""

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
    """A target or its primary at one moment. A Service has no pods of its own: all of its numbers are zero.

    ``replicas`` is how many pods it should have, see :func:`size_of`, ``current`` how many it has, of all revisions; of
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
    kind: str = DEPLOYMENT

    def __str__(self) -> str:
        """``name.namespace``, as the log calls it."""
        return f"{self.name}.{self.namespace}"


def runs_pods(kind: str) -> bool:
    """Whether targets of this kind run pods, which start, cost, and can be scaled to zero."""
    return kind != SERVICE


def counts_pods(kind: str) -> bool:
    """Whether somebody says how many pods they have: not the nodes, as of a DaemonSet."""
    return kind == DEPLOYMENT


def size_of(workload: Json) -> int:
    """How many pods a Deployment should have (``spec.replicas``, by default one), or a DaemonSet; none for a Service.

    A DaemonSet that is not at zero has at least one, whatever its status says: its controller may not have counted yet.
    """
    if workload.get("kind") == SERVICE:
        return 0
    if workload.get("kind") != DAEMON_SET:
        return int(workload["spec"].get("replicas", 1))
    if template_of(workload) is not workload["spec"]["template"]:
        return 0
    return max(int((workload.get("status") or {}).get("desiredNumberScheduled", 0)), 1)


def is_smaller(workload: Json, wanted: int) -> bool:
    """Whether it has to be scaled up to have ``wanted`` pods. How many nodes there are for a DaemonSet is nobody's to
    change: it is large enough unless it is at zero. A Service always is.
    """
    largest = {DAEMON_SET: 1, SERVICE: 0}.get(workload.get("kind", ""), wanted)
    return size_of(workload) < min(wanted, largest)


def scaling(kind: str, replicas: int) -> tuple[JsonObject, str]:
    """The merge patch that gives a workload this size, and the subresource that takes it."""
    if kind != DAEMON_SET:
        return {"spec": {"replicas": replicas}}, "scale"
    selector = {"flagger.app/scale-to-zero": None if replicas else "true"}
    return {"spec": {"template": {"spec": {"nodeSelector": selector}}}}, ""


def template_of(workload: Json) -> Json:
    """What a revision is made of: the pod template, see :func:`as_written`. A Service is its own.

    Of a Service only what :data:`ROUTED` names counts. What the cluster gave it (addresses, node ports) is no
    revision, nor is how it is reached from outside (a load balancer, external addresses), which nobody can try on a
    part of the requests.
    """
    match workload["spec"]:
        case {"template": template}:
            written: Json = as_written(template)
            return written
        case spec:  # objects out of a list carry no kind
            return {"spec": _routed(spec)}


def _routed(spec: Json) -> JsonObject:
    routed = {field: spec[field] for field in ROUTED if spec.get(field) is not None}
    if routed.get("clusterIP") != "None":
        routed.pop("clusterIP", None)
    if routed.get("type") != "ExternalName":
        routed["type"] = "ClusterIP"
    if "ports" in routed:
        routed["ports"] = [{key: value for key, value in port.items() if key != "nodePort"} for port in routed["ports"]]
    return routed


def as_written(template: Any) -> Any:
    """A pod template as its author wrote it, without what keeps a DaemonSet at zero; anything else as it is."""
    match template:
        case {"spec": {"nodeSelector": {"flagger.app/scale-to-zero": _, **others}, **spec}, **rest}:
            return {**rest, "spec": {**spec, **({"nodeSelector": others} if others else {})}}
        case _:
            return template


def parse_workload(obj: Json) -> Workload:
    """The workload that an object describes; what it leaves out has the API's default."""
    parsers = {DAEMON_SET: _daemon_set, SERVICE: _service}
    return parsers.get(obj.get("kind", ""), _deployment)(obj)


def _deployment(deployment: Json) -> Workload:
    metadata, spec, status = deployment["metadata"], deployment["spec"], deployment.get("status") or {}
    return Workload(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata.get("uid", ""),
        resource_version=metadata.get("resourceVersion", ""),
        generation=metadata.get("generation", 0),
        observed_generation=status.get("observedGeneration", 0),
        replicas=size_of(deployment),
        current=status.get("replicas", 0),
        updated=status.get("updatedReplicas", 0),
        ready=status.get("readyReplicas", 0),
        available=status.get("availableReplicas", 0),
        paused=spec.get("paused", False),
        conditions=tuple(_condition(entry) for entry in status.get("conditions") or ()),
        template=template_of(deployment),
    )


def _daemon_set(daemon_set: Json) -> Workload:
    metadata, status, size = daemon_set["metadata"], daemon_set.get("status") or {}, size_of(daemon_set)
    # A node that is closed later keeps its pod, which then counts as misscheduled for ever: only at zero it has to go.
    leaving = 0 if size else status.get("numberMisscheduled", 0)
    return Workload(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata.get("uid", ""),
        resource_version=metadata.get("resourceVersion", ""),
        generation=metadata.get("generation", 0),
        observed_generation=status.get("observedGeneration", 0),
        replicas=size,
        current=status.get("currentNumberScheduled", 0) + leaving,
        updated=status.get("updatedNumberScheduled", 0),
        ready=status.get("numberReady", 0),
        available=status.get("numberAvailable", 0),
        paused=False,
        conditions=(),
        template=template_of(daemon_set),
        kind=DAEMON_SET,
    )


def _service(service: Json) -> Workload:
    metadata = service["metadata"]
    return Workload(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata.get("uid", ""),
        resource_version=metadata.get("resourceVersion", ""),
        generation=0,
        observed_generation=0,
        replicas=0,
        current=0,
        updated=0,
        ready=0,
        available=0,
        paused=False,
        conditions=(),
        template=template_of(service),
        kind=SERVICE,
    )


def readiness(workload: Workload, threshold_percent: int = 100) -> str:
    """Why the workload is not as it should be, or an empty string if it is.

    ``threshold_percent`` of the updated pods have to be available (``primaryReadyThreshold``,
    ``canaryReadyThreshold``), rounded down but never less than one. A workload that should have no pods and has
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
    """Whether it has pods that can take traffic, now and as far as it is told to. Those that a Service names are its
    author's to keep ready.
    """
    return not runs_pods(workload.kind) or (workload.replicas > 0 and workload.available > 0)


def _reason(workload: Workload, threshold_percent: int) -> str:
    needed = _needed(workload.updated, threshold_percent)
    if not _is_observed(workload):
        return f"{_WAITING}: observed {workload.kind.lower()} generation less than desired generation"
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
