"""What holds for hooks and gates whatever they answer, whoever commands, and whichever the strategy: random walks in
which every question is answered at random.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.canary.model import HookType
from shared.checks.verdict import Verdict
from shared.engine import Situation, decide, what_to_ask
from shared.observed import Look, Observed
from shared.plan import make_plan
from shared.revision import revision_mark
from shared.rollout import Phase, Verb, with_hint
from tests.support.hooks import answers, hooked
from tests.support.samples import NEW, NEWER, NOW, OLD, command, resting, rollout, workload

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from shared.rollout import Rollout

    Move = tuple[Observed, Mapping[str, Verdict], tuple[Verb, ...], int, bool]

RUNNING = (Phase.PROGRESSING, Phase.PROMOTING)
COUNTED = (HookType.PRE_ROLLOUT, HookType.ROLLOUT, "metric")
CANARIES = (
    hooked(*HookType),
    hooked(*HookType, step_weight=0, step_weights=(10, 100)),
    hooked(*HookType, iterations=2, step_weight=0),
    hooked(*HookType, iterations=2, step_weight=0, match=({"headers": {"x-user": {"exact": "me"}}},)),
    hooked(*HookType, skip_analysis=True),
    hooked(*HookType, max_unknown=1, threshold=50),
)
sides = st.builds(workload, replicas=st.integers(0, 2), ready=st.none() | st.integers(0, 2)) | st.builds(workload)
views = st.builds(
    Observed,
    look=st.just(Look.ALL),
    target=sides,
    primary=sides,
    revision=st.sampled_from([NEW, NEW, NEW, NEWER, OLD]),
    carried=st.sampled_from(["", revision_mark(NEW)]),
    drift=st.sampled_from([(), (), (), ("VirtualService frontend",)]),
    problems=st.just(()),
)
sayings = st.dictionaries(st.sampled_from([*map(str, HookType), "metrics"]), st.sampled_from(Verdict))
commands = st.sampled_from([(), (), (), *((verb,) for verb in Verb)])
moves = st.tuples(views, sayings, commands, st.sampled_from([1, 5, 10, 10, 700]), st.booleans())
starts = st.sampled_from(
    [
        rollout(weight=0, step=-1, replicas=0),
        rollout(weight=0, step=-1),
        rollout(),
        rollout(weight=50, step=4),
        resting(),
    ]
)


def walk(start: Rollout, given: list[Move], which: int) -> list[tuple[Situation, Rollout]]:
    """Decide move after move; the situation, with the answers to what was asked, and what was decided in each."""
    steps, now, standing = [], NOW, start
    for seen, says, asked, seconds, hinted in given:
        now += timedelta(seconds=seconds)
        standing = replace(standing, commands=tuple(command(verb) for verb in asked))
        standing = with_hint(standing, now) if hinted else standing
        situation = Situation(CANARIES[which], standing, seen, now)
        situation = replace(situation, results=answers(what_to_ask(situation), says))
        standing = decide(situation).rollout
        steps.append((situation, standing))
    return steps


walks = st.builds(walk, starts, st.lists(moves, min_size=1, max_size=40), st.sampled_from(range(len(CANARIES))))


def passed(situation: Situation) -> set[str]:
    return {answer.kind for answer in situation.results if answer.verdict is Verdict.PASS}


def nothing_moves_on_past_a_gate_that_neither_a_hook_nor_a_person_opened(
    steps: list[tuple[Situation, Rollout]],
) -> None:
    for situation, after in steps:
        before, canary = situation.rollout, situation.canary
        if before.phase is not Phase.PROGRESSING or after.applied != before.applied:
            continue
        plan, opened = make_plan(canary), {gate.partition("/")[0] for gate in before.opened}
        needed: set[str] = set()
        if before.replicas == 0 and after.replicas and after.phase is Phase.PROGRESSING:
            needed = {HookType.CONFIRM_ROLLOUT}
        elif after.step > before.step:
            needed = {str(kind) for kind in plan.steps[after.step].gates}
            needed |= {HookType.PRE_ROLLOUT} if before.step < 0 else set()
        elif after.phase is Phase.PROMOTING and not canary.skip_analysis:
            needed = {str(kind) for kind in plan.gates}
        assert before.skipped or needed <= passed(situation) | opened


def only_a_check_that_failed_counts_and_gates_never_do(steps: list[tuple[Situation, Rollout]]) -> None:
    for situation, after in steps:
        before, verdicts = situation.rollout, {(one.kind, one.verdict) for one in situation.results}
        if after.failed > before.failed:
            assert any((kind, Verdict.FAIL) in verdicts for kind in COUNTED)
        if after.unknown > before.unknown:
            assert any((kind, Verdict.UNKNOWN) in verdicts for kind in COUNTED)
        if after.gate and after.gate != before.gate:
            held = (after.weight, after.step, after.phase, after.failed, after.unknown)
            assert held == (before.weight, before.step, before.phase, before.failed, 0)
            assert after.waiting_since is None, "no deadline runs at a gate"
            assert after.due_at == after.step_at == situation.now + timedelta(seconds=10) or after.hinted


def a_hook_that_wants_the_run_to_end_ends_it(steps: list[tuple[Situation, Rollout]]) -> None:
    for situation, after in steps:
        if situation.rollout.phase in RUNNING and any(one.verdict is Verdict.ABORT for one in situation.results):
            assert after.phase in (Phase.FAILED, Phase.FINALISING)
            assert (after.weight, after.gate) == (0, "")


def hooks_are_asked_when_they_are_due_and_not_because_of_a_hint(steps: list[tuple[Situation, Rollout]]) -> None:
    rollback_at: dict[tuple[int, Phase], datetime] = {}
    for situation, _ in steps:
        before, questions = situation.rollout, what_to_ask(situation)
        if questions.hooks or questions.gates or questions.metrics:
            assert before.ended or situation.now >= before.step_at
        due = before.phase in RUNNING and not before.commands
        if not due:
            assert not questions.rollback
            continue
        last = rollback_at.get((before.runs, before.phase))
        assert bool(questions.rollback) == (situation.now >= before.ask_at)
        if questions.rollback:
            assert last is None or situation.now - last >= timedelta(seconds=10)
            rollback_at[before.runs, before.phase] = situation.now


def a_new_revision_finds_every_gate_closed_and_an_end_is_told_once(steps: list[tuple[Situation, Rollout]]) -> None:
    for situation, after in steps:
        before, told = situation.rollout, {one.kind for one in situation.results}
        if after.runs > before.runs:
            assert (after.opened, after.gate) == ((), "")
        if HookType.POST_ROLLOUT in told:
            assert before.ended
            assert not after.ended or after.phase is not before.phase
        if HookType.PRE_ROLLOUT in passed(situation) and after.runs == before.runs and after.phase is before.phase:
            assert "pre-rollout/pre-rollout" in after.opened


@settings(max_examples=400, deadline=None)
@given(walks)
def test_on_every_walk(steps: list[tuple[Situation, Rollout]]) -> None:
    nothing_moves_on_past_a_gate_that_neither_a_hook_nor_a_person_opened(steps)
    only_a_check_that_failed_counts_and_gates_never_do(steps)
    a_hook_that_wants_the_run_to_end_ends_it(steps)
    hooks_are_asked_when_they_are_due_and_not_because_of_a_hint(steps)
    a_new_revision_finds_every_gate_closed_and_an_end_is_told_once(steps)
