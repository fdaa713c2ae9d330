"""The verdict on a Canary that is about to be stored: every problem at once, or what its author should know.

An invalid Canary can be in the cluster already, stored before Serin was installed or by another version. It has to
stay possible to label it, to take its finalizers off and to delete it: so only a spec that changes is refused.

It must never depend on anything but the request and the settings: there is neither a cluster nor a store behind it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.admission.answer import Answer
from shared.admission.review import Operation
from shared.canary import parse_canary, warnings
from shared.canary.references import find_foreign
from shared.errors import InvalidCanary
from shared.render.differences import at
from shared.workload import DAEMON_SET, SERVICE

if TYPE_CHECKING:
    from shared.admission.review import AdmissionRequest
    from shared.errors import Problem
    from shared.json_types import Json

UNCHANGED = "this Canary was not valid before and still is not: Serin does not act on it until this is put right"

_WAY_BACK = "scale it up, let the Service select its pods, "
_WAYS_BACK = {
    DAEMON_SET: "take flagger.app/scale-to-zero out of its nodeSelector, let the Service select its pods, ",
    SERVICE: "",
}


def review_canary(request: AdmissionRequest, *, foreign: bool = True) -> Answer:
    """The answer to a review of a Canary, which may name objects of other namespaces if ``foreign``. Anything else is
    allowed: a rule too wide must not stop a cluster.
    """
    if (request.group, request.kind, request.subresource) != ("flagger.app", "Canary", ""):
        return Answer()
    if request.operation is Operation.DELETE or request.obj is None:
        return Answer(warnings=_say_goodbye(request.old or {}))
    problems = (*_find_problems(request.obj), *(() if foreign else find_foreign(request.obj)))
    advice = tuple(map(str, warnings(request.obj)))
    if not problems:
        return Answer(warnings=advice)
    if _is_leaving(request.obj):
        return Answer()
    if _keeps_spec(request):
        return Answer(warnings=(UNCHANGED, *map(str, problems)))
    return Answer(problems, advice, request.name)


def _find_problems(obj: Json) -> tuple[Problem, ...]:
    try:
        parse_canary(obj)
    except InvalidCanary as error:
        return error.problems
    return ()


def _is_leaving(obj: Json) -> bool:
    return bool(at(obj, ("metadata", "deletionTimestamp")))


def _keeps_spec(request: AdmissionRequest) -> bool:
    return request.operation is Operation.UPDATE and at(request.obj, ("spec",)) == at(request.old, ("spec",))


def _say_goodbye(canary: Json) -> tuple[str, ...]:
    """What becomes of the app, for whoever deletes its Canary; nothing if Serin never worked for it.

    Generated objects outlive their Canary (``render.ownership``) unless it has ``spec.revertOnDeletion``.
    """
    kind, target = (at(canary, ("spec", "targetRef", field)) for field in ("kind", "name"))
    if not isinstance(target, str) or not at(canary, ("status", "phase")):
        return ()
    if at(canary, ("spec", "revertOnDeletion")):
        return (
            f"traffic goes back to {kind} {target} once its pods are ready, then {target}-primary is removed",
            "the Canary stays until that is done",
        )
    kept = f"{target}-primary goes on serving, and new versions of {kind} {target} get no traffic any more"
    undo = f"to go back to {kind} {target}, {_WAYS_BACK.get(str(kind), _WAY_BACK)}delete the router's object"
    weight = at(canary, ("status", "canaryWeight"))
    split = (f"the traffic split stays as it is: {weight} percent to {kind} {target}",) if _is_share(weight) else ()
    return (kept, *split, undo)


def _is_share(weight: object) -> bool:
    return isinstance(weight, int) and 0 < weight <= 100
