"""Events: one object under two APIs, core v1 and events.k8s.io/v1 (pkg/apis/core/validation/events.go). They are kept
in the core form.
"""

from infra.local.kubernetes import names
from infra.local.kubernetes.kinds.kind import Kind
from infra.local.kubernetes.kinds.podchecks import all_of
from infra.local.kubernetes.kinds.reading import through
from infra.local.kubernetes.objects import JsonObject, mapping
from infra.local.kubernetes.problems import Problem, invalid, required

# core name -> events.k8s.io name, where they differ
_RENAMED = {
    "involvedObject": "regarding",
    "message": "note",
    "source": "deprecatedSource",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "count": "deprecatedCount",
    "reportingComponent": "reportingController",
}
_OPTIONAL = {"reportingComponent", "reportingInstance"}  # core v1 spells them out when they are empty
_LIMITS = {"reportingInstance": 128, "action": 128, "reason": 128}
_ANYWHERE = {"default", "kube-system"}


def as_events_v1(obj: JsonObject) -> JsonObject:
    """The events.k8s.io/v1 form of a stored event."""
    shown = {_RENAMED.get(key, key): value for key, value in obj.items() if value or key not in _OPTIONAL}
    return {**shown, "apiVersion": "events.k8s.io/v1"}


def from_events_v1(obj: JsonObject) -> JsonObject:
    """The stored form of an events.k8s.io/v1 event."""
    originals = {new: old for old, new in _RENAMED.items()}
    stored = {originals.get(key, key): value for key, value in obj.items()}
    return {
        "source": {},
        "firstTimestamp": None,
        "lastTimestamp": None,
        "involvedObject": {},
        **stored,
        "apiVersion": "v1",
    }


def _check(obj: JsonObject) -> list[Problem]:
    found = _check_old(obj) if not obj.get("eventTime") else _check_new(obj)
    namespace = obj["metadata"].get("namespace", "")
    return found + [invalid("namespace", namespace, fault) for fault in names.dns_subdomain(namespace)]


def _check_old(obj: JsonObject) -> list[Problem]:
    """Events without an eventTime, as most clients still send them."""
    namespace, subject = obj["metadata"].get("namespace", ""), mapping(obj, "involvedObject").get("namespace", "")
    if namespace == subject or (not subject and namespace == "default"):
        return []
    return [_stranger(subject)]


def _stranger(namespace: str) -> Problem:
    return invalid("involvedObject.namespace", namespace, "does not match event.namespace")


def _check_new(obj: JsonObject) -> list[Problem]:
    subject = mapping(obj, "involvedObject").get("namespace", "")
    found = [_stranger(subject)] if not subject and obj["metadata"].get("namespace") not in _ANYWHERE else []
    controller = obj.get("reportingComponent", "")
    found += [] if controller else [required("reportingComponent")]
    found += all_of(controller, names.label_key, "reportingComponent")
    for key, limit in _LIMITS.items():
        if not obj.get(key):
            found.append(required(key))
        elif len(obj[key]) > limit:
            found.append(invalid(key, "", f"can have at most {limit} characters"))
    if len(obj.get("message", "")) > 1024:
        found.append(invalid("message", "", "can have at most 1024 characters"))
    return found


EVENT = Kind(
    read=through("io.k8s.api.core.v1.Event"),
    check=_check,
    check_name=names.path_segment,
    created_by_put=True,
    has_dependents=False,
)

EVENT_V1 = Kind(
    read=through("io.k8s.api.events.v1.Event"),
    check=_check,
    check_name=names.path_segment,
    created_by_put=True,
    has_dependents=False,
)
