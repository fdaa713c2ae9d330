"""What a tick has to ask before it decides: which hooks, and whether metrics. Empty for most ticks.

A hook is called when its moment has come, not because somebody looked: a hint brings a tick forward, but not the
questions of the step, and a rollback hook hears one question an interval in each phase.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from shared.canary.model import HookType
from shared.checks.questions import Facts, Questions
from shared.engine import gates
from shared.engine.capacity import find_primary_off
from shared.engine.position import is_switched
from shared.plan import make_plan
from shared.revision import revision_mark
from shared.rollout import RESTING, Phase, shown_phase
from shared.workload import readiness

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shared.canary.model import Canary, Hook
    from shared.engine.decide import Situation
    from shared.engine.gates import Gate
    from shared.rollout import Rollout

RUNNING = frozenset({Phase.PROGRESSING, Phase.PROMOTING})
"""Phases in which a run can still be taken back."""


def what_to_ask(situation: Situation) -> Questions:
    """The questions of this tick; false if there are none. Commands are obeyed first, and need no answers."""
    canary, rollout = situation.canary, situation.rollout
    if canary.deleting or canary.suspend:
        return Questions()
    if rollout.ended and rollout.phase in RESTING:
        return Questions(_facts(canary, rollout), hooks=canary.analysis.hooks_of(HookType.POST_ROLLOUT))
    if rollout.commands or rollout.phase not in RUNNING:
        return Questions()
    rollback = canary.analysis.hooks_of(HookType.ROLLBACK) if situation.now >= rollout.ask_at else ()
    return replace(_of_step(situation), facts=_facts(canary, rollout), rollback=rollback)


def _of_step(situation: Situation) -> Questions:
    """What decides whether the run may go on from where it is.

    An unready primary does not put the checks off: a failing canary is found out and rolled back all the same.
    """
    canary, rollout, seen = situation.canary, situation.rollout, situation.seen
    if rollout.skipped or rollout.paused or not _may_move(situation):
        return Questions()
    if rollout.replicas == 0:
        return Questions(gates=_hooks(gates.before_start(canary, rollout)))
    if canary.skip_analysis or seen.target is None or readiness(seen.target, canary.analysis.canary_ready_threshold):
        return Questions()
    if rollout.blind:
        return Questions(hooks=canary.analysis.hooks_of(HookType.ROLLOUT), metrics=True, blind=True)
    ahead = _hooks(gates.before_next_step(canary, rollout)) if _primary_ready(situation) else ()
    if rollout.step < 0:
        return Questions(hooks=_hooks(gates.before_traffic(canary, rollout)), gates=ahead)
    age = max((situation.now - rollout.step_since).total_seconds(), 0.0)
    return Questions(hooks=canary.analysis.hooks_of(HookType.ROLLOUT), metrics=True, gates=ahead, age=age)


def _may_move(situation: Situation) -> bool:
    rollout, seen = situation.rollout, situation.seen
    return (
        rollout.phase is Phase.PROGRESSING
        and situation.now >= rollout.step_at
        and not seen.drift
        and not seen.problems
        and not seen.pending
        and seen.revision == rollout.applied
        and not is_switched(situation.canary, rollout)
    )


def _primary_ready(situation: Situation) -> bool:
    primary = situation.seen.primary
    is_ready = primary is not None and not readiness(primary, situation.canary.analysis.primary_ready_threshold)
    return is_ready and not find_primary_off(situation)


def _hooks(asked: Iterable[Gate]) -> tuple[Hook, ...]:
    return tuple(gate.hook for gate in asked)


def _facts(canary: Canary, rollout: Rollout) -> Facts:
    plan = make_plan(canary)
    steps = len(plan.steps) - max(rollout.step, 0) if rollout.phase is Phase.PROGRESSING else 0
    return Facts(
        phase=shown_phase(rollout),
        checksum=revision_mark(rollout.applied),
        build=rollout.run,
        failed_checks=rollout.failed,
        weight=rollout.weight,
        iterations=plan.round_of(rollout.step),
        remaining=steps * canary.analysis.interval,
    )
