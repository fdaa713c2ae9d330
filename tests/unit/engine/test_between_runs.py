"""Initialization, the end of a run and the watch for the next one: what is said, and what is looked at when."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.engine import decide
from shared.engine.draft import PATIENCE, SOON
from shared.revision import refreshed
from shared.rollout import EPOCH, Phase, Rollout, Severity
from tests.support.samples import NEW, NOW, OLD, canary, resting, rollout, seen, situation, workload

INITIALIZING = Rollout(version=1, phase_since=NOW)
HALF = workload("frontend-primary", replicas=2, ready=1)


def said(before: Rollout, **changes: object) -> list[str]:
    return [line.text for line in decide(situation(rollout=before, seen=seen(**changes))).lines]


def test_an_initialized_canary_knows_what_was_seen_and_by_which_router() -> None:
    after = decide(situation(rollout=INITIALIZING, canary=canary(generation=3))).rollout
    assert (after.phase, after.reconciled, after.provider) == (Phase.INITIALIZED, 3, "istio")


def test_initialization_says_everything_that_is_missing() -> None:
    missing = ("ConfigMap a.test does not exist", "ConfigMap b.test does not exist")
    assert said(INITIALIZING, problems=missing, primary=None) == ["; ".join(missing)]


def test_initialization_waits_for_the_primary_and_says_why() -> None:
    reason = "waiting for rollout to finish: 1 of 2 updated replicas are available"
    assert said(INITIALIZING, primary=HALF) == [f"Halt advancement frontend-primary.test {reason}"]


def test_as_many_pods_of_the_primary_are_enough_as_its_threshold_says() -> None:
    patient = canary(primary_ready_threshold=50)
    assert decide(situation(canary=patient, rollout=INITIALIZING, seen=seen(primary=HALF))).rollout.replicas == 0
    begun = decide(situation(canary=patient, rollout=resting(), seen=seen(primary=HALF))).rollout
    assert begun.phase is Phase.PROGRESSING


@pytest.mark.parametrize(
    ("primary", "reason"),
    [(None, "not found"), (HALF, "waiting for rollout to finish: 1 of 2 updated replicas are available")],
)
def test_no_run_begins_before_the_primary_is_ready_and_the_change_is_not_forgotten(
    primary: object, reason: str
) -> None:
    before = resting(active=False)
    assert said(before, primary=primary)[0].endswith(f"frontend-primary.test {reason}")
    after = decide(situation(rollout=before, seen=seen(primary=primary))).rollout
    assert (after.phase, after.active, after.hinted) == (Phase.SUCCEEDED, True, True)
    assert after.due_at == NOW + PATIENCE


def test_a_failed_run_says_that_it_scales_down_and_a_promoted_one_has_said_it() -> None:
    failed = decide(situation(rollout=resting(phase=Phase.FAILED, replicas=2), seen=seen()))
    assert [(line.severity, line.text) for line in failed.lines] == [
        (Severity.WARNING, "Canary failed! Scaling down frontend.test")
    ]
    assert decide(situation(rollout=resting(replicas=2), seen=seen())).lines == ()


def test_a_target_that_is_not_at_zero_yet_is_waited_for() -> None:
    after = decide(situation(rollout=resting(replicas=0, hinted=False), seen=seen(revision=OLD))).rollout
    assert (after.replicas, after.active, after.due_at) == (0, True, NOW + SOON)


@pytest.mark.parametrize(("hinted", "due_at"), [(True, NOW + SOON), (False, EPOCH)])
def test_who_was_told_of_a_change_looks_for_it_as_soon_as_the_target_is_scaled_down(
    hinted: bool, due_at: object
) -> None:
    before, down = resting(replicas=0, hinted=hinted), seen(revision=OLD, target=workload(replicas=0))
    after = decide(situation(rollout=before, seen=down)).rollout
    assert (after.due_at, after.active) == (due_at, hinted)


def test_going_back_to_what_is_promoted_starts_nothing_and_is_remembered() -> None:
    after = decide(situation(rollout=resting(phase=Phase.FAILED, applied=NEW), seen=seen(revision=OLD))).rollout
    assert (after.phase, after.applied, after.active) == (Phase.FAILED, OLD, False)


def test_at_rest_nothing_is_kept_of_the_waits_of_a_run() -> None:
    before = resting(primary_floor=4, due_at=NOW, step_at=NOW + timedelta(hours=1))
    after = decide(situation(rollout=before, seen=seen(revision=OLD))).rollout
    assert (after.active, after.due_at, after.step_at, after.primary_floor) == (False, EPOCH, EPOCH, 0)


def test_a_hash_by_another_scheme_is_taken_over_for_what_is_promoted_only_if_that_is_what_runs() -> None:
    both = decide(situation(rollout=resting(applied=OLD, promoted=OLD), seen=seen(revision=OLD))).rollout
    assert (both.applied, both.promoted) == (refreshed(OLD, OLD), refreshed(OLD, OLD))
    other = decide(situation(rollout=resting(applied=NEW, promoted=OLD), seen=seen(revision=NEW))).rollout
    assert (other.applied, other.promoted) == (NEW, OLD)


def test_a_run_that_is_over_keeps_its_size_of_one_pod_at_least() -> None:
    begun = decide(situation(rollout=resting(), seen=seen(primary=workload("frontend-primary", replicas=1)))).rollout
    assert begun.replicas == 1
    assert begun.capacity == 1
    assert rollout().capacity == 0
