"""Before the first run and between runs: initialization, scaling down, and the watch for a new revision.

Initialization loses no request: the primary is ready before the apex moves to it, and the apex has moved before the
target goes to zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.engine import run
from shared.revision import changed, renewed
from shared.rollout import Phase
from shared.workload import readiness

if TYPE_CHECKING:
    from shared.engine.decide import Situation
    from shared.engine.draft import Draft
    from shared.rollout import Revision


def initialize(situation: Situation, draft: Draft) -> Draft:
    """The next thing to do in phase Initializing."""
    canary, seen = situation.canary, situation.seen
    if seen.problems:
        return draft.hold("; ".join(seen.problems)).look_again()
    if seen.primary is None and seen.revision is not None:
        return draft.set(applied=seen.revision, promoted=seen.revision).at_once()
    if seen.primary is not None and (reason := readiness(seen.primary, canary.analysis.primary_ready_threshold)):
        return _await_first_primary(situation, draft, reason)
    if seen.drift:
        return draft.freed().at_once()
    if seen.pending:
        return draft.hold(f"Halt initialization of {canary} {seen.pending}").look_again()
    draft = draft.say(f"Initialization done! {canary}").set(reconciled=canary.generation, provider=str(canary.provider))
    return draft.set(replicas=0).enter(Phase.INITIALIZED).at_once()


def _await_first_primary(situation: Situation, draft: Draft, reason: str) -> Draft:
    """The target serves until the primary can. Past the deadline that is said, and goes on: there is nothing better."""
    canary, draft = situation.canary, draft.waiting()
    halt = f"Halt advancement {canary.primary_name}.{canary.namespace}"
    if draft.overdue(canary.progress_deadline):
        late = f"progress deadline exceeded, {canary.target.name}.{canary.namespace} goes on serving"
        return draft.hold(f"{halt} {late}").look_again()
    return draft.hold(f"{halt} {reason}").look_again()


def wait_for_change(situation: Situation, draft: Draft) -> Draft:
    """Between runs: settle the last one, then look for a revision that is neither the last nor the promoted one."""
    if draft.rollout.replicas is not None:
        return _settle(situation, draft)
    revision, draft = situation.seen.revision, draft.looked()
    if revision is None:
        return draft.freed().rest()
    if not changed(draft.rollout.applied, revision):
        return _unchanged(draft, revision, situation.seen.fresh or revision).freed().rest()
    if revision == draft.rollout.promoted:
        return draft.set(applied=revision).freed().rest()
    return _begin(situation, draft)


def _unchanged(draft: Draft, revision: Revision, fresh: Revision) -> Draft:
    """The same revision, perhaps recorded in another form: in today's, an earlier one need not be known for ever."""
    applied, promoted = renewed(draft.rollout, revision, fresh)
    return draft.set(applied=applied, promoted=promoted)


def _begin(situation: Situation, draft: Draft) -> Draft:
    canary, seen = situation.canary, situation.seen
    revision, primary = seen.revision, seen.primary
    reason = readiness(primary, canary.analysis.primary_ready_threshold) if primary else "not found"
    if revision is None or reason:
        held = draft.hold(f"Halt advancement {canary.primary_name}.{canary.namespace} {reason}")
        return held.set(active=True, hinted=True).look_again()
    return run.start(situation, draft, revision)


def _settle(situation: Situation, draft: Draft) -> Draft:
    """The router was seen to send everything to the primary: scale the target to zero, and rest once it is there."""
    target, canary, pending = situation.seen.target, situation.canary, situation.seen.pending
    if draft.rollout.replicas:
        if not draft.rollout.route.home:
            return draft.go_home().at_once()
        if pending:
            return draft.hold(f"Halt scaling down of {canary} {pending}").look_again()
        failed = draft.rollout.phase is Phase.FAILED
        draft = draft.warn(f"Canary failed! Scaling down {canary}") if failed else draft
        return draft.set(replicas=0, halt="").at_once()
    if target is not None and target.replicas:
        return draft.at_once()
    settled = draft.set(replicas=None)
    return settled.at_once() if draft.rollout.hinted else settled.rest()
