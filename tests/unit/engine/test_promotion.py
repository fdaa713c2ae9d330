"""Promotion: what was analysed is what is copied, and a primary that never gets ready has an exit."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from shared.canary.model import Hook, HookType
from shared.engine import decide
from shared.engine.draft import PATIENCE, SOON
from shared.revision import revision_mark
from shared.rollout import EPOCH, Phase, Revision, Rollout
from tests.support.samples import NEW, NOW, OLD, canary, rollout, seen, situation, workload

if TYPE_CHECKING:
    from shared.engine import Decision

LATE = NOW - timedelta(seconds=601)
HALF = workload("frontend-primary", replicas=2, ready=1)
HALF_READY = "waiting for rollout to finish: 1 of 2 updated replicas are available"
CARRIED = revision_mark(NEW)


def promoting(**changes: object) -> Rollout:
    """All traffic at the target, the primary about to take the new revision over."""
    return rollout(**{"phase": Phase.PROMOTING, "weight": 50, "step": 4, **changes})


def decided(before: Rollout, spec: object = None, **changes: object) -> Decision:
    return decide(situation(canary=spec or canary(), rollout=before, seen=seen(**changes)))


def texts(decision: Decision) -> list[str]:
    return [line.text for line in decision.lines]


def test_every_config_that_production_takes_over_is_named_by_its_kind() -> None:
    old = Revision("v1-old", {"configmap/a": "1", "secret/b": "1", "secret/gone": "1"})
    new = Revision("v1-new", {"configmap/a": "2", "secret/b": "2"})
    decision = decided(promoting(applied=new, promoted=old), carried=revision_mark(new), revision=new)
    assert texts(decision)[:2] == ["ConfigMap a-primary synced", "Secret b-primary synced"]
    assert decision.rollout.promoted == new
    assert not any("gone" in text for text in texts(decision)), "there is nothing to copy of what is gone"


def test_a_target_that_is_gone_before_it_was_copied_takes_its_release_with_it() -> None:
    decision = decided(promoting(), target=None, revision=None)
    assert texts(decision) == ["Rolling back frontend.test deployment frontend not found"]
    assert (decision.rollout.phase, decision.rollout.weight) == (Phase.FAILED, 0)


def test_a_primary_that_never_takes_the_copy_ends_the_release() -> None:
    waiting = decided(promoting())
    assert (waiting.lines, waiting.rollout.waiting_since, waiting.rollout.due_at) == ((), NOW, NOW + SOON)
    late = decided(promoting(waiting_since=LATE))
    assert "progress deadline exceeded frontend-primary.test not updated for more than 600s" in texts(late)[0]
    assert late.rollout.phase is Phase.FAILED


def test_a_primary_that_is_gone_is_waited_for() -> None:
    decision = decided(promoting(promoted=NEW), primary=None, carried=CARRIED)
    assert texts(decision) == ["deployment frontend-primary.test not found"]
    assert (decision.rollout.weight, decision.rollout.due_at) == (50, NOW + PATIENCE)


def test_the_primarys_update_is_waited_for_and_said() -> None:
    decision = decided(promoting(promoted=NEW), primary=HALF, carried=CARRIED)
    assert texts(decision) == [f"Halt advancement frontend-primary.test {HALF_READY}"]
    assert (decision.rollout.weight, decision.rollout.waiting_since) == (50, NOW)


def test_as_many_pods_of_the_primary_are_enough_as_its_threshold_says() -> None:
    decision = decided(promoting(promoted=NEW), canary(primary_ready_threshold=50), primary=HALF, carried=CARRIED)
    assert decision.rollout.weight == 0


@pytest.mark.parametrize("hooked", [True, False])
def test_a_primary_that_never_gets_ready_leaves_all_traffic_at_what_was_analysed(hooked: bool) -> None:
    after_it = (Hook("tell", url="http://tell", type=HookType.POST_ROLLOUT),) if hooked else ()
    late = promoting(promoted=NEW, waiting_since=LATE)
    decision = decided(late, canary(hooks=after_it), primary=HALF, carried=CARRIED)
    assert texts(decision)[-1] == (
        "Promotion failed! frontend-primary.test exceeded its progress deadline: routing all traffic to frontend.test"
    )
    after = decision.rollout
    assert (after.phase, after.weight, after.replicas) == (Phase.FAILED, 100, None)
    assert (after.active, after.due_at) == ((True, NOW + SOON) if hooked else (False, EPOCH))


@pytest.mark.parametrize(
    ("weight", "target"),
    [
        (0, workload()),
        (50, workload(ready=0)),
        (50, workload(ready=1)),
        (50, workload(replicas=0)),
        (50, None),
    ],
)
def test_it_goes_on_waiting_where_nobody_else_could_serve(weight: int, target: object) -> None:
    late = promoting(promoted=NEW, waiting_since=LATE, weight=weight)
    after = decided(late, primary=HALF, target=target, carried=CARRIED).rollout
    assert (after.phase, after.weight) == (Phase.PROMOTING, weight)


def test_traffic_does_not_come_home_before_its_time() -> None:
    early = promoting(promoted=NEW, step_at=NOW + timedelta(seconds=4))
    after = decided(early, carried=CARRIED).rollout
    assert (after.weight, after.due_at) == (50, NOW + timedelta(seconds=4))


def test_traffic_that_comes_home_is_told_of_and_traffic_that_is_there_is_not() -> None:
    assert texts(decided(promoting(promoted=NEW), carried=CARRIED)) == ["Routing all traffic to primary"]
    at_home = decided(promoting(promoted=NEW, weight=0), carried=CARRIED)
    assert (texts(at_home), at_home.rollout.phase) == ([], Phase.FINALISING)


def test_traffic_that_is_at_home_needs_no_more_pods() -> None:
    small = workload("frontend-primary", replicas=1)
    at_home = decided(promoting(promoted=NEW, weight=0, capacity=10), primary=small, carried=CARRIED)
    assert at_home.rollout.phase is Phase.FINALISING


@pytest.mark.parametrize(
    ("skipped", "text"),
    [
        (True, "Promotion completed! Canary analysis was skipped for frontend.test"),
        (False, "Promotion completed! Scaling down frontend.test"),
    ],
)
def test_the_end_says_whether_anything_was_analysed(skipped: bool, text: str) -> None:
    ending = rollout(phase=Phase.FINALISING, weight=0, step=-1, applied=NEW, promoted=NEW, skipped=skipped)
    assert texts(decided(ending)) == [text]
    assert OLD != NEW
