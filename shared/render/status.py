"""The Canary's status: a picture of the rollout for ``kubectl``, ``kubectl wait`` and Flagger's dashboards.

Nothing is read back from it as long as the rollout's document exists; it is what a lost one is rebuilt from. The same
rollout gives the same status, so an unchanged one need not be written. Moments are RFC 3339 in whole seconds, as
Kubernetes has them.

It must never take away what another controller put into the status.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from shared.cookies import shown_cookies
from shared.plan import make_plan
from shared.render.differences import covers
from shared.rollout import Phase, shown_phase

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from shared.canary.model import Canary
    from shared.errors import Problem
    from shared.json_types import Json, JsonObject
    from shared.rollout import Rollout

PROMOTED = "Promoted"
"""Flagger's condition: whether the primary serves the newest revision."""

READY = "Ready"
"""Serin's condition, only there to say that a Canary cannot be acted on."""

INVALID = "InvalidSpec"
"""Reason of a READY condition that is False."""

_VERDICTS = {Phase.INITIALIZED: "True", Phase.SUCCEEDED: "True", Phase.FAILED: "False"}
_SENTENCES = {
    Phase.INITIALIZING: "New {kind} detected, starting initialization.",
    Phase.INITIALIZED: "{kind} initialization completed.",
    Phase.PROGRESSING: "New revision detected, progressing canary analysis.",
    Phase.PROMOTING: "Canary analysis completed, starting primary rolling update.",
    Phase.FINALISING: "Canary analysis completed, routing all traffic to primary.",
    Phase.SUCCEEDED: "Canary analysis completed successfully, promotion finished.",
    Phase.FAILED: "Canary analysis failed, {kind} scaled to zero.",
    Phase.TERMINATING: "Canary is being deleted, traffic goes back to the {kind}.",
}


def canary_status(canary: Canary, rollout: Rollout) -> JsonObject:
    """The status that shows ``rollout``."""
    affinity = canary.analysis.session_affinity
    return {
        "phase": shown_phase(rollout),
        "canaryWeight": rollout.weight,
        "failedChecks": rollout.failed,
        "iterations": _iterations(canary, rollout),
        "lastAppliedSpec": rollout.applied.template,
        "lastPromotedSpec": rollout.promoted.template,
        "trackedConfigs": dict(rollout.applied.configs),
        "lastTransitionTime": _stamp(rollout.phase_since),
        "observedGeneration": canary.generation,
        "conditions": [_promoted(canary, rollout)],
        **(shown_cookies(affinity, rollout.route) if affinity else {}),
    }


def _iterations(canary: Canary, rollout: Rollout) -> int:
    """The rounds that were begun; while a Canary is being deleted, ``step`` is about other things."""
    return 0 if rollout.phase is Phase.TERMINATING else make_plan(canary).round_of(rollout.step)


def invalid_status(raw: Json, problems: Sequence[Problem], now: datetime) -> JsonObject:
    """The status of a Canary that cannot be acted on: nothing changes but a condition that names every problem.

    ``raw`` is the whole Canary as the API returned it.
    """
    condition = {
        "type": READY,
        "status": "False",
        "reason": INVALID,
        "message": "; ".join(map(str, problems)),
        "lastUpdateTime": _stamp(now),
        "lastTransitionTime": _stamp(now),
    }
    kept = [entry for entry in _conditions(raw) if entry["type"] == PROMOTED]
    return {"observedGeneration": raw["metadata"].get("generation", 0), "conditions": [*kept, condition]}


def status_patch(raw: Json, status: Json) -> JsonObject | None:
    """The JSON merge patch that gives the Canary ``raw`` this status, or None if it shows it already.

    It fails with a conflict if the Canary was written since it was read. What other controllers put into the status
    stays.
    """
    live = raw.get("status") or {}
    tracked = live.get("trackedConfigs") or {}
    gone = {name: None for name in tracked if name not in status.get("trackedConfigs", tracked)}
    wanted = {
        **status,
        **({"trackedConfigs": {**status["trackedConfigs"], **gone}} if gone else {}),
        "conditions": _with_conditions(_conditions(raw), status["conditions"]),
    }
    if covers(_shown(live, status), wanted):
        return None
    return {"metadata": {"resourceVersion": raw["metadata"]["resourceVersion"]}, "status": wanted}


def _shown(live: Json, status: Json) -> Json:
    # Flagger's own CRD drops observedGeneration: that it is missing must not make every tick write the status again.
    dropped = "phase" in live and "observedGeneration" not in live
    return {**live, "observedGeneration": status["observedGeneration"]} if dropped else live


def _promoted(canary: Canary, rollout: Rollout) -> JsonObject:
    since = _stamp(rollout.phase_since)
    return {
        "type": PROMOTED,
        "status": _VERDICTS.get(rollout.phase, "Unknown"),
        "reason": shown_phase(rollout),
        "message": _message(canary, rollout),
        "lastUpdateTime": since,
        "lastTransitionTime": since,
    }


def _message(canary: Canary, rollout: Rollout) -> str:
    blind = " The checks have no answers: all traffic is at the primary." if rollout.blind else ""
    paused = " Paused." if rollout.paused else ""
    gate = f" Waiting for approval at {rollout.gate}." if rollout.gate else ""
    return f"{_SENTENCES[rollout.phase].format(kind=canary.target.kind)}{blind}{gate}{paused}"


def _with_conditions(live: Sequence[Json], wanted: Sequence[Json]) -> list[JsonObject]:
    """The wanted conditions beside those of others."""
    others = [dict(entry) for entry in live if entry["type"] not in (PROMOTED, READY)]
    known = {entry["type"]: entry for entry in live}
    return [*others, *(_with_times(known.get(entry["type"], {}), entry) for entry in wanted)]


def _with_times(known: Json, condition: Json) -> JsonObject:
    """The condition with the known one's times: a transition is a change of the status, an update one of the words."""
    if all(known.get(field) == condition[field] for field in ("status", "reason", "message")):
        return dict(known)
    if known.get("status") == condition["status"] and "lastTransitionTime" in known:
        return {**condition, "lastTransitionTime": known["lastTransitionTime"]}
    return dict(condition)


def _conditions(raw: Json) -> Sequence[Json]:
    return (raw.get("status") or {}).get("conditions") or ()


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
