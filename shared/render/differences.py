"""Comparing an object that should be with the one that is.

Each kind has a few fields that are Serin's; everything else about a live object belongs to others (API defaults,
cloud annotations, what a user added) and is neither compared nor touched. What is only set at creation (a Service's
type, a selector) is not listed: taking over a LoadBalancer must not turn it into a ClusterIP.

It must never look at what a field means.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from shared.canary.model import HPA, SCALED_OBJECT
from shared.render.autoscaler import HPA_FIELDS, SCALED_OBJECT_FIELDS
from shared.render.ownership import REVISION, VERSION, foreign_owners
from shared.workload import ROUTED

if TYPE_CHECKING:
    from shared.json_types import Json

Comparison: TypeAlias = Callable[[object, object], bool]
"""Whether a live value is as good as a desired one, in this order."""


def covers(live: object, desired: object) -> bool:
    """Whether ``live`` says everything that ``desired`` does, and may say more.

    Objects are compared key by key, lists element by element at the same length, numbers by value. A desired null, or
    none, means unset.
    """
    match desired:
        case Mapping():
            return isinstance(live, Mapping) and all(covers(live.get(key), value) for key, value in desired.items())
        case list() | tuple():
            return isinstance(live, list | tuple) and len(live) == len(desired) and all(map(covers, live, desired))
        case _:
            # True is 1 to Python and not to JSON.
            return live == desired and isinstance(live, bool) == isinstance(desired, bool)


def same(live: object, desired: object) -> bool:
    """Whether both say the same: numbers by value, unset as good as null."""
    return covers(live, desired) and covers(desired, live)


def up_to_date(live: Json, desired: Json) -> bool:
    """Whether a live object of a generated kind is as it should be, in everything that is Serin's.

    A primary is told by its revision mark, a router whatever the version that wrote it. KeyError
    for other kinds.
    """
    return _claimed(live, desired) and all(
        compare(at(live, path), at(desired, path)) for path, compare in owned_fields(desired).items()
    )


def owned_fields(desired: Json) -> Mapping[tuple[str, ...], Comparison]:
    """The fields of a desired object that are Serin's, and how each is compared; KeyError for other kinds.

    Of a Service that carries a revision, a copy of the target, these are all that say where requests go.
    """
    is_copy = desired["kind"] == "Service" and at(desired, ("metadata", "annotations", REVISION)) is not None
    return _COPIED if is_copy else OWNED[desired["kind"]]


def _claimed(live: Json, desired: Json) -> bool:
    metadata = live["metadata"]
    wanted = desired["metadata"]["annotations"]
    annotations = {key: value for key, value in wanted.items() if key not in (VERSION, REVISION)}
    return (
        covers(metadata.get("annotations"), annotations)
        and covers(metadata.get("labels") or {}, desired["metadata"].get("labels") or {})
        and len(foreign_owners(live)) == len(metadata.get("ownerReferences") or ())
    )


def _same_mark(live: object, desired: object) -> bool:
    # Not the template itself: admission webhooks may change what the API stores, for ever.
    path = ("metadata", "annotations", REVISION)
    return same(at(live, path), at(desired, path))


def _whatever(live: object, desired: object) -> bool:  # noqa: ARG001  a comparison like the others
    # The size is written with the rest, but is never a reason to write: it may be an autoscaler's.
    return True


def _same_ports(live: object, desired: object) -> bool:
    # The node port is the API server's; on an update it keeps that by the port's name.
    if not isinstance(live, list):
        return same(live, desired)
    return same([{key: value for key, value in port.items() if key != "nodePort"} for port in live], desired)


def at(obj: object, path: tuple[str, ...]) -> Any:
    """What stands at ``path`` in a JSON object; None if nothing does."""
    for key in path:
        obj = obj.get(key) if isinstance(obj, Mapping) else None
    return obj


_POD_SETTINGS: Mapping[tuple[str, ...], Comparison] = {
    ("spec", "template"): _same_mark,
    ("spec", "minReadySeconds"): same,
    ("spec", "revisionHistoryLimit"): same,
}

OWNED: Mapping[str, Mapping[tuple[str, ...], Comparison]] = {
    "DaemonSet": {**_POD_SETTINGS, ("spec", "updateStrategy"): same},
    "Deployment": {
        **_POD_SETTINGS,
        ("spec", "replicas"): _whatever,
        ("spec", "strategy"): same,
        ("spec", "progressDeadlineSeconds"): same,
    },
    "ConfigMap": {("data",): same, ("binaryData",): same},
    "Secret": {("data",): same},
    HPA: {("spec", name): same for name in HPA_FIELDS},
    SCALED_OBJECT: {("spec", name): same for name in SCALED_OBJECT_FIELDS},
    "Service": {("spec", "selector"): same, ("spec", "ports"): _same_ports, ("spec", "trafficDistribution"): same},
    "VirtualService": {
        ("spec", "hosts"): same,
        ("spec", "gateways"): same,
        ("spec", "http"): same,
        ("spec", "tcp"): same,
    },
    "HTTPRoute": {("spec", "parentRefs"): same, ("spec", "hostnames"): same, ("spec", "rules"): same},
    "DestinationRule": {("spec", "host"): same, ("spec", "trafficPolicy"): same},
}
"""The fields of each generated kind that are Serin's, written as a whole, and how each is compared."""

_COPIED: Mapping[tuple[str, ...], Comparison] = {
    ("spec", field): _same_ports if field == "ports" else same for field in ROUTED
}
