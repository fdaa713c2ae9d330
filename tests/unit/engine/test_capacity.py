"""No side gets a share of the traffic that its pods cannot carry."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from shared.canary.model import AutoscalerRef, ObjectRef
from shared.checks.verdict import Verdict
from shared.engine import Situation, decide
from shared.engine.capacity import PATIENCE_SECONDS
from shared.rollout import Phase, Verb
from tests.support.samples import NEW, NOW, canary, command, result, rollout, seen, workload

if TYPE_CHECKING:
    from shared.rollout import Rollout

HPA = AutoscalerRef(ObjectRef("autoscaling/v2", "HorizontalPodAutoscaler", "frontend"))
PASSED = (result(Verdict.PASS),)


def progressing(target: int, weight: int = 30, primary: int = 10, **changes: Any) -> Situation:
    """A run that ten pods carried before it, at a weight whose next is ten more, with so many pods at each side."""
    fields = ("ignore_capacity", "autoscaler", "match", "target_ref")
    spec = {name.removesuffix("_ref"): changes.pop(name) for name in fields if name in changes}
    before = rollout(weight=weight, step=weight // 10 - 1, capacity=10, **changes)
    sides = seen(target=workload(replicas=target), primary=workload("frontend-primary", replicas=primary))
    return Situation(canary(**spec), before, sides, NOW, PASSED)


def promoting(target: int, primary: int, autoscaler: AutoscalerRef | None = HPA, **changes: Any) -> Situation:
    """The primary has the new revision and half of the traffic of before."""
    before = rollout(phase=Phase.PROMOTING, weight=50, step=4, promoted=NEW, capacity=10, **changes)
    sides = seen(target=workload(replicas=target), primary=workload("frontend-primary", replicas=primary), carried="x")
    return Situation(canary(autoscaler=autoscaler), before, sides, NOW)


def after(situation: Situation) -> Rollout:
    return decide(situation).rollout


def said(situation: Situation) -> list[str]:
    return [line.text for line in decide(situation).lines]


@pytest.mark.parametrize(("pods", "weight"), [(3, 30), (4, 40), (10, 40)])
def test_a_step_waits_for_the_pods_that_its_share_needs(pods: int, weight: int) -> None:
    assert after(progressing(pods)).weight == weight


def test_the_missing_pods_are_asked_for_and_the_wait_is_said_once() -> None:
    waiting = after(progressing(3))
    assert (waiting.canary_floor, waiting.waiting_since) == (4, NOW)
    assert said(progressing(3)) == [
        "Halt advancement frontend.test has 3 of 4 pods that the next step needs",
    ]
    assert said(progressing(3, halt=waiting.halt)) == []
    assert after(progressing(4, canary_floor=4)).canary_floor == 0


def test_pods_that_never_come_end_the_run_at_the_deadline() -> None:
    late = after(progressing(3, canary_floor=4, waiting_since=NOW - timedelta(seconds=601)))
    assert (late.phase, late.weight) == (Phase.FAILED, 0)


@pytest.mark.parametrize("changes", [{"ignore_capacity": True}, {"match": ({"headers": {}},)}], ids=["told", "match"])
def test_nothing_is_waited_for_if_told_so_or_if_nobody_knows_how_many_requests_there_are(changes: Any) -> None:
    assert after(progressing(1, **changes)).weight == 40


def test_the_nodes_say_how_many_pods_a_daemonset_has_and_nobody_waits_for_more() -> None:
    daemons = ObjectRef("apps/v1", "DaemonSet", "frontend")
    assert after(progressing(1, target_ref=daemons)).weight == 40


def test_a_run_whose_size_at_its_start_is_not_known_goes_on() -> None:
    unknown = progressing(1)
    known_nothing = Situation(unknown.canary, rollout(weight=30, step=2), unknown.seen, NOW, PASSED)
    assert after(known_nothing).weight == 40


def test_traffic_comes_back_to_a_primary_that_can_carry_it() -> None:
    small = after(promoting(target=5, primary=5))
    assert (small.phase, small.weight, small.primary_floor) == (Phase.PROMOTING, 50, 10)
    assert after(promoting(target=5, primary=10)).phase is Phase.FINALISING


def test_a_side_that_grew_says_that_all_of_the_traffic_needs_more_than_at_the_start() -> None:
    assert after(promoting(target=12, primary=10)).primary_floor == 22
    limited = AutoscalerRef(HPA.ref, primary_max_replicas=15)
    assert after(promoting(target=12, primary=10, autoscaler=limited)).primary_floor == 15


def test_an_autoscaler_that_keeps_the_primary_small_does_not_keep_the_release() -> None:
    since = NOW - timedelta(seconds=PATIENCE_SECONDS + 1)
    gone_on = after(promoting(target=5, primary=5, waiting_since=since))
    assert (gone_on.phase, gone_on.primary_floor) == (Phase.FINALISING, 0)


def test_without_an_autoscaler_nobody_made_the_primary_smaller() -> None:
    assert after(promoting(target=5, primary=5, autoscaler=None)).phase is Phase.FINALISING


def test_a_rollback_waits_for_nothing_and_raises_the_primary_meanwhile() -> None:
    aborted = after(progressing(5, primary=4, autoscaler=HPA, commands=(command(Verb.ABORT),)))
    assert (aborted.phase, aborted.weight, aborted.primary_floor) == (Phase.FAILED, 0, 10)


def test_a_service_has_no_pods_that_a_share_could_be_too_large_for() -> None:
    sides = seen(
        target=replace(workload(replicas=0), kind="Service"),
        primary=replace(workload("frontend-primary", replicas=0), kind="Service"),
    )
    spec = canary(target=ObjectRef("v1", "Service", "frontend"))
    assert after(Situation(spec, rollout(weight=30, step=2, capacity=10), sides, NOW, PASSED)).weight == 40
