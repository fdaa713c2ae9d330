"""How a Canary with ``revertOnDeletion`` takes its leave: one stage a tick, each seen before the next."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.canary.model import FLAGGER_REVERT, REVERT
from shared.engine import Situation, decide, look_for, what_to_ask
from shared.engine.farewell import SETTLE, Stage
from shared.observed import Look
from shared.rollout import Phase, Rollout, Verb
from tests.support.samples import NEW, NOW, OLD, canary, command, resting, rollout, seen, workload

LEAVING = canary(revert_on_deletion=True, deleting=True, finalizers=(REVERT,))
PRIMARY = workload("frontend-primary", replicas=5)
LATE = NOW - timedelta(seconds=601)


def at(stage: Stage, **changes: Any) -> Rollout:
    """A rollout in this stage, which may go on now."""
    weight = 100 if stage > Stage.SCALING else 0
    return rollout(**{"phase": Phase.TERMINATING, "step": int(stage), "weight": weight, "replicas": 5, **changes})


def situation(before: Rollout, **changes: Any) -> Situation:
    return Situation(LEAVING, before, seen(primary=PRIMARY, **changes), NOW)


def said(found: Situation) -> list[str]:
    return [line.text for line in decide(found).lines]


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase is not Phase.TERMINATING])
def test_the_farewell_begins_in_every_phase_at_the_primarys_size(phase: Phase) -> None:
    after = decide(situation(rollout(phase=phase, promoted=NEW), target=workload(replicas=0))).rollout
    assert (after.phase, after.step, after.replicas, after.weight) == (Phase.TERMINATING, Stage.SCALING, 5, 0)


@pytest.mark.parametrize(
    "before",
    [
        rollout(paused=True),
        rollout(blind=True),
        rollout(skipped=True),
        rollout(commands=(command(Verb.ABORT),)),
        resting(phase=Phase.FAILED),
    ],
)
def test_nothing_that_holds_a_run_holds_the_farewell(before: Rollout) -> None:
    suspended = replace(LEAVING, suspend=True)
    after = decide(replace(situation(before), canary=suspended)).rollout
    assert (after.phase, after.commands) == (Phase.TERMINATING, ())
    assert (after.paused, after.blind, after.skipped) == (False, False, False)
    assert not what_to_ask(replace(situation(before), canary=suspended))
    assert Look.TARGET in look_for(suspended, before)


def test_a_command_is_answered_and_forgotten() -> None:
    found = situation(at(Stage.ROUTING, commands=(command(Verb.ABORT),)))
    assert said(found)[0] == "stefan asked to abort, but Canary frontend.test is being deleted"
    assert decide(found).rollout.step == Stage.SWITCHING


@pytest.mark.parametrize("stage", list(Stage)[:-1])
def test_a_stage_that_is_seen_to_be_done_is_followed_by_the_next(stage: Stage) -> None:
    looked = seen(primary=PRIMARY, look=look_for(LEAVING, at(stage)))
    after = decide(Situation(LEAVING, at(stage), looked, NOW)).rollout
    assert (after.step, after.weight) == (stage + 1, 100)
    assert after.active


@pytest.mark.parametrize("stage", list(Stage)[:-1])
def test_a_stage_that_is_not_done_is_not_followed_by_any(stage: Stage) -> None:
    after = decide(situation(at(stage), drift=("Service frontend",))).rollout
    assert (after.step, after.weight, after.due_at > NOW) == (stage, at(stage).weight, True)


@pytest.mark.parametrize("stage", [Stage.SWITCHING, Stage.RESTORING])
def test_proxies_get_time_to_learn_of_what_changed_for_callers(stage: Stage) -> None:
    entered = decide(situation(at(Stage(stage - 1)))).rollout
    assert entered.step_at == NOW + SETTLE
    hurried = replace(entered, due_at=NOW)
    assert decide(situation(hurried)).rollout.step == stage, "a hint does not hurry it"


@pytest.mark.parametrize("stage", [Stage.SCALING, Stage.ROUTING, Stage.SWITCHING, Stage.RESTORING, Stage.REMOVING])
@pytest.mark.parametrize("target", [workload(ready=1), workload(ready=0), workload(replicas=0), None])
def test_a_target_that_is_not_ready_holds_every_stage(stage: Stage, target: Any) -> None:
    first = decide(situation(at(stage), target=target))
    assert first.rollout.step <= stage
    assert first.rollout.waiting_since == NOW
    second = decide(situation(first.rollout, target=target))
    assert (first.lines != (), second.lines) == (True, ())


@pytest.mark.parametrize("stage", [Stage.SCALING, Stage.ROUTING, Stage.SWITCHING])
def test_traffic_goes_home_from_a_target_without_pods_and_it_is_scaled_again(stage: Stage) -> None:
    after = decide(situation(at(stage, weight=100), target=workload(ready=0))).rollout
    assert (after.weight, after.step) == (0, Stage.SCALING)


def test_traffic_stays_where_nobody_else_could_take_it() -> None:
    both = {"target": workload(ready=0), "drift": ()}
    alone = replace(situation(at(Stage.ROUTING)), seen=seen(primary=workload(ready=0), **both))
    assert decide(alone).rollout.weight == 100


def test_the_progress_deadline_is_said_once_and_does_not_end_the_wait() -> None:
    found = situation(at(Stage.SCALING, waiting_since=LATE), target=workload(ready=0))
    (line,) = said(found)
    assert line.startswith("Halt deletion of frontend.test frontend.test progress deadline exceeded, waiting for")
    assert said(replace(found, rollout=decide(found).rollout)) == []
    stuck = situation(at(Stage.REMOVING, waiting_since=LATE), drift=("Service frontend-canary",))
    assert said(stuck)[0].endswith("progress deadline exceeded, still not done: Service frontend-canary.test")
    both = situation(at(Stage.REMOVING, waiting_since=LATE), drift=("Service a", "Service b"))
    assert said(both)[0].endswith("still not done: Service a.test, Service b.test")


def test_with_neither_side_there_is_nothing_to_wait_for() -> None:
    gone = seen(target=None, primary=None, revision=None)
    assert decide(Situation(LEAVING, at(Stage.SCALING), gone, NOW)).rollout.step == Stage.ROUTING


def test_a_revision_that_was_not_promoted_is_told_of() -> None:
    assert any("not promoted" in line for line in said(situation(rollout(promoted=OLD))))
    assert not any("not promoted" in line for line in said(situation(rollout(promoted=NEW))))


@pytest.mark.parametrize("before", [rollout(), at(Stage.ROUTING)])
def test_whoever_takes_the_wish_back_keeps_what_is_there(before: Rollout) -> None:
    kept = replace(LEAVING, revert_on_deletion=False, finalizers=(FLAGGER_REVERT,))
    after = decide(replace(situation(before), canary=kept)).rollout
    assert (after.phase, after.step, after.weight) == (Phase.TERMINATING, Stage.LEAVING, before.weight)


def test_whoever_keeps_the_primary_is_told_that_it_goes_on_serving() -> None:
    kept = replace(LEAVING, revert_on_deletion=False)
    assert said(replace(situation(rollout()), canary=kept)) == [
        "Canary deleted! frontend-primary.test goes on serving: spec.revertOnDeletion is false, nothing is removed"
    ]


def test_the_whole_way_is_told_stage_by_stage() -> None:
    lines = [said(situation(rollout(promoted=NEW)))]
    lines += [said(situation(at(stage))) for stage in Stage if stage is not Stage.LEAVING]
    assert lines == [
        ["Canary deleted! Scaling up frontend.test"],
        ["Routing all traffic to frontend.test"],
        ["Switching Service frontend.test to the pods of frontend.test"],
        ["Giving back the router of frontend.test"],
        ["Removing frontend-primary.test and what belongs to it"],
        [],
        ["Deletion completed! frontend.test is given back"],
    ]


def test_a_target_without_pods_is_told_of_when_traffic_leaves_it() -> None:
    lost = situation(at(Stage.ROUTING), target=workload(ready=0))
    assert said(lost)[0] == "No pod of frontend.test is ready: routing all traffic to primary"
    gone = situation(at(Stage.SCALING), target=None)
    assert said(gone) == [
        "Halt deletion of frontend.test frontend.test not found: create it, or set spec.revertOnDeletion to false"
    ]
    empty = situation(at(Stage.SCALING), target=workload(replicas=0))
    assert said(empty) == [
        "Halt deletion of frontend.test frontend.test waiting for rollout to finish: no pod is available"
    ]


def test_a_target_that_serves_keeps_its_traffic_while_its_update_goes_on() -> None:
    after = decide(situation(at(Stage.ROUTING), target=workload(replicas=3, ready=2))).rollout
    assert (after.weight, after.step) == (100, Stage.ROUTING)


def test_as_many_pods_are_enough_for_a_farewell_as_for_a_release() -> None:
    patient = replace(LEAVING, analysis=replace(LEAVING.analysis, canary_ready_threshold=50))
    half = situation(at(Stage.ROUTING), target=workload(replicas=2, ready=1))
    assert decide(replace(half, canary=patient)).rollout.step == Stage.SWITCHING


def test_with_nothing_to_measure_by_the_target_gets_one_pod() -> None:
    found = Situation(LEAVING, rollout(), seen(target=None, primary=None, revision=None), NOW)
    assert decide(found).rollout.replicas == 1
    assert decide(replace(found, seen=seen(primary=workload(replicas=0)))).rollout.replicas == 1
    alone = replace(found, seen=seen(primary=None, target=workload(replicas=3)))
    assert decide(alone).rollout.replicas == 3, "without a primary the target stays as it is"


@pytest.mark.parametrize(("stage", "pause"), [(Stage.SWITCHING, SETTLE), (Stage.ROUTING, timedelta(seconds=1))])
def test_what_is_not_done_yet_is_looked_at_again_when_proxies_can_have_learnt_of_it(
    stage: Stage, pause: timedelta
) -> None:
    assert decide(situation(at(stage), drift=("Service frontend",))).rollout.due_at == NOW + pause


def test_a_canary_that_others_keep_is_left_alone() -> None:
    others = replace(LEAVING, finalizers=("example.com/mine", "example.com/yours"), generation=5)
    decision = decide(replace(situation(rollout()), canary=others))
    assert [line.text for line in decision.lines] == [
        "Canary frontend.test is being deleted and kept by example.com/mine, example.com/yours: nothing moves any more"
    ]
    after = decision.rollout
    assert (after.phase, after.active, after.weight, after.reconciled) == (Phase.PROGRESSING, False, 10, 5)
    assert look_for(others, rollout()) is Look.NOTHING


def test_a_new_canary_of_the_same_name_begins_anew() -> None:
    asked, told = (command(Verb.PAUSE),), NOW + timedelta(seconds=30)
    before = at(Stage.LEAVING, runs=3, sequence=9, commands=asked, hinted_until=told)
    after = decide(replace(situation(before), canary=canary())).rollout
    assert (after.phase, after.runs, after.sequence, after.weight) == (Phase.INITIALIZING, 4, 9, 0)
    assert (after.promoted.template, after.active, after.outbox) == ("", True, ())
    assert (after.version, after.phase_since) == (before.version, NOW)
    assert (after.commands, after.hinted_until) == (asked, told), "what was asked and told meanwhile is not lost"


def test_the_callers_service_is_not_switched_before_the_router_is_in_force_or_is_not_heard_of() -> None:
    pending = {"pending": "HTTPRoute frontend.test is not accepted by Gateway public yet"}
    waiting = situation(at(Stage.ROUTING), **pending)
    assert said(waiting) == [f"Halt deletion of frontend.test {pending['pending']}"]
    after = decide(waiting).rollout
    assert (after.step, said(replace(waiting, rollout=after))) == (Stage.ROUTING, [])
    assert decide(situation(at(Stage.ROUTING, waiting_since=LATE), **pending)).rollout.step == Stage.SWITCHING
