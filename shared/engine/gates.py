"""Gates: where a run waits until a hook, or a person, says that it may go on.

A gate that does not open holds the run and never counts against it, and no deadline runs while it is closed. It opens
only on a yes that was heard. What a person approved is one gate of one revision: a new revision finds every gate
closed, and the next increase of the weight is another gate.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from shared.canary.model import HookType
from shared.checks.sentences import write_halt, write_passed
from shared.checks.verdict import Verdict
from shared.engine.position import next_step
from shared.plan import make_plan

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shared.canary.model import Canary, Hook
    from shared.checks.verdict import CheckResult
    from shared.engine.decide import Situation
    from shared.engine.draft import Draft
    from shared.rollout import Command, Rollout


@dataclass(frozen=True, slots=True)
class Gate:
    """A hook at one place of a run. ``id`` names both, for people and for their approvals."""

    id: str
    hook: Hook


def before_start(canary: Canary, rollout: Rollout) -> tuple[Gate, ...]:
    """The gates between a new revision and its first pod that nobody has opened yet. Who asked for promotion opened
    them.
    """
    if rollout.skipped:
        return ()
    return _closed_ones(rollout, (_plain(hook) for hook in canary.analysis.hooks_of(HookType.CONFIRM_ROLLOUT)))


def before_traffic(canary: Canary, rollout: Rollout) -> tuple[Gate, ...]:
    """What has to pass once before the run's first step (``pre-rollout``): no gates, but remembered like one."""
    return _closed_ones(rollout, (_plain(hook) for hook in canary.analysis.hooks_of(HookType.PRE_ROLLOUT)))


def before_next_step(canary: Canary, rollout: Rollout) -> tuple[Gate, ...]:
    """The gates before the next step, or before the promotion after the last, that nobody has approved yet."""
    plan, step = make_plan(canary), next_step(canary, rollout)
    last = step == len(plan.steps)
    kinds, share = (plan.gates, 100) if last else (plan.steps[step].gates, plan.steps[step].route.canary)
    return _closed_ones(rollout, (_at(hook, share) for kind in kinds for hook in canary.analysis.hooks_of(kind)))


def find_closed(gates: Iterable[Gate], results: tuple[CheckResult, ...]) -> Gate | None:
    """The first gate whose hook did not say yes."""
    for gate in gates:
        verdicts = {
            result.verdict for result in results if (result.kind, result.name) == (gate.hook.type, gate.hook.name)
        }
        if verdicts != {Verdict.PASS}:
            return gate
    return None


def wait_at(situation: Situation, draft: Draft, gate: Gate) -> Draft:
    """Held until the gate opens, which is asked an interval later. Said once, however the hook puts its no."""
    halt, rollout = write_halt(situation.canary, gate.hook), draft.rollout
    if rollout.gate != gate.id or not rollout.halt.startswith(halt):
        said = (result.text for result in situation.results if result.text.startswith(halt))
        draft = draft.hold(next(said, halt))
    return draft.set(gate=gate.id, waiting_since=None).step_done()


def say_passed(draft: Draft, gates: Iterable[Gate]) -> Draft:
    """Says of each of these that its hook said yes."""
    for gate in gates:
        draft = draft.say(write_passed(gate.hook))
    return draft


def remember(draft: Draft, gates: Iterable[Gate]) -> Draft:
    """All of these passed, and are not asked again in this run."""
    passed = tuple(gates)
    return say_passed(draft, passed).set(opened=(*draft.rollout.opened, *(gate.id for gate in passed)))


def approve(draft: Draft, command: Command) -> Draft:
    """The gate that waits is open, if it is the one that was approved."""
    rollout = draft.rollout
    if command.gate and command.gate != rollout.gate:
        return draft.warn(f"{command.by} approved {command.gate}, but {rollout.gate} is what waits").look_again()
    reason = f": {command.reason}" if command.reason else ""
    draft = draft.warn(f"Gate {rollout.gate} approved by {command.by}{reason}")
    return draft.set(opened=(*rollout.opened, rollout.gate), gate="", halt="").at_once()


def _plain(hook: Hook) -> Gate:
    return Gate(f"{hook.type}/{hook.name}", hook)


def _at(hook: Hook, share: int) -> Gate:
    """Each increase is a gate of its own, known by the share that the canary gets after it."""
    plain = _plain(hook)
    return replace(plain, id=f"{plain.id}/{share}") if hook.type is HookType.CONFIRM_TRAFFIC_INCREASE else plain


def _closed_ones(rollout: Rollout, gates: Iterable[Gate]) -> tuple[Gate, ...]:
    return tuple(gate for gate in gates if gate.id not in rollout.opened)
