"""Which object a review is about, if its change can mean work for a rollout.

Every write to every ConfigMap of a cluster comes by here, so most of the work is to say no: to rehearsals, to what
Serin wrote itself, and to changes that no revision is made of (the size of a workload, the labels of a Secret).
Saying no wrongly costs a wait until the sweep, saying yes wrongly one look at the store.

It must never keep what the objects hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.hint import HintKind, hint_at, is_generated
from shared.render.differences import at
from shared.revision import TRACKING, trackable
from shared.workload import as_written

if TYPE_CHECKING:
    from shared.admission.review import AdmissionRequest
    from shared.hint import Hint
    from shared.json_types import Json


def hint_of(request: AdmissionRequest) -> Hint | None:
    """The hint that the request gives; None if nothing can come of it."""
    if request.dry_run or request.subresource or is_generated(request.obj or request.old):
        return None
    hint = hint_at(request.group, request.kind, request.namespace, request.name)
    if hint is None or _essence(hint.kind, request.obj) == _essence(hint.kind, request.old):
        return None
    return hint


def _essence(kind: HintKind, obj: Json | None) -> tuple[object, ...] | None:
    """What of an object a rollout depends on; None without an object, or if its config is not tracked."""
    if obj is None:
        return None
    match kind:
        case HintKind.CANARY | HintKind.SERVICE:
            return (at(obj, ("spec",)), _is_last_seen(obj))
        case HintKind.DEPLOYMENT | HintKind.DAEMONSET:
            return (as_written(at(obj, ("spec", "template"))), _is_last_seen(obj))
        case HintKind.CONFIGMAP | HintKind.SECRET:
            return (
                (obj.get("data") or {}, obj.get("binaryData") or {}, _is_last_seen(obj)) if _is_tracked(obj) else None
            )


def _is_last_seen(obj: Json) -> bool:
    """Whether this update takes the last finalizer off an object that is being deleted: then it is gone."""
    return bool(at(obj, ("metadata", "deletionTimestamp"))) and not at(obj, ("metadata", "finalizers"))


def _is_tracked(obj: Json) -> bool:
    """``trackable``, for an object that anybody can have sent: its type may be of another type than text."""
    annotation, kind = at(obj, ("metadata", "annotations", TRACKING)), obj.get("type", "Opaque")
    return isinstance(kind, str) and trackable({"metadata": {"annotations": {TRACKING: annotation}}, "type": kind})
