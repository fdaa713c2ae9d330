"""What the cluster has to be changed into while a Canary is being deleted, stage by stage. Pure, like ``desired``.

Only what belongs to the Canary is touched, and what was there before it is given back instead of removed. Nothing is
made: whatever is missing is missing on purpose.

It must never change anything for a stage that was not committed.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from shared.canary.model import FLAGGER_REVERT, REVERT
from shared.changes import Delete, Finalizers, Pause, Restore, Scale, Write
from shared.engine.farewell import Stage
from shared.render.autoscaler import is_paused, most_replicas
from shared.render.differences import up_to_date
from shared.render.original import original_apex, original_router
from shared.render.ownership import SUFFIX, belongs
from shared.render.router import router_of
from shared.rollout import Phase
from shared.scene import (
    KINDS,
    ObjectId,
    autoscaler_id,
    autoscaler_of,
    primary_autoscaler_id,
    primary_id,
    target_id,
    target_of,
)
from shared.workload import is_smaller

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.canary.model import Canary
    from shared.changes import Change
    from shared.json_types import Json
    from shared.render.router import Router
    from shared.rollout import Rollout
    from shared.scene import Scene

REMOVALS = 4
"""Objects that one tick deletes at most."""


def farewell(canary: Canary, rollout: Rollout, scene: Scene) -> tuple[Change, ...]:
    """Every change that the committed stage needs, as far as one tick may go; none before a stage is committed."""
    if not canary.held or rollout.phase is not Phase.TERMINATING:
        return ()
    return tuple(_of_stage(canary, rollout, scene))


def finalizers(canary: Canary) -> Iterator[Finalizers]:
    """The Canary's finalizers, if they have to change: Serin's is there as long as the app is to be given back."""
    wants = canary.revert_on_deletion and not canary.deleting
    kept = tuple(name for name in canary.finalizers if name != FLAGGER_REVERT and (wants or name != REVERT))
    wanted = (*kept, REVERT) if wants and REVERT not in kept else kept
    if wanted != canary.finalizers:
        yield Finalizers(ObjectId("Canary", canary.name), wanted, canary.resource_version)


def _of_stage(canary: Canary, rollout: Rollout, scene: Scene) -> Iterator[Change]:
    match Stage(rollout.step):
        case Stage.SCALING:
            yield from _weights(canary, rollout, scene)
            yield from _size(canary, rollout, scene)
        case Stage.ROUTING:
            yield from _weights(canary, rollout, scene)
        case Stage.SWITCHING:
            yield from _weights(canary, rollout, scene)
            yield from _apex(canary, scene)
        case Stage.RESTORING:
            yield from _router(canary, scene)
        case Stage.REMOVING:
            yield from islice(_generated(canary, scene), REMOVALS)
        case Stage.CLEARING:
            yield from islice(_copies(canary, scene), REMOVALS)
        case Stage.LEAVING:
            yield from finalizers(canary)


def _weights(canary: Canary, rollout: Rollout, scene: Scene) -> Iterator[Write]:
    for router, live in _own_router(canary, scene):
        obj = router.show(canary, rollout.route, rollout.version)
        if not up_to_date(live, obj):
            yield Write(obj, live)


def _size(canary: Canary, rollout: Rollout, scene: Scene) -> Iterator[Change]:
    """At least the primary's size, which its own autoscaler may limit: against that one nobody wins."""
    target = target_of(canary, scene)
    if target is None or rollout.replicas is None:
        return
    wanted, scaler, live = rollout.replicas, autoscaler_id(canary), autoscaler_of(canary, scene)
    if scaler is not None and live is not None:
        wanted = min(wanted, most_replicas(live))
        if is_paused(live):
            yield Pause(scaler, paused=False)
    if is_smaller(target, wanted):
        yield Scale(target_id(canary), wanted)


def _apex(canary: Canary, scene: Scene) -> Iterator[Restore]:
    wanted, target = ObjectId("Service", canary.service.name), target_of(canary, scene)
    live = _own(canary, scene, wanted)
    if live is not None and target is not None:
        yield Restore(wanted, original_apex(live, target))


def _router(canary: Canary, scene: Scene) -> Iterator[Change]:
    for router, live in _own_router(canary, scene):
        wanted, original = router.id(canary), original_router(live, canary, router)
        yield Restore(wanted, original) if original is not None else _removal(wanted, live)


def _generated(canary: Canary, scene: Scene) -> Iterator[Delete]:
    """What nobody uses any more, the pods last."""
    router, scaler = router_of(canary), primary_autoscaler_id(canary)
    sides = (canary.service.canary_name, canary.service.primary_name)
    names = [*(router.ids_beside(canary) if router else ()), *(ObjectId("Service", name) for name in sides)]
    if scaler is not None:
        names.append(scaler)
    for name in dict.fromkeys((*names, primary_id(canary))):
        live = _own(canary, scene, name)
        if live is not None:
            yield _removal(name, live)


def _copies(canary: Canary, scene: Scene) -> Iterator[Delete]:
    for name in scene.objects:
        live = _own(canary, scene, name)
        if live is not None and name.kind in KINDS.values() and name.name.endswith(SUFFIX):
            yield _removal(name, live)


def _own_router(canary: Canary, scene: Scene) -> Iterator[tuple[Router, Json]]:
    """The Canary's router with its live object, if that is there and belongs to the Canary."""
    router = router_of(canary)
    live = _own(canary, scene, router.id(canary)) if router else None
    if router is not None and live is not None:
        yield router, live


def _own(canary: Canary, scene: Scene, wanted: ObjectId) -> Json | None:
    """The live object, if it is there and belongs to the Canary."""
    live = scene.objects.get(wanted)
    return live if live is not None and belongs(live, canary) else None


def _removal(name: ObjectId, live: Json) -> Delete:
    return Delete(name, live["metadata"]["uid"])
