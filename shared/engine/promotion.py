"""Promotion: the primary takes over the analysed revision, traffic comes home step by step, and the target is scaled
down.

What has been done is read off the cluster, not remembered: the primary carries the mark of its revision, and everything
that must come before it is written before it. So a tick that dies half-way is simply repeated.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from shared.canary.model import HookType
from shared.engine import capacity, run
from shared.plan import Route, make_plan
from shared.revision import changed, revision_mark, unlike
from shared.rollout import Phase
from shared.scene import KINDS
from shared.workload import exceeded, readiness, serving

if TYPE_CHECKING:
    from shared.engine.decide import Situation
    from shared.engine.draft import Draft


def promote(situation: Situation, draft: Draft) -> Draft:
    """The next thing to do in phase Promoting."""
    rollout, seen = draft.rollout, situation.seen
    if rollout.promoted != rollout.applied:
        if seen.carried != revision_mark(rollout.applied):
            return _await_copy(situation, draft)
        draft = _taken_over(draft).freed()
    if seen.primary is None:
        return draft.hold(f"{situation.canary.target.word} {_primary(situation)} not found").look_again()
    if reason := readiness(seen.primary, situation.canary.analysis.primary_ready_threshold):
        return _await_primary(situation, draft, reason)
    if situation.now < rollout.step_at:
        return draft.set(due_at=rollout.step_at)
    return _homeward(situation, draft)


def finalise(situation: Situation, draft: Draft) -> Draft:
    """The router was seen to send all traffic to the primary: the target may go."""
    canary = situation.canary
    if situation.seen.pending:
        return draft.hold(f"Halt scaling down of {canary} {situation.seen.pending}").look_again()
    name = f"{canary.target.name}.{canary.namespace}"
    done = f"Canary analysis was skipped for {name}" if draft.rollout.skipped else f"Scaling down {name}"
    return draft.say(f"Promotion completed! {done}").set(replicas=0).enter(Phase.SUCCEEDED).at_once()


def _await_copy(situation: Situation, draft: Draft) -> Draft:
    """This tick writes the copies; a revision that nobody analysed is not copied but analysed."""
    seen, rollout = situation.seen, draft.rollout
    if seen.target is None:
        return run.roll_back(
            situation, draft, f"{situation.canary.target.word} {situation.canary.target.name} not found"
        )
    if seen.revision is not None and changed(rollout.applied, seen.revision):
        return run.progress(situation, draft.enter(Phase.PROGRESSING))
    draft = draft.waiting()
    if draft.overdue(situation.canary.progress_deadline):
        deadline = f"for more than {situation.canary.progress_deadline:.0f}s"
        return run.roll_back(
            situation, draft, f"progress deadline exceeded {_primary(situation)} not updated {deadline}"
        )
    return draft.at_once()


def _taken_over(draft: Draft) -> Draft:
    rollout = draft.rollout
    for difference in unlike(rollout.promoted, rollout.applied):
        kind, _, name = difference.partition("/")
        if difference in rollout.applied.configs:
            draft = draft.say(f"{KINDS[kind]} {name}-primary synced")
    return draft.set(promoted=rollout.applied)


def _await_primary(situation: Situation, draft: Draft, reason: str) -> Draft:
    """Wait for the primary's rolling update.

    One that never ends has an exit: the target, which was analysed, serves all traffic.
    """
    canary, rollout, seen = situation.canary, draft.rollout, situation.seen
    draft = draft.waiting().hold(f"Halt advancement {_primary(situation)} {reason}")
    stuck = draft.overdue(canary.progress_deadline) or (seen.primary is not None and exceeded(seen.primary))
    if not stuck or seen.target is None:
        return draft.look_again()
    if not rollout.weight or readiness(seen.target, canary.analysis.canary_ready_threshold) or not serving(seen.target):
        return draft.look_again()
    draft = draft.warn(
        f"Promotion failed! {_primary(situation)} exceeded its progress deadline: "
        f"routing all traffic to {canary.target.name}.{canary.namespace}"
    )
    failed = draft.show(Route(canary=100)).set(replicas=None).enter(Phase.FAILED)
    return failed.at_once() if canary.analysis.hooks_of(HookType.POST_ROLLOUT) else failed.rest()


def _homeward(situation: Situation, draft: Draft) -> Draft:
    """One step of the way home (``stepWeightPromotion``); weights only fall."""
    route = draft.rollout.route
    shares = make_plan(situation.canary).homeward
    share = next(share for share in shares if share < route.canary or not share)
    if not route.home and (off := capacity.find_primary_off(situation)):
        return draft.hold(off).look_again()
    needed = 0 if route.home else capacity.of_primary(situation, 100 - share)
    if waiting := capacity.await_primary(situation, draft, needed):
        return waiting
    draft = draft.freed()
    if share:
        draft = draft.say(f"Advance {situation.canary} primary weight {100 - share}")
        return draft.show(replace(route, canary=share)).step_done()
    draft = draft if route.home else draft.say("Routing all traffic to primary")
    return draft.go_home().enter(Phase.FINALISING).at_once()


def _primary(situation: Situation) -> str:
    return f"{situation.canary.primary_name}.{situation.canary.namespace}"
