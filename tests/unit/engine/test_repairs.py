"""What is not as it should be: the cluster is put right, or somebody is told, and the rollout stays where it is."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.canary.model import AutoscalerRef, ObjectRef
from shared.engine import decide
from shared.engine.draft import PATIENCE, SOON
from shared.rollout import EPOCH, Line, Phase, Severity
from tests.support.samples import NOW, canary, resting, rollout, seen, situation

SCALED = canary(autoscaler=AutoscalerRef(ObjectRef("autoscaling/v2", "HorizontalPodAutoscaler", "frontend")))
PRIMARYS = "HorizontalPodAutoscaler frontend-primary"


def said(lines: tuple[Line, ...]) -> list[tuple[Severity, str]]:
    return [(line.severity, line.text) for line in lines]


def test_a_surprise_is_said_repaired_and_does_not_advance_the_run() -> None:
    decision = decide(situation(seen=seen(drift=("VirtualService frontend", "Service frontend-canary"))))
    assert said(decision.lines) == [
        (Severity.WARNING, "VirtualService frontend.test is not as committed: restoring it"),
        (Severity.WARNING, "Service frontend-canary.test is not as committed: restoring it"),
    ]
    after = decision.rollout
    assert (after.weight, after.step, after.active, after.hinted) == (10, 0, True, True)
    assert after.step_at == NOW + timedelta(seconds=10), "the step begins anew: the router did not show it"


def test_what_a_new_generation_of_the_canary_changes_is_no_surprise() -> None:
    decision = decide(situation(canary=canary(generation=2), seen=seen(drift=("Service frontend",))))
    assert said(decision.lines) == [(Severity.INFO, "Service frontend.test updated")]
    assert decision.rollout.reconciled == 1, "it is not seen to be as it should yet"


@pytest.mark.parametrize("before", [resting(active=False, hinted=False), rollout(phase=Phase.PROMOTING)])
def test_outside_of_an_analysis_the_repair_is_looked_at_at_once(before: object) -> None:
    after = decide(situation(rollout=before, seen=seen(drift=("Service frontend",)))).rollout
    assert (after.active, after.hinted, after.due_at, after.step_at) == (True, True, NOW + SOON, NOW + SOON)


@pytest.mark.parametrize(
    ("phase", "severity"), [(Phase.FINALISING, Severity.INFO), (Phase.PROGRESSING, Severity.WARNING)]
)
def test_the_primarys_autoscaler_follows_while_a_promotion_ends_and_is_a_surprise_otherwise(
    phase: Phase, severity: Severity
) -> None:
    decision = decide(situation(canary=SCALED, rollout=rollout(phase=phase), seen=seen(drift=(PRIMARYS,))))
    assert [line.severity for line in decision.lines] == [severity]


def test_other_objects_are_a_surprise_while_a_promotion_ends_too() -> None:
    ending = situation(canary=SCALED, rollout=rollout(phase=Phase.FINALISING), seen=seen(drift=("Service frontend",)))
    assert [line.severity for line in decide(ending).lines] == [Severity.WARNING]


PROBLEMS = ("ConfigMap frontend.test does not exist: create it", "Secret db.test does not exist: create it")


def test_a_run_waits_for_somebody_to_help_and_says_everything_once() -> None:
    found = situation(seen=seen(problems=PROBLEMS))
    decision = decide(found)
    assert [line.text for line in decision.lines] == ["; ".join(PROBLEMS)]
    after = decision.rollout
    assert (after.active, after.weight, after.due_at) == (True, 10, NOW + PATIENCE)
    assert decide(situation(rollout=after, seen=found.seen)).lines == ()


def test_who_rests_rests_until_a_hint_or_the_sweep_finds_that_it_was_done() -> None:
    after = decide(situation(rollout=resting(), seen=seen(problems=PROBLEMS))).rollout
    assert (after.active, after.hinted, after.due_at, after.step_at) == (False, False, EPOCH, EPOCH)


def test_who_still_has_to_scale_down_does_not_rest() -> None:
    after = decide(situation(rollout=resting(replicas=0), seen=seen(problems=PROBLEMS))).rollout
    assert (after.active, after.due_at) == (True, NOW + PATIENCE)
