"""decide(): from what is known to what is next, in the order in which things matter.

A Canary that is being deleted goes its own way, whatever else waits. Then commands (abort works in every phase and
needs no metrics), then suspension, then hooks that want the run to end, then repairs (a cluster that is not as
committed is put right and nothing advances), then the phase's own question.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from shared.engine import commands, ending, farewell, promotion, rest, run
from shared.engine.draft import Draft
from shared.rollout import RESTING, Phase
from shared.scene import primary_autoscaler_id

if TYPE_CHECKING:
    from datetime import datetime

    from shared.canary.model import Canary
    from shared.checks.verdict import CheckResult
    from shared.engine.draft import Decision
    from shared.observed import Observed
    from shared.rollout import Rollout


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a decision may depend on."""

    canary: Canary
    rollout: Rollout
    seen: Observed
    now: datetime
    results: tuple[CheckResult, ...] = ()


def decide(situation: Situation) -> Decision:
    """The next rollout, at most one step further, and what is to be said about it."""
    draft = Draft(situation.rollout, situation.now, timedelta(seconds=situation.canary.analysis.interval))
    if situation.canary.deleting:
        return farewell.take_leave(situation, draft).decided()
    if situation.rollout.phase is Phase.TERMINATING:
        return farewell.welcome(draft).decided()
    draft = ending.hear_post_rollout_hooks(situation, draft)
    obeyed = commands.obey(situation, draft)
    if obeyed is not None:
        return obeyed.decided()
    if situation.canary.suspend:
        return (
            draft.hold(f"Canary {situation.canary} is suspended: nothing moves until spec.suspend is false")
            .rest()
            .decided()
        )
    draft = ending.hear_rollback_hooks(situation, draft)
    ended = ending.obey_hooks(situation, draft)
    return (ended or _next(situation, draft)).decided()


def _next(situation: Situation, draft: Draft) -> Draft:
    if situation.rollout.phase is Phase.INITIALIZING:
        return rest.initialize(situation, draft)
    if situation.seen.problems:
        return _stuck(situation, draft)
    if situation.seen.drift:
        return _repair(situation, draft)
    draft = _reconciled(situation, draft)
    match situation.rollout.phase:
        case Phase.PROGRESSING:
            return run.progress(situation, draft)
        case Phase.PROMOTING:
            return promotion.promote(situation, draft)
        case Phase.FINALISING:
            return promotion.finalise(situation, draft)
        case _:
            return rest.wait_for_change(situation, draft)


def _stuck(situation: Situation, draft: Draft) -> Draft:
    """Somebody has to help. A run waits for that; who rests, rests until a hint or the sweep finds that it was done."""
    draft = draft.hold("; ".join(situation.seen.problems))
    resting = situation.rollout.phase in RESTING and situation.rollout.replicas is None
    return draft.looked().rest() if resting else draft.look_again()


def _repair(situation: Situation, draft: Draft) -> Draft:
    """The rollout stays where it is; the step begins anew, for the router did not show what was committed.

    While promotion ends the primary's autoscaler follows the target's: that is no surprise.
    """
    follows = str(primary_autoscaler_id(situation.canary)) if situation.rollout.phase is Phase.FINALISING else ""
    for name in situation.seen.drift:
        if situation.rollout.reconciled == situation.canary.generation and name != follows:
            draft = draft.warn(f"{name}.{situation.canary.namespace} is not as committed: restoring it")
        else:
            draft = draft.say(f"{name}.{situation.canary.namespace} updated")
    draft = draft.set(active=True, hinted=True)
    return draft.step_done() if situation.rollout.phase is Phase.PROGRESSING else draft.at_once()


def _reconciled(situation: Situation, draft: Draft) -> Draft:
    """Everything generated was looked at and is as this generation of the Canary says."""
    return draft.set(reconciled=situation.canary.generation, provider=str(situation.canary.provider))
