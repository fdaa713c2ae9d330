"""The engine's rules, one sentence a test, on plain data."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from shared.checks.verdict import Verdict
from shared.engine import decide, look_for, what_to_ask
from shared.observed import Look
from shared.revision import revision_mark
from shared.rollout import Phase, Rollout, Severity, Verb, with_hint
from tests.support.samples import (
    NEW,
    NEW_CONFIG,
    NEWER,
    NOW,
    OLD,
    canary,
    command,
    resting,
    result,
    rollout,
    seen,
    situation,
    workload,
)

if TYPE_CHECKING:
    from shared.engine import Decision, Situation

FAILED = (result(Verdict.FAIL),)
UNKNOWN = (result(Verdict.UNKNOWN, "Metrics server http://prometheus query failed: timed out"),)


def texts(decision: Decision) -> list[str]:
    return [line.text for line in decision.lines]


def run(start: Situation, ticks: int) -> list[Decision]:
    """Decide again and again, each an interval later, on what the last decision left."""
    decisions: list[Decision] = []
    for _ in range(ticks):
        decisions.append(decide(start))
        later = replace(decisions[-1].rollout, version=decisions[-1].rollout.version + 1)
        start = replace(start, rollout=later, now=start.now + timedelta(seconds=10))
    return decisions


class TestNewRevision:
    def test_a_new_template_starts_a_run_at_the_primarys_size(self) -> None:
        decision = decide(situation(rollout=resting(), seen=seen(target=workload(replicas=0))))
        assert texts(decision) == ["New revision detected! Scaling up frontend.test"]
        after = decision.rollout
        assert (after.phase, after.replicas, after.weight, after.runs, after.applied) == (
            Phase.PROGRESSING,
            2,
            0,
            2,
            NEW,
        )

    def test_a_changed_config_is_named_before_the_run_starts(self) -> None:
        decision = decide(situation(rollout=resting(), seen=seen(revision=NEW_CONFIG)))
        assert texts(decision) == [
            "ConfigMap frontend has changed",
            "New revision detected! Scaling up frontend.test",
        ]

    def test_the_promoted_revision_starts_nothing(self) -> None:
        decision = decide(situation(rollout=resting(phase=Phase.FAILED, applied=NEW), seen=seen(revision=OLD)))
        assert decision.lines == ()
        assert not decision.rollout.active

    def test_a_failed_revision_is_not_tried_again_by_itself(self) -> None:
        decision = decide(situation(rollout=resting(phase=Phase.FAILED, applied=NEW)))
        assert (decision.lines, decision.rollout.phase) == ((), Phase.FAILED)

    def test_any_other_revision_after_a_failure_starts_a_run(self) -> None:
        decision = decide(situation(rollout=resting(phase=Phase.FAILED, applied=NEW), seen=seen(revision=NEWER)))
        assert decision.rollout.phase is Phase.PROGRESSING

    def test_a_hash_of_another_scheme_is_not_a_change(self) -> None:
        moved = replace(OLD, template="v2-something")
        decision = decide(situation(rollout=resting(), seen=seen(revision=moved)))
        assert decision.lines == ()

    def test_the_first_change_after_a_new_scheme_is_seen(self) -> None:
        moved = replace(OLD, template="v2-something")
        after = decide(situation(rollout=resting(), seen=seen(revision=moved))).rollout
        newer = replace(moved, template="v2-newer")
        assert decide(situation(rollout=after, seen=seen(revision=newer))).rollout.phase is Phase.PROGRESSING

    def test_no_run_starts_while_the_primary_is_not_ready(self) -> None:
        unready = workload("frontend-primary", ready=1)
        decision = decide(situation(rollout=resting(), seen=seen(primary=unready)))
        reason = "waiting for rollout to finish: 1 of 2 updated replicas are available"
        assert texts(decision) == [f"Halt advancement frontend-primary.test {reason}"]
        assert decision.rollout.active
        assert decision.rollout.phase is Phase.SUCCEEDED


class TestHints:
    def test_a_hint_lasts_until_the_revision_was_looked_at(self) -> None:
        hinted = rollout(phase=Phase.FINALISING, weight=0, promoted=NEW, hinted=True)
        after = decide(situation(rollout=hinted, seen=seen(target=None, revision=None))).rollout
        assert after.hinted
        settled = decide(situation(rollout=after, seen=seen(target=workload(replicas=0), revision=None))).rollout
        assert settled.active
        looked = decide(situation(rollout=settled, seen=seen(revision=NEW))).rollout
        assert (looked.hinted, looked.active) == (False, False)

    def test_a_hint_comes_before_the_change_and_is_good_for_a_while(self) -> None:
        fresh = with_hint(resting(), NOW, timedelta(seconds=30))
        again = decide(situation(rollout=fresh, seen=seen(revision=OLD))).rollout
        assert (again.active, again.hinted, again.due_at) == (True, True, NOW + timedelta(seconds=1))
        late = situation(rollout=again, seen=seen(revision=OLD), now=NOW + timedelta(seconds=31))
        assert not decide(late).rollout.active
        found = decide(situation(rollout=again)).rollout
        assert (found.phase, found.hinted) == (Phase.PROGRESSING, False)

    def test_a_hint_does_not_hurry_a_step(self) -> None:
        waiting = rollout(step_at=NOW + timedelta(seconds=60), due_at=NOW + timedelta(seconds=60))
        after = decide(situation(rollout=with_hint(waiting, NOW, timedelta(seconds=30)))).rollout
        assert (after.weight, after.step_at, after.due_at) == (10, waiting.step_at, NOW + timedelta(seconds=1))

    def test_a_hint_during_a_run_makes_it_look_at_every_config(self) -> None:
        assert Look.CONFIGS in look_for(canary(), rollout(hinted=True))
        assert Look.CONFIGS not in look_for(canary(), rollout())


class TestSteps:
    def test_the_first_step_needs_no_checks(self) -> None:
        first = situation(rollout=rollout(weight=0, step=-1), results=())
        assert not what_to_ask(first)
        assert texts(decide(first)) == [
            "Starting canary analysis for frontend.test",
            "Advance frontend.test canary weight 10",
        ]

    def test_a_run_that_passes_walks_every_step_and_is_checked_at_the_last_before_it_is_promoted(self) -> None:
        decisions = run(situation(rollout=rollout(weight=0, step=-1)), 6)
        assert [d.rollout.weight for d in decisions] == [10, 20, 30, 40, 50, 50]
        assert texts(decisions[-1]) == ["Copying frontend.test template spec to frontend-primary.test"]
        assert decisions[-1].rollout.phase is Phase.PROMOTING

    def test_a_tick_before_its_time_moves_nothing(self) -> None:
        early = situation(rollout=rollout(step_at=NOW + timedelta(seconds=1)))
        assert not what_to_ask(early)
        assert decide(early).rollout.weight == 10

    def test_an_edited_plan_goes_on_from_the_nearest_lower_step(self) -> None:
        edited = canary(step_weight=0, step_weights=(5, 25, 80), max_weight=80)
        assert decide(situation(canary=edited, rollout=rollout(weight=20, step=1))).rollout.weight == 25

    def test_lowering_max_weight_below_the_current_weight_promotes_what_passed(self) -> None:
        edited = canary(step_weight=10, max_weight=20)
        assert decide(situation(canary=edited, rollout=rollout(weight=40, step=3))).rollout.phase is Phase.PROMOTING

    def test_paused_holds_the_weight_and_says_so_once(self) -> None:
        first, second = run(situation(rollout=rollout(paused=True)), 2)
        assert texts(first) == ["Canary frontend.test is paused at weight 10"]
        assert (second.lines, second.rollout.weight) == ((), 10)

    def test_suspended_does_nothing_at_all(self) -> None:
        suspended = canary(suspend=True)
        assert look_for(suspended, rollout()) == Look.NOTHING
        decision = decide(situation(canary=suspended, seen=seen(look=Look.NOTHING)))
        assert (decision.rollout.weight, decision.rollout.active) == (10, False)


class TestVerdicts:
    def test_a_failed_check_halts_and_counts(self) -> None:
        decision = decide(situation(results=FAILED))
        assert texts(decision) == ["Halt frontend.test advancement success rate 62.50% < 99%"]
        assert (decision.rollout.weight, decision.rollout.failed) == (10, 1)

    def test_the_threshold_rolls_back_in_the_tick_that_reaches_it(self) -> None:
        decision = decide(situation(rollout=rollout(failed=1), results=FAILED))
        assert texts(decision)[-1] == "Rolling back frontend.test failed checks threshold reached 2"
        assert (decision.rollout.phase, decision.rollout.weight, decision.rollout.replicas) == (Phase.FAILED, 0, 2)

    def test_an_unanswered_check_holds_and_never_counts_as_failed(self) -> None:
        decisions = run(situation(results=UNKNOWN * 2), 5)
        assert [d.rollout.weight for d in decisions] == [10] * 5
        assert [d.rollout.failed for d in decisions] == [0] * 5
        assert sum(len(d.lines) for d in decisions) == 1

    def test_a_run_that_stays_blind_goes_home_and_waits_there(self) -> None:
        blind = canary(max_unknown=3)
        decisions = run(situation(canary=blind, results=UNKNOWN), 6)
        told = [text for decision in decisions for text in texts(decision) if "routing all traffic to primary" in text]
        assert len(told) == 1
        last = decisions[-1].rollout
        assert (last.phase, last.weight, last.blind, last.failed) == (Phase.PROGRESSING, 0, True, 0)

    def test_answers_that_return_start_the_run_again_from_its_first_step(self) -> None:
        gone_home = rollout(weight=0, step=-1, blind=True, unknown=10, failed=1)
        first = decide(situation(rollout=gone_home, results=FAILED))
        assert texts(first) == ["Checks are answered again! Restarting analysis for frontend.test"]
        assert (first.rollout.failed, first.rollout.unknown, first.rollout.blind) == (0, 0, False)
        assert first.rollout.weight == 0
        again = situation(rollout=first.rollout, now=first.rollout.step_at, results=())
        assert not what_to_ask(again)
        assert decide(again).rollout.weight == 10

    def test_a_check_that_asks_to_wait_holds_the_step_says_so_once_and_counts_for_nothing(self) -> None:
        decisions = run(situation(results=(result(Verdict.PASS), result(Verdict.WAIT, "Not yet"))), 3)
        assert [texts(decision) for decision in decisions] == [["Not yet"], [], []]
        after = decisions[-1].rollout
        assert (after.weight, after.failed, after.unknown) == (rollout().weight, 0, 0)
        assert after.due_at == after.step_at == NOW + timedelta(seconds=30)

    @pytest.mark.parametrize("other", [Verdict.FAIL, Verdict.UNKNOWN])
    def test_what_weighs_more_than_waiting_decides(self, other: Verdict) -> None:
        after = decide(situation(results=(result(Verdict.WAIT, "Not yet"), result(other, "No")))).rollout
        assert (after.failed, after.unknown) == ((1, 0) if other is Verdict.FAIL else (0, 1))

    def test_a_step_knows_when_it_began_and_a_held_one_goes_on(self) -> None:
        began = NOW - timedelta(minutes=3)
        held = decide(situation(rollout=rollout(step_since=began), results=FAILED)).rollout
        assert held.step_since == began
        assert (
            decide(situation(rollout=rollout(step_since=began), results=(result(Verdict.PASS),))).rollout.step_since
            == NOW
        )

    def test_checks_are_told_how_old_the_step_is_and_whether_traffic_went_home(self) -> None:
        held = situation(rollout=rollout(step_since=NOW - timedelta(minutes=3)))
        assert (what_to_ask(held).age, what_to_ask(held).blind) == (180.0, False)
        assert what_to_ask(situation(rollout=rollout(weight=0, step=-1, blind=True))).blind

    def test_unknown_beside_pass_is_unknown(self) -> None:
        decision = decide(situation(results=(result(Verdict.PASS), *UNKNOWN)))
        assert decision.rollout.weight == 10

    def test_a_failing_canary_is_found_out_while_the_primary_is_not_ready(self) -> None:
        shaky = seen(primary=workload("frontend-primary", ready=1))
        halted = situation(seen=shaky, rollout=rollout(failed=1), results=FAILED)
        assert what_to_ask(halted)
        assert decide(halted).rollout.phase is Phase.FAILED
        assert decide(situation(seen=shaky)).rollout.weight == 10


class TestReadiness:
    def test_unready_canary_pods_halt_and_are_told_once(self) -> None:
        first, second = run(situation(seen=seen(target=workload(ready=1))), 2)
        assert texts(first) == [
            "Halt advancement frontend.test waiting for rollout to finish: 1 of 2 updated replicas are available"
        ]
        assert second.lines == ()
        assert second.rollout.failed == 0

    def test_the_progress_deadline_rolls_back(self) -> None:
        late = rollout(waiting_since=NOW - timedelta(seconds=601))
        decision = decide(situation(rollout=late, seen=seen(target=workload(ready=0))))
        reason = "progress deadline exceeded deployment does not have minimum availability for more than 600s"
        assert texts(decision) == [f"Rolling back frontend.test {reason}"]

    def test_skip_analysis_does_not_promote_pods_that_are_not_ready(self) -> None:
        skipping = canary(skip_analysis=True)
        assert (
            decide(situation(canary=skipping, seen=seen(target=workload(ready=1)))).rollout.phase is Phase.PROGRESSING
        )
        assert decide(situation(canary=skipping)).rollout.phase is Phase.PROMOTING

    def test_traffic_leaves_a_canary_without_a_ready_pod(self) -> None:
        decision = decide(situation(seen=seen(target=workload(ready=0))))
        assert (decision.rollout.weight, decision.rollout.phase) == (0, Phase.PROGRESSING)

    def test_what_stands_in_the_way_holds_the_run(self) -> None:
        missing = seen(problems=("ConfigMap frontend does not exist: create it",), revision=None)
        decision = decide(situation(seen=missing, results=()))
        assert (texts(decision), decision.rollout.weight) == (["ConfigMap frontend does not exist: create it"], 10)

    def test_who_rests_does_not_keep_asking_for_what_is_missing(self) -> None:
        missing = seen(problems=("deployment frontend.test not found",), target=None, revision=None)
        decision = decide(situation(rollout=resting(), seen=missing, results=()))
        assert (texts(decision), decision.rollout.active) == (["deployment frontend.test not found"], False)

    def test_a_deleted_target_sends_traffic_home(self) -> None:
        decision = decide(situation(seen=seen(target=None, revision=None)))
        assert (decision.rollout.weight, decision.rollout.phase) == (0, Phase.FAILED)


class TestRestart:
    def test_a_newer_revision_starts_the_run_over(self) -> None:
        decision = decide(situation(seen=seen(revision=NEWER), rollout=rollout(weight=40, step=3, failed=1)))
        assert texts(decision) == ["New revision detected! Restarting analysis for frontend.test"]
        after = decision.rollout
        assert (after.weight, after.step, after.failed, after.runs, after.applied) == (0, -1, 0, 2, NEWER)

    def test_a_config_change_alone_recycles_the_pods(self) -> None:
        changed_config = replace(NEW, configs={"configmap/frontend": "v1-c9"})
        first = decide(situation(seen=seen(revision=changed_config)))
        assert (first.rollout.replicas, first.rollout.weight) == (0, 0)
        emptied = replace(workload(replicas=0), current=0)
        second = decide(situation(seen=seen(revision=changed_config, target=emptied), rollout=first.rollout))
        assert second.rollout.replicas == 2

    def test_going_back_to_the_promoted_revision_ends_the_run(self) -> None:
        decision = decide(situation(seen=seen(revision=OLD)))
        assert texts(decision) == ["Revision withdrawn! frontend.test is back at the promoted one"]
        assert (decision.rollout.phase, decision.rollout.weight) == (Phase.INITIALIZED, 0)


class TestRepair:
    def test_a_cluster_that_is_not_as_committed_is_repaired_and_nothing_advances(self) -> None:
        edited = situation(seen=seen(drift=("VirtualService frontend",)))
        assert not what_to_ask(edited)
        decision = decide(edited)
        assert texts(decision) == ["VirtualService frontend.test is not as committed: restoring it"]
        assert (decision.rollout.weight, decision.rollout.step_at) == (10, NOW + timedelta(seconds=10))

    @pytest.mark.parametrize("phase", [Phase.PROGRESSING, Phase.PROMOTING, Phase.FINALISING, Phase.FAILED])
    def test_in_every_phase(self, phase: Phase) -> None:
        decision = decide(situation(rollout=rollout(phase=phase), seen=seen(drift=("VirtualService frontend",))))
        assert (decision.rollout.phase, decision.rollout.weight) == (phase, 10)


PENDING = "HTTPRoute frontend.test is not accepted by Gateway public yet"


class TestPendingRouter:
    """A router that is written and not in force yet."""

    def test_nobody_is_asked_and_no_step_is_made_and_it_is_said_once(self) -> None:
        waiting = situation(seen=seen(pending=PENDING))
        assert not what_to_ask(waiting)
        first, second = run(replace(waiting, results=()), 2)
        assert texts(first) == [f"Halt frontend.test advancement {PENDING}"]
        assert texts(second) == []
        after = second.rollout
        assert (after.weight, after.failed, after.step_at) == (10, 0, NOW + timedelta(seconds=20))

    def test_however_long_it_takes_the_release_does_not_fail(self) -> None:
        last = run(situation(seen=seen(pending=PENDING), results=()), 500)[-1].rollout
        assert (last.phase, last.weight, last.failed) == (Phase.PROGRESSING, 10, 0)

    def test_a_canary_without_pods_loses_its_traffic_all_the_same(self) -> None:
        down = seen(pending=PENDING, target=workload(ready=0))
        assert decide(situation(seen=down)).rollout.weight == 0

    @pytest.mark.parametrize(
        "before",
        [
            rollout(phase=Phase.FINALISING, weight=0),
            rollout(phase=Phase.FAILED, weight=0),
            rollout(phase=Phase.INITIALIZED, weight=0),
            rollout(phase=Phase.INITIALIZING, weight=0, applied=OLD, promoted=OLD),
        ],
    )
    def test_the_target_is_not_scaled_down_before_the_traffic_is_gone(self, before: Rollout) -> None:
        waiting = situation(rollout=before, seen=seen(pending=PENDING, revision=before.applied), results=())
        held = decide(waiting)
        assert (held.rollout.phase, held.rollout.replicas) == (before.phase, 2)
        assert texts(held)[0].startswith("Halt ")
        assert texts(held)[0].endswith(PENDING)
        free = decide(replace(waiting, rollout=held.rollout, seen=replace(waiting.seen, pending="")))
        assert (free.rollout.replicas, free.rollout.halt) == (0, "")


class TestPromotion:
    def test_the_primary_is_believed_only_when_it_carries_the_revision(self) -> None:
        waiting = decide(situation(rollout=rollout(phase=Phase.PROMOTING, weight=50), seen=seen(carried="")))
        assert waiting.rollout.promoted == OLD
        done = decide(
            situation(rollout=rollout(phase=Phase.PROMOTING, weight=50), seen=seen(carried=revision_mark(NEW)))
        )
        assert done.rollout.promoted == NEW

    def test_a_revision_that_nobody_analysed_is_not_copied(self) -> None:
        decision = decide(situation(rollout=rollout(phase=Phase.PROMOTING, weight=50), seen=seen(revision=NEWER)))
        assert decision.rollout.phase is Phase.PROGRESSING
        assert (decision.rollout.weight, decision.rollout.applied) == (0, NEWER)

    def test_a_primary_that_cannot_be_written_ends_the_run(self) -> None:
        late = rollout(phase=Phase.PROMOTING, weight=50, waiting_since=NOW - timedelta(seconds=601))
        decision = decide(situation(rollout=late))
        assert (decision.rollout.phase, decision.rollout.weight, decision.rollout.promoted) == (Phase.FAILED, 0, OLD)

    def test_traffic_comes_home_at_once_or_in_steps(self) -> None:
        promoted = rollout(phase=Phase.PROMOTING, weight=50, promoted=NEW)
        assert decide(situation(rollout=promoted)).rollout.weight == 0
        stepwise = run(situation(canary=canary(step_weight_promotion=20), rollout=promoted), 3)
        assert [d.rollout.weight for d in stepwise] == [30, 10, 0]
        assert stepwise[-1].rollout.phase is Phase.FINALISING

    def test_the_target_is_scaled_down_last(self) -> None:
        decision = decide(situation(rollout=rollout(phase=Phase.FINALISING, weight=0, promoted=NEW)))
        assert texts(decision) == ["Promotion completed! Scaling down frontend.test"]
        assert (decision.rollout.phase, decision.rollout.replicas) == (Phase.SUCCEEDED, 0)

    def test_a_primary_that_never_gets_ready_leaves_all_traffic_on_the_analysed_canary(self) -> None:
        stuck = rollout(phase=Phase.PROMOTING, weight=50, promoted=NEW, waiting_since=NOW - timedelta(seconds=601))
        decision = decide(situation(rollout=stuck, seen=seen(primary=workload("frontend-primary", ready=1))))
        assert (decision.rollout.phase, decision.rollout.weight) == (Phase.FAILED, 100)


class TestCommands:
    @pytest.mark.parametrize(
        "waiting",
        [
            situation(),
            situation(results=(), seen=seen(target=workload(ready=0))),
            situation(rollout=rollout(phase=Phase.PROMOTING, weight=50)),
            situation(canary=canary(suspend=True)),
            situation(rollout=rollout(paused=True)),
            situation(rollout=rollout(blind=True, unknown=10)),
            situation(seen=seen(drift=("VirtualService frontend",))),
            situation(seen=seen(problems=("ConfigMap frontend does not exist",))),
        ],
    )
    def test_abort_works_whatever_else_is_going_on(self, waiting: Situation) -> None:
        asked = replace(waiting.rollout, commands=(command(Verb.ABORT, reason="smells"),))
        decision = decide(replace(waiting, rollout=asked))
        assert texts(decision) == ["Rolling back frontend.test aborted by stefan: smells"]
        assert (decision.rollout.phase, decision.rollout.weight, decision.rollout.commands) == (Phase.FAILED, 0, ())

    def test_abort_after_the_primary_took_over_sends_everything_to_it(self) -> None:
        late = rollout(phase=Phase.PROMOTING, weight=50, promoted=NEW, commands=(command(Verb.ABORT),))
        decision = decide(situation(rollout=late))
        assert (decision.rollout.phase, decision.rollout.weight) == (Phase.FINALISING, 0)

    def test_abort_wins_over_a_command_that_came_before_it(self) -> None:
        both = rollout(commands=(command(Verb.PROMOTE), command(Verb.ABORT)))
        assert decide(situation(rollout=both)).rollout.phase is Phase.FAILED

    def test_abort_twice_is_abort_once(self) -> None:
        again = resting(phase=Phase.FAILED, applied=NEW, commands=(command(Verb.ABORT),))
        decision = decide(situation(rollout=again))
        assert texts(decision) == ["stefan asked to abort, but there is nothing to abort in phase Failed"]
        assert decision.rollout.phase is Phase.FAILED

    def test_retry_runs_a_failed_revision_again(self) -> None:
        asked = resting(phase=Phase.FAILED, applied=NEW, commands=(command(Verb.RETRY),))
        decision = decide(situation(rollout=asked))
        assert (decision.rollout.phase, decision.rollout.runs) == (Phase.PROGRESSING, 2)

    def test_promote_skips_the_analysis_but_not_the_readiness(self) -> None:
        asked = decide(situation(rollout=rollout(commands=(command(Verb.PROMOTE),)))).rollout
        unready = decide(situation(rollout=asked, seen=seen(target=workload(ready=1))))
        ready = decide(situation(rollout=asked))
        assert (unready.rollout.phase, ready.rollout.phase) == (Phase.PROGRESSING, Phase.PROMOTING)


class TestInitialization:
    BEGIN = Rollout(version=1, due_at=NOW)

    def test_the_first_look_fixes_the_revision_that_the_primary_is_made_of(self) -> None:
        decision = decide(
            situation(rollout=self.BEGIN, seen=seen(primary=None, drift=("Deployment frontend-primary",)))
        )
        assert (decision.rollout.applied, decision.rollout.promoted) == (NEW, NEW)

    def test_the_target_goes_to_zero_only_when_all_is_in_place(self) -> None:
        drifting = decide(situation(rollout=self.BEGIN, seen=seen(drift=("VirtualService frontend",))))
        done = decide(situation(rollout=self.BEGIN, seen=seen()))
        assert (drifting.rollout.phase, drifting.rollout.replicas) == (Phase.INITIALIZING, None)
        assert (done.rollout.phase, done.rollout.replicas) == (Phase.INITIALIZED, 0)
        assert texts(done) == ["Initialization done! frontend.test"]

    def test_a_primary_that_never_gets_ready_is_told_of_and_the_target_goes_on_serving(self) -> None:
        unready = seen(primary=workload("frontend-primary", ready=0))
        late = replace(self.BEGIN, applied=NEW, promoted=NEW, waiting_since=NOW - timedelta(seconds=601))
        decision = decide(situation(rollout=late, seen=unready))
        reason = "progress deadline exceeded, frontend.test goes on serving"
        assert texts(decision) == [f"Halt advancement frontend-primary.test {reason}"]
        assert (decision.rollout.phase, decision.rollout.replicas) == (Phase.INITIALIZING, None)

    def test_what_stands_in_the_way_is_told_once(self) -> None:
        first, second = run(situation(rollout=self.BEGIN, seen=seen(problems=("HPA frontend not found",))), 2)
        assert [line.severity for line in first.lines] == [Severity.WARNING]
        assert second.lines == ()
