"""The Canary's status."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from shared.canary.model import Analysis, SessionAffinity
from shared.errors import Problem
from shared.render.status import canary_status, invalid_status, status_patch
from shared.rollout import Phase, Revision, Rollout
from tests.unit.render.samples import canary

if TYPE_CHECKING:
    from shared.json_types import JsonObject

THEN = datetime(2026, 11, 23, 12, 0, 0, 999999, tzinfo=UTC)
LATER = THEN + timedelta(minutes=5)
ROLLOUT = Rollout(
    version=9,
    phase=Phase.PROGRESSING,
    phase_since=THEN,
    weight=20,
    failed=1,
    applied=Revision("v1-bb", {"configmap/settings": "v1-11"}),
    promoted=Revision("v1-aa", {}),
)
PROBLEMS = (Problem("spec.analysis.threshold", "must be at least 1"), Problem("spec.service.port", "is required"))


def _raw(status: JsonObject | None = None) -> JsonObject:
    return {"metadata": {"name": "podinfo", "generation": 4, "resourceVersion": "31"}, "status": status}


def _patched(raw: JsonObject, status: JsonObject) -> JsonObject:
    """The Canary after its status was written, as a JSON merge patch does it (RFC 7396)."""
    patch = status_patch(raw, status)
    return raw if patch is None else {**raw, "status": _merge(raw["status"] or {}, patch["status"])}


def _merge(live: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    live = live if isinstance(live, dict) else {}
    merged = {**live, **{key: _merge(live.get(key), value) for key, value in patch.items()}}
    return {key: value for key, value in merged.items() if value is not None}


def test_the_status_of_a_run() -> None:
    assert canary_status(canary(), ROLLOUT) == {
        "phase": "Progressing",
        "canaryWeight": 20,
        "failedChecks": 1,
        "iterations": 0,
        "lastAppliedSpec": "v1-bb",
        "lastPromotedSpec": "v1-aa",
        "trackedConfigs": {"configmap/settings": "v1-11"},
        "lastTransitionTime": "2026-11-23T12:00:00Z",
        "observedGeneration": 4,
        "conditions": [
            {
                "type": "Promoted",
                "status": "Unknown",
                "reason": "Progressing",
                "message": "New revision detected, progressing canary analysis.",
                "lastUpdateTime": "2026-11-23T12:00:00Z",
                "lastTransitionTime": "2026-11-23T12:00:00Z",
            }
        ],
    }


ROUNDS = replace(canary().analysis, step_weight=0, iterations=5)


@pytest.mark.parametrize(
    ("analysis", "changes", "iterations"),
    [
        (canary().analysis, {"step": 3}, 0),
        (ROUNDS, {"step": -1}, 0),
        (ROUNDS, {"step": 0}, 1),
        (ROUNDS, {"step": 5}, 6),
        (ROUNDS, {"step": 5, "phase": Phase.PROMOTING}, 6),
        (ROUNDS, {"step": 3, "phase": Phase.TERMINATING}, 0),
    ],
    ids=["weights", "before the first", "first", "switched", "promoting", "being deleted"],
)
def test_rounds_are_counted_and_never_below_zero(analysis: Analysis, changes: dict[str, Any], iterations: int) -> None:
    shown = canary_status(replace(canary(), analysis=analysis), replace(ROLLOUT, **changes))
    assert shown["iterations"] == iterations


def test_a_gate_before_promotion_leaves_the_numbers_as_they_are() -> None:
    waiting = replace(ROLLOUT, gate="confirm-promotion/sign-off", weight=50, step=4)
    shown = canary_status(canary(), waiting)
    assert (shown["phase"], shown["canaryWeight"], shown["iterations"]) == ("WaitingPromotion", 50, 0)


def test_cookies_are_shown_for_whoever_wants_affinity() -> None:
    sticky = replace(canary().analysis, session_affinity=SessionAffinity("side"))
    holding = replace(ROLLOUT, cookie="side=x")
    shown = canary_status(replace(canary(), analysis=sticky), holding)
    assert (shown["sessionAffinityCookie"], shown["previousSessionAffinityCookie"]) == ("side=x", "")
    assert "sessionAffinityCookie" not in canary_status(canary(), holding)


@pytest.mark.parametrize(
    ("phase", "status", "message"),
    [
        (Phase.INITIALIZING, "Unknown", "New Deployment detected, starting initialization."),
        (Phase.INITIALIZED, "True", "Deployment initialization completed."),
        (Phase.PROGRESSING, "Unknown", "New revision detected, progressing canary analysis."),
        (Phase.PROMOTING, "Unknown", "Canary analysis completed, starting primary rolling update."),
        (Phase.FINALISING, "Unknown", "Canary analysis completed, routing all traffic to primary."),
        (Phase.SUCCEEDED, "True", "Canary analysis completed successfully, promotion finished."),
        (Phase.FAILED, "False", "Canary analysis failed, Deployment scaled to zero."),
    ],
)
def test_promoted_is_flaggers_condition(phase: Phase, status: str, message: str) -> None:
    condition = canary_status(canary(), replace(ROLLOUT, phase=phase))["conditions"][0]
    assert (condition["status"], condition["reason"], condition["message"]) == (status, str(phase), message)


def test_every_phase_has_its_words() -> None:
    messages = {canary_status(canary(), replace(ROLLOUT, phase=phase))["conditions"][0]["message"] for phase in Phase}
    assert len(messages) == len(Phase)


def test_the_message_says_why_a_run_stands_still() -> None:
    condition = canary_status(canary(), replace(ROLLOUT, blind=True, paused=True))["conditions"][0]
    assert condition["message"].endswith("The checks have no answers: all traffic is at the primary. Paused.")


def test_a_status_is_written_once_and_only_over_what_was_read() -> None:
    status = canary_status(canary(), ROLLOUT)
    raw = _raw()
    patch = status_patch(raw, status)
    assert patch is not None
    assert patch["metadata"] == {"resourceVersion": "31"}
    assert status_patch(_patched(raw, status), status) is None
    assert status_patch(_patched(raw, status), canary_status(canary(), replace(ROLLOUT, weight=30))) is not None


def test_a_config_that_is_no_longer_tracked_goes() -> None:
    raw = _patched(_raw(), canary_status(canary(), ROLLOUT))
    after = _patched(raw, canary_status(canary(), replace(ROLLOUT, applied=Revision("v1-cc", {"secret/b": "v1-k-2"}))))
    assert after["status"]["trackedConfigs"] == {"secret/b": "v1-k-2"}
    emptied = _patched(after, canary_status(canary(), replace(ROLLOUT, applied=Revision("v1-cc"))))
    assert emptied["status"]["trackedConfigs"] == {}


def test_a_condition_keeps_its_transition_time_until_its_status_changes() -> None:
    raw = _patched(_raw(), canary_status(canary(), ROLLOUT))
    promoting = replace(ROLLOUT, phase=Phase.PROMOTING, phase_since=LATER)
    raw = _patched(raw, canary_status(canary(), promoting))
    condition = raw["status"]["conditions"][0]
    assert (condition["lastTransitionTime"], condition["lastUpdateTime"]) == (
        "2026-11-23T12:00:00Z",
        "2026-11-23T12:05:00Z",
    )
    raw = _patched(raw, canary_status(canary(), replace(promoting, phase=Phase.SUCCEEDED)))
    assert raw["status"]["conditions"][0]["lastTransitionTime"] == "2026-11-23T12:05:00Z"


def test_what_others_put_into_the_status_stays() -> None:
    theirs = {"type": "Audited", "status": "True"}
    raw = _raw({"sessionAffinityCookie": "x", "conditions": [theirs]})
    after = _patched(raw, canary_status(canary(), ROLLOUT))["status"]
    assert after["sessionAffinityCookie"] == "x"
    assert [condition["type"] for condition in after["conditions"]] == ["Audited", "Promoted"]


def test_flaggers_crd_drops_the_generation_and_that_alone_is_no_reason_to_write() -> None:
    status = canary_status(canary(), ROLLOUT)
    raw = _patched(_raw(), status)
    del raw["status"]["observedGeneration"]
    assert status_patch(raw, status) is None
    assert status_patch(raw, canary_status(canary(), replace(ROLLOUT, failed=2))) is not None


def test_an_invalid_canary_says_every_problem_and_stays_where_it_is() -> None:
    raw = _patched(_raw(), canary_status(canary(), ROLLOUT))
    raw["metadata"]["generation"] = 5
    after = _patched(raw, invalid_status(raw, PROBLEMS, LATER))["status"]
    promoted, ready = after["conditions"]
    assert (after["phase"], after["canaryWeight"], after["observedGeneration"]) == ("Progressing", 20, 5)
    assert promoted == raw["status"]["conditions"][0]
    assert ready == {
        "type": "Ready",
        "status": "False",
        "reason": "InvalidSpec",
        "message": "spec.analysis.threshold: must be at least 1; spec.service.port: is required",
        "lastUpdateTime": "2026-11-23T12:05:00Z",
        "lastTransitionTime": "2026-11-23T12:05:00Z",
    }


def test_an_invalid_canary_is_told_once_and_again_only_with_other_problems() -> None:
    raw = _raw()
    raw = _patched(raw, invalid_status(raw, PROBLEMS, THEN))
    assert status_patch(raw, invalid_status(raw, PROBLEMS, LATER)) is None
    raw = _patched(raw, invalid_status(raw, PROBLEMS[:1], LATER))
    ready = raw["status"]["conditions"][0]
    assert (ready["lastTransitionTime"], ready["lastUpdateTime"]) == ("2026-11-23T12:00:00Z", "2026-11-23T12:05:00Z")


def test_a_canary_that_was_put_right_says_nothing_of_its_past() -> None:
    raw = _raw()
    raw = _patched(raw, invalid_status(raw, PROBLEMS, THEN))
    after = _patched(raw, canary_status(canary(), ROLLOUT))
    assert [condition["type"] for condition in after["status"]["conditions"]] == ["Promoted"]


@pytest.mark.parametrize(
    ("gate", "phase"),
    [
        ("confirm-rollout/start", "Waiting"),
        ("confirm-traffic-increase/more/20", "Progressing"),
        ("confirm-promotion/sign-off", "WaitingPromotion"),
    ],
)
def test_a_closed_gate_is_shown_in_flaggers_phases_and_by_its_name(gate: str, phase: str) -> None:
    status = canary_status(canary(), replace(ROLLOUT, gate=gate))
    (condition,) = status["conditions"]
    assert (status["phase"], condition["reason"], condition["status"]) == (phase, phase, "Unknown")
    assert f"Waiting for approval at {gate}." in condition["message"]
