"""Deletion of a Canary with ``revertOnDeletion``: the app goes back to its own workload without losing a request.

One stage a tick, and each is seen to be done before the next begins: the target is as large as the primary and ready,
gets all traffic, gets the callers' service, loses the router, and only then what Serin generated goes, and the
finalizer last. What was done is read off the cluster, so a tick that dies half-way is simply repeated.

It must never take the primary away while nothing else serves, and never keep a Canary that has nothing to give back.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from enum import IntEnum
from typing import TYPE_CHECKING

from shared.engine.draft import SOON
from shared.observed import Look
from shared.plan import HOME, Route
from shared.revision import changed
from shared.rollout import Phase, Rollout
from shared.workload import exceeded, readiness, runs_pods, serving

if TYPE_CHECKING:
    from shared.canary.model import Canary
    from shared.engine.decide import Situation
    from shared.engine.draft import Draft
    from shared.observed import Observed

SETTLE = timedelta(seconds=5)
"""How long proxies may take to learn of a changed Service or router before what they used until then is removed."""


class Stage(IntEnum):
    """What the cluster has to be brought to; a rollout in phase Terminating keeps it as its ``step``."""

    SCALING = 0
    """The target has the primary's size."""
    ROUTING = 1
    """The router sends everything to the target."""
    SWITCHING = 2
    """The callers' service selects the target's pods."""
    RESTORING = 3
    """The router is as it was before the Canary, or gone."""
    REMOVING = 4
    """What was generated is gone."""
    CLEARING = 5
    """The primary's copies of ConfigMaps and Secrets are gone."""
    LEAVING = 6
    """Serin does not keep the Canary any more."""


_LOOKS = {
    Stage.SCALING: Look.TARGET | Look.PRIMARY | Look.ROUTER | Look.AUTOSCALER,
    Stage.ROUTING: Look.TARGET | Look.PRIMARY | Look.ROUTER | Look.APEX,
    Stage.SWITCHING: Look.TARGET | Look.PRIMARY | Look.ROUTER | Look.APEX,
    Stage.RESTORING: Look.TARGET | Look.PRIMARY | Look.ROUTER,
    Stage.REMOVING: Look.TARGET | Look.PRIMARY | Look.GENERATED,
    Stage.CLEARING: Look.LEFTOVERS,
    Stage.LEAVING: Look.NOTHING,
}


def look_for(canary: Canary, rollout: Rollout) -> Look:
    """What the next tick has to look at: the stage's own objects, and those that the next one writes."""
    if not (canary.deleting and canary.held):
        return Look.NOTHING
    return _LOOKS[Stage(rollout.step)] if rollout.phase is Phase.TERMINATING else _LOOKS[Stage.SCALING]


def take_leave(situation: Situation, draft: Draft) -> Draft:
    """The next thing to do for a Canary that is being deleted, whatever it was doing before."""
    canary, draft = situation.canary, _decline(situation.canary, draft.found())
    if not canary.held:
        return _stand_by(canary, draft)
    if draft.rollout.phase is not Phase.TERMINATING:
        return _begin(situation, draft)
    if draft.rollout.step == Stage.LEAVING:
        return draft.look_again()
    if not canary.revert_on_deletion:
        return _let_go(canary, draft)
    return _go_on(situation, draft)


def welcome(draft: Draft) -> Draft:
    """A new Canary of the same name came before the old one's rollout was forgotten: begin anew."""
    old = draft.rollout
    begun = Rollout(version=old.version, phase_since=draft.now, runs=old.runs + 1, sequence=old.sequence)
    return replace(draft, rollout=replace(begun, hinted_until=old.hinted_until, commands=old.commands)).at_once()


def _decline(canary: Canary, draft: Draft) -> Draft:
    """What people asked for meanwhile is answered, and does not hold anything up."""
    for command in draft.rollout.commands:
        draft = draft.warn(f"{command.by} asked to {command.verb}, but Canary {canary} is being deleted")
    return draft.set(commands=())


def _stand_by(canary: Canary, draft: Draft) -> Draft:
    keepers = ", ".join(canary.finalizers)
    held = draft.hold(f"Canary {canary} is being deleted and kept by {keepers}: nothing moves any more")
    return held.set(reconciled=canary.generation).rest()


def _begin(situation: Situation, draft: Draft) -> Draft:
    canary, seen = situation.canary, situation.seen
    draft = draft.set(step=Stage.SCALING, replicas=_size(seen), blind=False, paused=False, skipped=False)
    draft = draft.enter(Phase.TERMINATING)
    if not canary.revert_on_deletion:
        return _let_go(canary, draft)
    promoted = draft.rollout.promoted
    if promoted.template and seen.revision is not None and changed(promoted, seen.revision):
        draft = draft.warn(f"{_target(canary)} holds a revision that was not promoted, and it is given all traffic")
    return _shielded(situation, draft.say(f"Canary deleted! Scaling up {_target(canary)}")).at_once()


def _let_go(canary: Canary, draft: Draft) -> Draft:
    text = f"Canary deleted! {_primary(canary)} goes on serving: spec.revertOnDeletion is false, nothing is removed"
    return draft.say(text).set(step=Stage.LEAVING).at_once()


def _go_on(situation: Situation, draft: Draft) -> Draft:
    stage, seen = Stage(draft.rollout.step), situation.seen
    serves = Look.TARGET in seen.look and not (seen.target is None and seen.primary is None)
    if serves and (reason := _unready(situation)):
        return _await_target(situation, draft, reason)
    if seen.drift:
        return _await_cluster(situation, draft)
    if situation.now < draft.rollout.step_at:
        return draft.set(due_at=draft.rollout.step_at)
    if stage is Stage.ROUTING and seen.pending and not draft.waiting().overdue(situation.canary.progress_deadline):
        return draft.waiting().hold(f"Halt deletion of {situation.canary} {seen.pending}").look_again()
    return _advance(situation.canary, draft.freed(), Stage(stage + 1))


def _unready(situation: Situation) -> str:
    """Why the target cannot serve; empty if it can."""
    target, canary = situation.seen.target, situation.canary
    if target is None:
        return "not found: create it, or set spec.revertOnDeletion to false"
    reason = readiness(target, canary.analysis.canary_ready_threshold)
    return reason or ("" if serving(target) else "waiting for rollout to finish: no pod is available")


def _await_target(situation: Situation, draft: Draft, reason: str) -> Draft:
    """Whoever serves now goes on. The target is scaled again if somebody has made it smaller meanwhile."""
    canary, draft = situation.canary, _shielded(situation, draft.waiting())
    target = situation.seen.target
    if draft.overdue(canary.progress_deadline) or (target is not None and exceeded(target)):
        reason = f"progress deadline exceeded, {reason}"
    return draft.hold(f"Halt deletion of {canary} {_target(canary)} {reason}").look_again()


def _shielded(situation: Situation, draft: Draft) -> Draft:
    """Traffic goes home from a target without a ready pod, as long as there are a router and a primary to take it."""
    target, primary, stage = situation.seen.target, situation.seen.primary, Stage(draft.rollout.step)
    if (target is not None and serving(target)) or stage > Stage.SWITCHING:
        return draft
    draft = draft.set(step=Stage.SCALING)
    if draft.rollout.route.home or primary is None or not serving(primary):
        return draft
    return draft.warn(f"No pod of {_target(situation.canary)} is ready: routing all traffic to primary").show(HOME)


def _await_cluster(situation: Situation, draft: Draft) -> Draft:
    """This tick writes again what is not as committed; what stays like that is said at the deadline."""
    canary, draft = situation.canary, draft.waiting()
    if draft.overdue(canary.progress_deadline):
        names = ", ".join(f"{name}.{canary.namespace}" for name in situation.seen.drift)
        return draft.hold(f"Halt deletion of {canary} progress deadline exceeded, still not done: {names}").look_again()
    return draft.again(_pause(Stage(draft.rollout.step)))


def _advance(canary: Canary, draft: Draft, stage: Stage) -> Draft:
    apex, has_pods = f"{canary.service.name}.{canary.namespace}", runs_pods(canary.target.kind)
    texts = {
        Stage.ROUTING: f"Routing all traffic to {_target(canary)}",
        **({Stage.SWITCHING: f"Switching Service {apex} to the pods of {_target(canary)}"} if has_pods else {}),
        Stage.RESTORING: f"Giving back the router of {apex}",
        Stage.REMOVING: f"Removing {_primary(canary)} and what belongs to it",
        Stage.LEAVING: f"Deletion completed! {canary} is given back",
    }
    draft = draft.say(texts[stage]) if stage in texts else draft
    draft = draft.show(Route(canary=100)) if stage is Stage.ROUTING else draft
    return draft.set(step=stage).again(_pause(stage))


def _pause(stage: Stage) -> timedelta:
    return SETTLE if stage in (Stage.SWITCHING, Stage.RESTORING) else SOON


def _size(seen: Observed) -> int:
    largest = seen.primary or seen.target
    return max(largest.replicas, 1) if largest else 1


def _target(canary: Canary) -> str:
    return f"{canary.target.name}.{canary.namespace}"


def _primary(canary: Canary) -> str:
    return f"{canary.primary_name}.{canary.namespace}"
