"""How a run ends before its time, by a person's word or a hook's, and what hooks hear of its end.

It works in every phase of a run, needs no metrics and no ready pods. A hook that does not answer ends nothing.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from shared.canary.model import HookType
from shared.checks.sentences import write_passed
from shared.checks.verdict import Verdict
from shared.engine import run
from shared.engine.asking import RUNNING
from shared.rollout import RESTING, Phase

if TYPE_CHECKING:
    from shared.engine.decide import Situation
    from shared.engine.draft import Draft


def end(situation: Situation, draft: Draft, reason: str) -> Draft:
    """The run is over: back to what was promoted, or, if the primary carries the revision already, on to its end."""
    rollout = draft.rollout
    if rollout.phase is Phase.PROGRESSING or rollout.promoted != rollout.applied:
        return run.roll_back(situation, draft, reason)
    draft = draft.warn(f"The primary already serves this revision, routing all traffic to it: {reason}")
    return draft.go_home().enter(Phase.FINALISING).at_once()


def obey_hooks(situation: Situation, draft: Draft) -> Draft | None:
    """The draft after a hook asked for the end of the run; None if none did."""
    if draft.rollout.phase not in RUNNING:
        return None
    for result in situation.results:
        if result.verdict is Verdict.ABORT:
            return end(situation, draft, result.text)
    return None


def hear_rollback_hooks(situation: Situation, draft: Draft) -> Draft:
    """They were asked, and are not asked again for an interval. That one does not answer is said once."""
    answers = [result for result in situation.results if result.kind == HookType.ROLLBACK]
    if not answers:
        return draft
    silent = [answer.text for answer in answers if answer.verdict is Verdict.UNKNOWN]
    if silent and not draft.rollout.unheard:
        draft = draft.warn(f"{silent[0]}: {situation.canary} goes on without it")
    pause = timedelta(seconds=situation.canary.analysis.interval)
    return draft.set(unheard=bool(silent), ask_at=situation.now + pause)


def hear_post_rollout_hooks(situation: Situation, draft: Draft) -> Draft:
    """What they say of a run that ended is kept, and changes nothing."""
    if not draft.rollout.ended or draft.rollout.phase not in RESTING or situation.canary.suspend:
        return draft
    passed = {hook.name: write_passed(hook) for hook in situation.canary.analysis.hooks_of(HookType.POST_ROLLOUT)}
    for result in situation.results:
        if result.kind == HookType.POST_ROLLOUT:
            draft = draft.say(passed[result.name]) if result.verdict is Verdict.PASS else draft.warn(result.text)
    return draft.set(ended=False)
