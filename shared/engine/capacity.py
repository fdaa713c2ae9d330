"""Capacity before traffic: a side gets a share of the traffic only when its pods can carry it.

All of the traffic needs as many pods as the primary had when the run began; more, if an autoscaler made a side larger
than that meanwhile. What a side lacks is asked for, and the step waits. The canary's wait ends with the progress
deadline. The primary's ends after a minute, because an autoscaler may hold it down, and a primary that is too small is
better than a release that never ends.

It must never hold back a rollback: traffic leaves a bad release at once, and the primary is raised meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.workload import counts_pods, runs_pods

if TYPE_CHECKING:
    from shared.engine.decide import Situation
    from shared.engine.draft import Draft
    from shared.plan import Route
    from shared.workload import Workload

PATIENCE_SECONDS = 60.0
"""How long the primary's autoscaler may keep it smaller than it should be."""


def of_canary(situation: Situation, route: Route) -> int:
    """How many pods the canary needs for ``route``; none are needed for requests that a match describes, whose number
    nobody knows, nor of a target whose pods nobody counts.
    """
    counted = counts_pods(situation.canary.target.kind)
    if route.matching or not counted or situation.canary.analysis.ignore_capacity:
        return 0
    return _part(situation.rollout.capacity, max(route.canary, route.mirror))


def of_primary(situation: Situation, share: int) -> int:
    """How many pods the primary needs for ``share`` percent. Without an autoscaler nobody made it smaller."""
    canary, before = situation.canary, situation.rollout.capacity
    if canary.autoscaler is None or canary.analysis.ignore_capacity or not before:
        return 0
    sizes = [side.replicas for side in (situation.seen.primary, situation.seen.target) if side is not None]
    everything = sum(sizes) if any(size > before for size in sizes) else before
    limit = canary.autoscaler.primary_max_replicas or everything
    return _part(min(everything, limit), share)


def lacks(side: Workload | None, needed: int) -> bool:
    """Whether it has fewer pods that can take traffic than are needed; those that are about to go do not count."""
    return side is not None and min(side.available, side.replicas) < needed


def find_primary_off(situation: Situation) -> str:
    """Why the primary cannot take traffic although it is as it should be: it was scaled to zero, as a Service cannot
    be. Without a router no traffic moves.
    """
    primary = situation.seen.primary
    if primary is None or primary.replicas or not runs_pods(primary.kind) or not situation.canary.has_router:
        return ""
    return f"Halt advancement {primary} is scaled to zero: scale it up"


def await_primary(situation: Situation, draft: Draft, needed: int) -> Draft | None:
    """The draft of a primary that is raised before traffic comes back; None if there is nothing to wait for."""
    primary, draft = situation.seen.primary, draft.waiting()
    if primary is None or not lacks(primary, needed) or draft.overdue(PATIENCE_SECONDS):
        return None
    text = f"Halt advancement {primary} has {primary.available} of {needed} pods that the traffic needs"
    return draft.hold(text).set(primary_floor=needed).look_again()


def raise_primary(situation: Situation, draft: Draft) -> Draft:
    """Traffic comes back now: whatever its autoscaler took from the primary since the run began is asked for."""
    return draft.set(primary_floor=of_primary(situation, 100))


def _part(pods: int, share: int) -> int:
    return -(-pods * share // 100)
