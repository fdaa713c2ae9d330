"""observe(): the few reads that a rollout needs in its phase, and what the engine gets to see of them.

A read that fails raises, and holds the tick: an error is never taken for a change. An object that is not there is a
fact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.changes import Finalizers, Raise
from shared.cluster.kinds import BY_NAME, kind_of
from shared.desired import changes, strangers
from shared.errors import Refused
from shared.observed import Look, Observed
from shared.render.copies import obstacle
from shared.render.ownership import belongs
from shared.render.router import is_left_behind, router_of
from shared.render.workload import carried_revision
from shared.revision import revision_mark, template_forms, tracked_refs, unlike
from shared.rollout import Phase
from shared.scene import (
    KINDS,
    ObjectId,
    Scene,
    autoscaler_id,
    canary_ids,
    config_id,
    missing_configs,
    primary_autoscaler_id,
    primary_id,
    primary_of,
    sighting_of,
    target_id,
    target_of,
)
from shared.workload import parse_workload, runs_pods, template_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from shared.canary.model import Canary
    from shared.cluster.gateway import Gateway
    from shared.json_types import Json
    from shared.rollout import Rollout


def look_at(gateway: Gateway, canary: Canary, rollout: Rollout, look: Look) -> Scene:
    """Read what ``look`` names. Raises ClusterUnavailable or Refused when an answer is missing."""
    objects: dict[ObjectId, Json | None] = {}

    def read(wanted: Iterable[ObjectId]) -> None:
        for one in wanted:
            if one not in objects:
                objects[one] = gateway.get(kind_of(one.kind, canary), canary.namespace, one.name)

    primary, target = primary_id(canary), target_id(canary)
    if Look.COPIES in look:
        read((primary,))
        look = _after_copying(look, rollout, objects[primary])
    read(_first(canary, look))
    read(_second(rollout, objects.get(target), look))
    if Look.LEFTOVERS in look:
        objects.update(_copies(gateway, canary))
    return Scene(look, objects)


def see(canary: Canary, rollout: Rollout, scene: Scene, keys: Sequence[bytes]) -> Observed:
    """What the engine may know of a scene. ``keys`` are the installation's, for the hashes of Secrets."""
    target, primary = target_of(canary, scene), primary_of(canary, scene)
    problems = () if canary.deleting else tuple(_problems(canary, rollout, scene))
    sighting = None if problems else sighting_of(canary, scene, rollout.applied, keys)
    return Observed(
        look=scene.look,
        target=parse_workload(target) if target else None,
        primary=parse_workload(primary) if primary else None,
        revision=sighting.like(rollout.applied) if sighting else None,
        fresh=sighting.fresh if sighting else None,
        carried=carried_revision(primary) if primary else "",
        drift=() if problems else _drift(canary, rollout, scene),
        problems=problems,
        pending=_pending(canary, scene),
    )


def _after_copying(look: Look, rollout: Rollout, primary: Json | None) -> Look:
    """A primary that carries the revision needs no copies any more: the same tick can bring traffic home."""
    carries = primary is not None and carried_revision(primary) == revision_mark(rollout.applied)
    return Look.PRIMARY | Look.ROUTER | Look.TARGET if carries else look


def _first(canary: Canary, look: Look) -> Iterator[ObjectId]:
    if Look.TARGET in look:
        yield from canary_ids(canary)
    if Look.PRIMARY in look:
        yield primary_id(canary)
    router = router_of(canary)
    if Look.ROUTER in look and router is not None:
        yield router.id(canary)
    if Look.APEX in look:
        yield ObjectId("Service", canary.service.name)
    yield from _autoscalers(canary, look)
    if Look.GENERATED in look:
        yield from _generated(canary)


def _autoscalers(canary: Canary, look: Look) -> Iterator[ObjectId]:
    scaler, primarys = autoscaler_id(canary), primary_autoscaler_id(canary)
    if (Look.AUTOSCALER | Look.PAUSE) & look and scaler is not None:
        yield scaler
    if (Look.AUTOSCALER | Look.GENERATED) & look and primarys is not None:
        yield primarys


def _generated(canary: Canary) -> Iterator[ObjectId]:
    service, router = canary.service, router_of(canary)
    for name in (service.name, service.canary_name, service.primary_name):
        yield ObjectId("Service", name)
    yield from router.ids_beside(canary) if router else ()


def _second(rollout: Rollout, target: Json | None, look: Look) -> Iterator[ObjectId]:
    """Configs, which only the target can name, and those of their copies whose owner is not known yet."""
    if target is None or rollout.phase is Phase.TERMINATING:
        return
    template = template_of(target)
    ids = [config_id(ref) for ref in tracked_refs(template)]
    if Look.CONFIGS in look or rollout.applied.template not in template_forms(template):
        yield from ids
    elif Look.COPIES in look:
        renewed = unlike(rollout.promoted, rollout.applied)
        yield from (config_id(ref) for ref in tracked_refs(template) if str(ref) in renewed)
    if Look.GENERATED in look and (rollout.phase is Phase.INITIALIZING or not rollout.reconciled):
        yield from (ObjectId(wanted.kind, f"{wanted.name}-primary") for wanted in ids)
    elif Look.COPIES in look:
        fresh = {ref for ref in tracked_refs(template) if str(ref) not in rollout.promoted.configs}
        yield from (ObjectId(config_id(ref).kind, f"{ref.name}-primary") for ref in sorted(fresh, key=str))


def _copies(gateway: Gateway, canary: Canary) -> Iterator[tuple[ObjectId, Json]]:
    """Copies of configs that belong to the Canary, of earlier revisions too: two lists, however many there are."""
    for kind in KINDS.values():
        for obj in gateway.every(BY_NAME[kind], canary.namespace):
            if belongs(obj, canary):
                yield ObjectId(kind, obj["metadata"]["name"]), obj


def _drift(canary: Canary, rollout: Rollout, scene: Scene) -> tuple[str, ...]:
    """What is not as committed. A primary that promotion is about to write, or a side that is to grow, is work."""
    if Look.COPIES in scene.look:
        return ()
    wanted = changes(canary, rollout, scene)
    told = (one for one in wanted if not isinstance(one, Raise))
    seen = (one.id for one in told if isinstance(one, Finalizers) or scene.knows(one.id.kind, one.id.name))
    return tuple(dict.fromkeys(map(str, seen)))


def _pending(canary: Canary, scene: Scene) -> str:
    """Why the router does not show yet what its object says."""
    router = router_of(canary)
    live = scene.objects.get(router.id(canary)) if router else None
    reason = router.pending(live) if router and live else ""
    return f"{router.id(canary)}.{canary.namespace} {reason}" if router and reason else ""


def _problems(canary: Canary, rollout: Rollout, scene: Scene) -> Iterator[str]:
    """What a person has to put right before this rollout can go on."""
    target, name = target_of(canary, scene), f"{canary.target.name}.{canary.namespace}"
    if Look.TARGET in scene.look and target is None and rollout.replicas is None:
        yield f"{canary.target.word} {name} not found: create it, or delete the Canary"
    if not runs_pods(canary.target.kind):
        yield from _dead_ends(canary, scene)
    if is_left_behind(canary, rollout):
        yield (
            f"spec.provider is {canary.provider}, but the router before {_still_sends(rollout)} to {name}: "
            "set it back, and change it when no run is under way"
        )
    for ref in missing_configs(canary, scene):
        yield f"{config_id(ref)} is referenced by {canary.target.word} {name} but does not exist: create it"
    scaler = autoscaler_id(canary)
    if Look.AUTOSCALER in scene.look and scaler is not None and scene.objects.get(scaler) is None:
        yield f"{scaler}.{canary.namespace} not found: create it, or remove spec.autoscalerRef"
    try:
        yield from _obstacles(canary, rollout, scene)
    except Refused as error:
        yield str(error)


def _dead_ends(canary: Canary, scene: Scene) -> Iterator[str]:
    """What keeps Services from being copied, or from being routed to."""
    target, primary = target_of(canary, scene), primary_of(canary, scene)
    for side in (target, primary):
        if side is not None and (reason := obstacle(canary, side, primary)):
            yield reason


def _still_sends(rollout: Rollout) -> str:
    return f"still sends {rollout.weight}%" if rollout.weight else "may still send requests"


def _obstacles(canary: Canary, rollout: Rollout, scene: Scene) -> Iterator[str]:
    primary = primary_of(canary, scene)
    in_its_place = (primary_id(canary),) if primary is not None and not belongs(primary, canary) else ()
    for stranger in dict.fromkeys((*in_its_place, *strangers(canary, rollout, scene))):
        yield f"{stranger} exists and does not belong to Canary {canary}: rename or delete it"
    if not _primary_is_lost(canary, rollout, scene):
        return
    restored = {change.id for change in changes(canary, rollout, scene)}
    if primary_id(canary) not in restored:
        yield (
            f"{canary.target.word} {canary.primary_name}.{canary.namespace} is gone and the target holds another "
            f"revision than the promoted one: restore it, or put the promoted revision back into {canary.target.name}"
        )


def _primary_is_lost(canary: Canary, rollout: Rollout, scene: Scene) -> bool:
    """A primary that is gone is made again only of the promoted revision, never of one that nobody analysed."""
    looked = Look.PRIMARY in scene.look and rollout.phase is not Phase.INITIALIZING
    return looked and primary_of(canary, scene) is None
