"""Taking over a Canary that Flagger runs: its objects and its status are there, a rollout of ours is not.

Nothing is restarted and no traffic moves: the rollout begins where Flagger stands, at the weight that the router shows.
What the primary serves is read off the primary itself: if its pods are what Serin would make of the target, the
target's revision is the promoted one, and if not, some revision that nobody knows is, so that the target's counts as
new.

It must never trust Flagger's hashes: they are of another make.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from shared.cookies import known_cookie
from shared.plan import HOME, make_plan, nearest_step
from shared.render.differences import same
from shared.render.ownership import SUFFIX
from shared.render.router import router_of
from shared.render.workload import carried_revision, primary_workload
from shared.revision import config_forms, template_forms
from shared.rollout import Phase, Revision, Rollout
from shared.scene import KINDS, configs_of, primary_of, sighting_of, target_of
from shared.workload import size_of, template_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from shared.canary.model import Canary
    from shared.json_types import Json
    from shared.plan import Route
    from shared.revision import ConfigRef
    from shared.scene import Scene

UNKNOWN_TEMPLATE = "v1-unknown"
"""Stands for a template that nobody hashed; it differs from every other."""

_RUNNING = frozenset({"Progressing", "WaitingPromotion"})
"""Phases of a run that has pods. One that waits for its start (``Waiting``) has none, and begins anew."""

_PROMOTING = frozenset({"Promoting", "Finalising"})


def can_adopt(status: Json, primary: Json | None) -> bool:
    """Whether this is Flagger's: it says where it stands, and the primary is not of our make."""
    return bool(status.get("phase")) and primary is not None and not carried_revision(primary)


def adopted(canary: Canary, status: Json, scene: Scene, keys: Sequence[bytes], now: datetime) -> Rollout:
    """The rollout that goes on where Flagger stands. ``scene`` has to hold everything."""
    sighting = sighting_of(canary, scene, Revision(), keys)
    revision, promoted = sighting.fresh if sighting else Revision(UNKNOWN_TEMPLATE), _promoted(canary, scene, keys)
    begun = Rollout(phase_since=now, due_at=now, promoted=promoted, cookie=known_cookie(status))
    phase = str(status["phase"])
    if phase in _RUNNING or (phase in _PROMOTING and promoted != revision):
        running = _with(begun, Phase.PROGRESSING, revision, _size(canary, scene))
        step_at = now + timedelta(seconds=canary.analysis.interval)
        return replace(_under_way(canary, status, scene, running), step_at=step_at)
    if phase in _PROMOTING:
        return _showing(_with(begun, Phase.PROMOTING, revision, _size(canary, scene)), _route(canary, scene))
    if phase == Phase.FAILED:
        return _with(begun, Phase.FAILED, revision)
    return _with(begun, Phase.SUCCEEDED if phase == Phase.SUCCEEDED else Phase.INITIALIZED, promoted)


def _under_way(canary: Canary, status: Json, scene: Scene, running: Rollout) -> Rollout:
    """In the middle of its plan: at the round that Flagger counted, or at the weight that the router shows. A step of
    copies comes before the first weight.
    """
    route, plan = _route(canary, scene), make_plan(canary)
    made = int(status.get("iterations") or 0) if plan.rounds else int(bool(route.mirror))
    step = nearest_step(plan, made - 1, route.canary)
    return replace(_showing(running, route), step=step, strategy=str(plan.strategy) if step >= 0 else "")


def _with(begun: Rollout, phase: Phase, applied: Revision, replicas: int | None = None) -> Rollout:
    return replace(begun, phase=phase, applied=applied, replicas=replicas)


def _showing(rollout: Rollout, route: Route) -> Rollout:
    return replace(rollout, weight=route.canary, mirror=route.mirror, matching=route.matching)


def _promoted(canary: Canary, scene: Scene, keys: Sequence[bytes]) -> Revision:
    """What the primary serves: its template if it is the target's, and the configs that its copies hold."""
    target = target_of(canary, scene)
    template = template_forms(template_of(target))[0] if target and _runs_target(canary, scene) else UNKNOWN_TEMPLATE
    copies = _copies(canary, scene)
    return Revision(template, {str(ref): config_forms(ref, copy, keys)[0] for ref, copy in copies.items()})


def _runs_target(canary: Canary, scene: Scene) -> bool:
    """Whether the primary's pods are what a promotion of the target would make of them."""
    target, primary = target_of(canary, scene), primary_of(canary, scene)
    if target is None or primary is None:
        return False
    wanted = primary_workload(canary, target, primary, _copies(canary, scene), "", None)
    return same(template_of(primary)["spec"], template_of(wanted)["spec"])


def _copies(canary: Canary, scene: Scene) -> dict[ConfigRef, Json]:
    """The configs of the target that have a copy, with that copy."""
    copies = ((ref, scene.get(KINDS[ref.kind], f"{ref.name}{SUFFIX}")) for ref in configs_of(canary, scene))
    return {ref: copy for ref, copy in copies if copy is not None}


def _route(canary: Canary, scene: Scene) -> Route:
    """What the router sends to the canary now."""
    router = router_of(canary)
    live = scene.objects.get(router.id(canary)) if router else None
    return (router.read(live, canary) if router and live else None) or HOME


def _size(canary: Canary, scene: Scene) -> int:
    target = target_of(canary, scene)
    return max(size_of(target), 1) if target else 1
