"""Hooks and gates: when each is asked, what its answer does in each phase, and which approval opens what."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from shared.canary.model import HookType
from shared.checks.verdict import Verdict
from shared.engine import Situation, decide, what_to_ask
from shared.revision import revision_mark
from shared.rollout import Phase, Verb, shown_phase, with_hint
from tests.support.hooks import answers, asked_by, hook, hooked
from tests.support.samples import (
    NEW,
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
    from collections.abc import Mapping

    from shared.engine import Decision
    from shared.rollout import Rollout

GATE = "confirm-promotion/sign-off"
CONFIRMS = (HookType.CONFIRM_ROLLOUT, HookType.CONFIRM_TRAFFIC_INCREASE, HookType.CONFIRM_PROMOTION)
UNREADY = workload(ready=0)

RUN = {
    "at the start": rollout(weight=0, step=-1, replicas=0),
    "before the first step": rollout(weight=0, step=-1),
    "at a step": rollout(),
    "at the last step": rollout(weight=50, step=4),
    "blind": rollout(weight=0, step=-1, blind=True),
    "paused": rollout(paused=True),
    "copying": rollout(phase=Phase.PROMOTING, weight=50),
    "on the way home": rollout(phase=Phase.PROMOTING, weight=50, promoted=NEW),
}
"""The places of a run."""


def tick(moment: Situation, says: Mapping[str, Verdict] | None = None) -> Decision:
    """Ask whom this tick has to ask, and decide. Who is not in ``says`` passes."""
    return decide(replace(moment, results=answers(what_to_ask(moment), says or {})))


def after(moment: Situation, decision: Decision, **changes: Any) -> Situation:
    """The next tick's situation: when the rollout is due, in a cluster that shows what was committed."""
    due = max(decision.rollout.due_at, moment.now)
    return replace(moment, rollout=replace(decision.rollout, **changes), now=due, results=())


def texts(decision: Decision) -> list[str]:
    return [line.text for line in decision.lines]


class TestWhoIsAskedWhen:
    """Every type of hook, at every place of a run."""

    EVERY = hooked(*HookType)

    @pytest.mark.parametrize(
        ("place", "expected"),
        [
            ("at the start", {"rollback", "confirm-rollout"}),
            ("before the first step", {"rollback", "pre-rollout", "confirm-traffic-increase"}),
            ("at a step", {"rollback", "rollout", "metrics", "confirm-traffic-increase"}),
            ("at the last step", {"rollback", "rollout", "metrics", "confirm-traffic-increase", "confirm-promotion"}),
            ("blind", {"rollback", "rollout", "metrics"}),
            ("paused", {"rollback"}),
            ("copying", {"rollback"}),
            ("on the way home", {"rollback"}),
        ],
    )
    def test_at_each_place_of_a_run(self, place: str, expected: set[str]) -> None:
        assert asked_by(situation(canary=self.EVERY, rollout=RUN[place])) == expected

    @pytest.mark.parametrize("phase", [Phase.SUCCEEDED, Phase.FAILED])
    def test_after_a_run(self, phase: Phase) -> None:
        over = resting(phase=phase, applied=NEW, replicas=2, ended=True)
        assert asked_by(situation(canary=self.EVERY, rollout=over)) == {"post-rollout"}
        assert asked_by(situation(canary=self.EVERY, rollout=replace(over, ended=False))) == set()

    @pytest.mark.parametrize("place", RUN)
    def test_before_its_time_nobody_is_asked_twice_because_of_a_hint(self, place: str) -> None:
        later = NOW + timedelta(seconds=5)
        asked = replace(RUN[place], step_at=later, ask_at=later, due_at=later)
        assert asked_by(situation(canary=self.EVERY, rollout=with_hint(asked, NOW))) == set()

    @pytest.mark.parametrize("place", RUN)
    def test_an_abort_waits_for_nobody(self, place: str) -> None:
        aborted = replace(RUN[place], commands=(command(Verb.ABORT),))
        moment = situation(canary=self.EVERY, rollout=aborted, results=())
        assert asked_by(moment) == set()
        assert decide(moment).rollout.weight == 0

    @pytest.mark.parametrize("place", RUN)
    def test_a_suspended_canary_asks_nobody(self, place: str) -> None:
        assert asked_by(situation(canary=replace(self.EVERY, suspend=True), rollout=RUN[place])) == set()

    def test_while_pods_are_not_ready_only_the_rollback_hook_is_asked(self) -> None:
        assert asked_by(situation(canary=self.EVERY, seen=seen(target=UNREADY))) == {"rollback"}

    def test_gates_are_not_asked_while_the_primary_could_not_follow(self) -> None:
        waiting = seen(primary=workload("frontend-primary", ready=1))
        assert asked_by(situation(canary=self.EVERY, seen=waiting)) == {"rollback", "rollout", "metrics"}

    def test_skip_analysis_skips_all_but_the_approval_to_start(self) -> None:
        skipping = replace(self.EVERY, skip_analysis=True)
        assert asked_by(situation(canary=skipping, rollout=RUN["at the start"])) == {"rollback", "confirm-rollout"}
        assert asked_by(situation(canary=skipping)) == {"rollback"}

    def test_hooks_are_told_what_the_rollout_knows(self) -> None:
        waiting = rollout(weight=50, step=4, failed=1, runs=7, gate=GATE)
        facts = what_to_ask(situation(canary=self.EVERY, rollout=waiting)).facts
        assert (facts.phase, facts.checksum, facts.build) == ("WaitingPromotion", revision_mark(NEW), "000007")
        assert (facts.failed_checks, facts.weight, facts.remaining) == (1, 50, 10.0)


GATED = [
    (HookType.CONFIRM_ROLLOUT, "at the start"),
    (HookType.CONFIRM_TRAFFIC_INCREASE, "before the first step"),
    (HookType.CONFIRM_TRAFFIC_INCREASE, "at a step"),
    (HookType.CONFIRM_TRAFFIC_INCREASE, "at the last step"),
    (HookType.CONFIRM_PROMOTION, "at the last step"),
]


def moved(before: Rollout, now: Rollout) -> bool:
    return (before.weight, before.step, before.phase, bool(before.replicas)) != (
        now.weight,
        now.step,
        now.phase,
        bool(now.replicas),
    )


@pytest.mark.parametrize(("kind", "place"), GATED)
class TestAGate:
    def closed(self, kind: HookType, place: str) -> Situation:
        emptied = replace(workload(replicas=0), current=0)
        view = seen(target=emptied) if place == "at the start" else seen()
        return situation(canary=hooked(kind), rollout=RUN[place], seen=view)

    @pytest.mark.parametrize("verdict", [Verdict.WAIT, Verdict.UNKNOWN])
    def test_that_does_not_open_holds_says_so_once_and_never_counts(
        self, kind: HookType, place: str, verdict: Verdict
    ) -> None:
        moment = self.closed(kind, place)
        said: list[str] = []
        for _ in range(500):  # an interval apart: for more than an hour, and beyond the progress deadline
            decision = tick(moment, {kind: verdict})
            said += texts(decision)
            assert not moved(RUN[place], decision.rollout)
            assert (decision.rollout.failed, decision.rollout.unknown, decision.rollout.blind) == (0, 0, False)
            assert decision.rollout.due_at == decision.rollout.step_at == moment.now + timedelta(seconds=10)
            assert decision.rollout.gate.startswith(f"{kind}/{kind}")
            moment = after(moment, decision)
        assert len(said) == 1

    def test_opens_on_its_hooks_yes(self, kind: HookType, place: str) -> None:
        decision = tick(self.closed(kind, place))
        assert moved(RUN[place], decision.rollout)
        assert f"{kind.capitalize()} check {kind} passed" in texts(decision)
        assert decision.rollout.gate == ""

    def test_opens_on_a_persons_word_whatever_the_hook_says(self, kind: HookType, place: str) -> None:
        moment = self.closed(kind, place)
        moment = after(moment, tick(moment, {kind: Verdict.UNKNOWN}), commands=(command(Verb.APPROVE),))
        moment = after(moment, tick(moment))
        assert kind not in asked_by(moment)
        assert moved(RUN[place], tick(moment, {kind: Verdict.WAIT}).rollout)

    def test_opens_on_nothing_else_than_a_yes_that_was_heard(self, kind: HookType, place: str) -> None:
        moment = replace(self.closed(kind, place), results=(result(Verdict.PASS),))
        assert not moved(RUN[place], decide(moment).rollout)

    def test_may_end_the_run(self, kind: HookType, place: str) -> None:
        decision = tick(self.closed(kind, place), {kind: Verdict.ABORT})
        assert (decision.rollout.phase, decision.rollout.weight) == (Phase.FAILED, 0)
        assert texts(decision) == [f"Rolling back frontend.test {kind} says abort"]

    def test_is_closed_again_for_a_new_revision(self, kind: HookType, place: str) -> None:
        moment = self.closed(kind, place)
        moment = after(moment, tick(moment, {kind: Verdict.WAIT}), commands=(command(Verb.APPROVE),))
        approved = tick(moment).rollout
        newer = replace(moment, rollout=approved, seen=replace(moment.seen, revision=NEWER), results=())
        begun = decide(newer).rollout
        assert (begun.opened, begun.gate, begun.applied) == ((), "", NEWER)

    def test_does_not_hold_a_person_who_asks_for_promotion(self, kind: HookType, place: str) -> None:
        moment = self.closed(kind, place)
        moment = after(moment, tick(moment, {kind: Verdict.WAIT}), commands=(command(Verb.PROMOTE),))
        moment = after(moment, tick(moment))
        assert asked_by(moment) == set()
        assert moved(RUN[place], decide(moment).rollout)


class TestTheStart:
    def test_no_pod_of_a_new_revision_runs_before_it_is_approved(self) -> None:
        app = hooked(HookType.CONFIRM_ROLLOUT)
        moment = situation(canary=app, rollout=resting(), seen=seen(target=workload(replicas=0)))
        moment = after(moment, begun := tick(moment))
        assert texts(begun) == ["New revision detected! Asking for approval of frontend.test"]
        assert (begun.rollout.phase, begun.rollout.replicas) == (Phase.PROGRESSING, 0)
        moment = after(moment, waiting := tick(moment, {"confirm-rollout": Verdict.WAIT}))
        assert (shown_phase(waiting.rollout), waiting.rollout.replicas) == ("Waiting", 0)
        opened = tick(moment)
        assert (opened.rollout.replicas, shown_phase(opened.rollout)) == (2, "Progressing")
        assert texts(opened) == ["Confirm-rollout check confirm-rollout passed", "Scaling up frontend.test"]

    def test_a_revision_in_the_middle_of_a_run_needs_an_approval_of_its_own(self) -> None:
        moment = situation(canary=hooked(HookType.CONFIRM_ROLLOUT), seen=seen(revision=NEWER))
        restarted = decide(replace(moment, results=()))
        assert (restarted.rollout.weight, restarted.rollout.replicas) == (0, 0)
        assert asked_by(after(moment, restarted)) == {"confirm-rollout"}

    def test_an_open_gate_is_not_asked_again_while_old_pods_leave(self) -> None:
        busy = situation(canary=hooked(HookType.CONFIRM_ROLLOUT), rollout=RUN["at the start"])
        opened = tick(busy)
        assert opened.rollout.replicas == 0
        assert asked_by(after(busy, opened)) == set()

    def test_is_held_while_paused_and_asks_nobody(self) -> None:
        paused = replace(RUN["at the start"], paused=True)
        moment = situation(canary=hooked(HookType.CONFIRM_ROLLOUT), rollout=paused)
        assert asked_by(moment) == set()
        assert decide(replace(moment, results=())).rollout.replicas == 0


class TestPreRollout:
    BEFORE = situation(canary=hooked(HookType.PRE_ROLLOUT), rollout=RUN["before the first step"])

    def test_a_failure_is_a_failed_check(self) -> None:
        decision = tick(self.BEFORE, {"pre-rollout": Verdict.FAIL})
        assert (decision.rollout.failed, decision.rollout.weight) == (1, 0)
        assert texts(decision) == ["pre-rollout says fail"]

    def test_the_threshold_rolls_back(self) -> None:
        moment = replace(self.BEFORE, rollout=replace(self.BEFORE.rollout, failed=1))
        assert tick(moment, {"pre-rollout": Verdict.FAIL}).rollout.phase is Phase.FAILED

    def test_no_answer_holds_for_ever_and_there_is_no_traffic_to_send_home(self) -> None:
        moment = self.BEFORE
        for _ in range(30):
            decision = tick(moment, {"pre-rollout": Verdict.UNKNOWN})
            moment = after(moment, decision)
        assert (decision.rollout.failed, decision.rollout.blind, decision.rollout.step) == (0, False, -1)

    def test_asking_for_time_holds_and_counts_for_nothing(self) -> None:
        decision = tick(self.BEFORE, {"pre-rollout": Verdict.WAIT})
        assert (decision.rollout.failed, decision.rollout.unknown, decision.rollout.step) == (0, 0, -1)

    def test_what_passed_is_not_run_again_at_a_closed_gate(self) -> None:
        app = hooked(HookType.PRE_ROLLOUT, HookType.CONFIRM_TRAFFIC_INCREASE)
        moment = replace(self.BEFORE, canary=app)
        held = tick(moment, {"confirm-traffic-increase": Verdict.WAIT})
        assert held.rollout.gate == "confirm-traffic-increase/confirm-traffic-increase/10"
        assert asked_by(after(moment, held)) == {"confirm-traffic-increase"}

    def test_what_passed_is_not_run_again_while_the_primary_gets_ready(self) -> None:
        moment = replace(self.BEFORE, seen=seen(primary=workload("frontend-primary", ready=1)))
        held = tick(moment)
        assert asked_by(after(moment, held)) == set()
        assert held.rollout.step == -1


class TestWaiting:
    @pytest.mark.parametrize("kind", [HookType.ROLLOUT, HookType.CONFIRM_PROMOTION])
    def test_however_long_is_not_taken_for_pods_that_do_not_get_ready(self, kind: HookType) -> None:
        slow_start = replace(RUN["at the last step"], waiting_since=NOW - timedelta(seconds=300))
        moment = situation(canary=hooked(kind), rollout=slow_start)
        moment = after(moment, tick(moment, {kind: Verdict.WAIT}))
        restarted = seen(target=workload(ready=1))
        late = replace(moment, seen=restarted, now=NOW + timedelta(hours=1), results=())
        assert decide(late).rollout.phase is Phase.PROGRESSING

    def test_for_the_primary_asks_the_checks_once_an_interval(self) -> None:
        moment = situation(canary=hooked(HookType.ROLLOUT), seen=seen(primary=workload("frontend-primary", ready=1)))
        moment = after(moment, held := tick(moment))
        assert held.rollout.due_at == held.rollout.step_at == NOW + timedelta(seconds=10)
        assert asked_by(replace(moment, now=NOW + timedelta(seconds=5))) == set()


class TestTrafficIncrease:
    def test_an_approval_is_for_one_increase(self) -> None:
        moment = situation(canary=hooked(HookType.CONFIRM_TRAFFIC_INCREASE))
        moment = after(moment, tick(moment, {"confirm-traffic-increase": Verdict.WAIT}))
        moment = replace(moment, rollout=replace(moment.rollout, commands=(command(Verb.APPROVE),)))
        moment = after(moment, tick(moment))
        moment = after(moment, raised := tick(moment))
        assert raised.rollout.weight == 20
        assert asked_by(moment) == {"confirm-traffic-increase", "metrics"}
        assert tick(moment, {"confirm-traffic-increase": Verdict.WAIT}).rollout.weight == 20

    def test_checks_go_on_at_a_closed_gate_and_can_still_end_the_run(self) -> None:
        moment = situation(canary=hooked(HookType.CONFIRM_PROMOTION), rollout=RUN["at the last step"])
        moment = after(moment, tick(moment, {"confirm-promotion": Verdict.WAIT}))
        moment = after(moment, first := tick(moment, {"metrics": Verdict.FAIL}))
        second = tick(moment, {"metrics": Verdict.FAIL})
        assert (first.rollout.failed, first.rollout.phase) == (1, Phase.PROGRESSING)
        assert second.rollout.phase is Phase.FAILED


class TestRollback:
    @pytest.mark.parametrize("place", RUN)
    @pytest.mark.parametrize(
        "view",
        [
            seen(),
            seen(target=UNREADY),
            seen(primary=workload("frontend-primary", ready=0)),
            seen(drift=("VirtualService frontend",)),
            seen(problems=("ConfigMap frontend does not exist",)),
            seen(revision=None),
        ],
    )
    def test_a_yes_ends_the_run_in_every_phase_whatever_else_is_going_on(self, place: str, view: object) -> None:
        moment = situation(canary=hooked(*HookType), rollout=RUN[place], seen=view)
        decision = tick(moment, {"rollback": Verdict.ABORT})
        over = Phase.FINALISING if place == "on the way home" else Phase.FAILED
        assert (decision.rollout.phase, decision.rollout.weight) == (over, 0)

    @pytest.mark.parametrize("gate", [GATE, "confirm-rollout/start", "confirm-traffic-increase/go/20"])
    def test_a_yes_ends_the_run_at_a_closed_gate(self, gate: str) -> None:
        moment = situation(canary=hooked(*HookType), rollout=replace(RUN["at the start"], gate=gate))
        decision = tick(moment, {"rollback": Verdict.ABORT})
        assert (decision.rollout.phase, decision.rollout.gate) == (Phase.FAILED, "")

    def test_no_answer_is_no_rollback_and_is_said_once(self) -> None:
        moment = situation(canary=hooked(HookType.ROLLBACK))
        said = []
        for _ in range(4):
            decision = tick(moment, {"rollback": Verdict.UNKNOWN})
            said += [text for text in texts(decision) if "rollback" in text]
            moment = after(moment, decision)
        assert said == ["rollback says unknown: frontend.test goes on without it"]
        assert (decision.rollout.weight, decision.rollout.unknown) == (50, 0)

    def test_it_is_asked_once_an_interval_and_at_once_in_a_new_phase(self) -> None:
        moment = situation(canary=hooked(HookType.ROLLBACK), seen=seen(target=UNREADY))
        held = tick(moment)
        soon = replace(moment, rollout=held.rollout, now=NOW + timedelta(seconds=5), results=())
        assert asked_by(soon) == set()
        assert asked_by(replace(soon, now=NOW + timedelta(seconds=10))) == {"rollback"}
        promoting = tick(situation(canary=hooked(HookType.ROLLBACK), rollout=RUN["at the last step"]))
        assert promoting.rollout.phase is Phase.PROMOTING
        assert asked_by(after(moment, promoting)) == {"rollback"}


class TestPostRollout:
    @pytest.mark.parametrize("phase", [Phase.SUCCEEDED, Phase.FAILED])
    @pytest.mark.parametrize("verdict", [Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN])
    def test_is_told_once_and_changes_nothing(self, phase: Phase, verdict: Verdict) -> None:
        over = resting(phase=phase, applied=NEW, replicas=2, ended=True)
        moment = situation(canary=hooked(HookType.POST_ROLLOUT), rollout=over, seen=seen(revision=NEW))
        told = tick(moment, {"post-rollout": verdict})
        silent = decide(replace(moment, rollout=replace(over, ended=False), results=()))
        assert told.rollout == replace(silent.rollout, sequence=told.rollout.sequence, outbox=told.rollout.outbox)
        expected = (
            "Post-rollout hook post-rollout passed" if verdict is Verdict.PASS else f"post-rollout says {verdict}"
        )
        assert expected in texts(told)
        assert asked_by(after(moment, told)) == set()

    def test_every_end_of_a_run_is_told(self) -> None:
        app = hooked(HookType.POST_ROLLOUT)
        finalised = decide(situation(canary=app, rollout=rollout(phase=Phase.FINALISING, promoted=NEW), results=()))
        aborted = decide(situation(canary=app, rollout=rollout(commands=(command(Verb.ABORT),)), results=()))
        stuck = rollout(phase=Phase.PROMOTING, weight=50, promoted=NEW, waiting_since=NOW - timedelta(seconds=601))
        primary = seen(primary=workload("frontend-primary", ready=1))
        failed = decide(situation(canary=app, rollout=stuck, seen=primary, results=()))
        for over in (finalised.rollout, aborted.rollout, failed.rollout):
            assert over.phase in (Phase.SUCCEEDED, Phase.FAILED)
            assert over.active
            assert asked_by(situation(canary=app, rollout=over, now=over.due_at)) == {"post-rollout"}

    def test_a_command_does_not_swallow_it(self) -> None:
        over = resting(phase=Phase.FAILED, applied=NEW, ended=True, commands=(command(Verb.RETRY),))
        moment = situation(canary=hooked(HookType.POST_ROLLOUT), rollout=over)
        assert asked_by(moment) == {"post-rollout"}
        assert tick(moment).rollout.phase is Phase.PROGRESSING


class TestApproval:
    @pytest.mark.parametrize("gate", ["", GATE])
    @pytest.mark.parametrize("revision", ["", revision_mark(NEW)])
    def test_opens_the_gate_that_waits(self, revision: str, gate: str) -> None:
        asked = command(Verb.APPROVE, reason="looks good", revision=revision, gate=gate)
        decision = decide(situation(rollout=rollout(gate=GATE, halt="Halt at the gate", commands=(asked,))))
        assert texts(decision) == [f"Gate {GATE} approved by stefan: looks good"]
        assert (decision.rollout.opened, decision.rollout.gate, decision.rollout.halt) == ((GATE,), "", "")

    def test_needs_no_reason(self) -> None:
        decision = decide(situation(rollout=rollout(gate=GATE, commands=(command(Verb.APPROVE),))))
        assert texts(decision) == [f"Gate {GATE} approved by stefan"]

    @pytest.mark.parametrize("other", [{"revision": revision_mark(OLD)}, {"gate": "confirm-rollout/sign-off"}])
    def test_of_another_revision_or_another_gate_opens_nothing(self, other: dict[str, str]) -> None:
        decision = decide(situation(rollout=rollout(gate=GATE, commands=(command(Verb.APPROVE, **other),))))
        assert (decision.rollout.opened, decision.rollout.gate) == ((), GATE)
        assert len(decision.lines) == 1

    @pytest.mark.parametrize("phase", Phase)
    def test_without_a_closed_gate_does_nothing(self, phase: Phase) -> None:
        decision = decide(situation(rollout=rollout(phase=phase, commands=(command(Verb.APPROVE),))))
        assert decision.rollout.opened == ()

    def test_of_one_gate_leaves_the_next_one_closed(self) -> None:
        both = canary(hooks=tuple(hook(HookType.CONFIRM_PROMOTION, name) for name in ("qa", "security")))
        moment = situation(canary=both, rollout=replace(RUN["at the last step"], opened=("confirm-promotion/qa",)))
        held = tick(moment, {"qa": Verdict.WAIT, "security": Verdict.WAIT})
        assert held.rollout.gate == "confirm-promotion/security"
