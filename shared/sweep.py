"""The sweep: a few paged lists of a whole cluster, to find what no hint told of: new Canaries, changed targets, deleted
ones.

It compares and wakes; it never decides. Its cost is the same few requests for one Canary and for five hundred.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from shared.canary import parse_canary
from shared.cluster.kinds import BY_NAME, Kind
from shared.errors import InvalidCanary, StaleRollout
from shared.heartbeat import guarded_tick
from shared.observed import Look
from shared.render.differences import at
from shared.revision import changed, renewed
from shared.rollout import RESTING, Phase, RolloutKey, with_hint
from shared.scene import KINDS, ObjectId, Scene, sighting_of
from shared.workload import TARGETS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from shared.cluster.gateway import Gateway
    from shared.json_types import Json
    from shared.revision import Sighting
    from shared.rollout import Rollout
    from shared.tick import Parts

CONCURRENCY = 8


def sweep(parts: Parts, cluster: str) -> int:
    """Wake every rollout that has something to look at, make those that are missing; how many there were."""
    gateway = parts.gateway(cluster)
    canaries = {_key(cluster, raw): raw for raw in _every(parts, gateway, Kind.CANARY)}
    rollouts = dict(parts.store.all(cluster))
    with_configs = any(rollout.applied.configs for rollout in rollouts.values())
    kinds = (*_target_kinds(canaries.values()), *(KINDS.values() if with_configs else ()))
    objects = _objects(parts, gateway, kinds) if canaries else {}
    missing = [key for key in canaries if key not in rollouts]
    stale = [key for key, rollout in rollouts.items() if _calls(parts, key, rollout, canaries.get(key), objects)]
    for key in stale:
        _wake(parts, key, rollouts[key])
    with ThreadPoolExecutor(CONCURRENCY, thread_name_prefix="sweep") as pool:
        list(pool.map(lambda key: guarded_tick(parts, key), missing))
    if parts.store.next_due(cluster) is not None:
        parts.jobs.force(cluster)
    parts.store.expire(parts.clock())
    if missing or stale:
        parts.log.info("Sweep", cluster=cluster, canaries=len(canaries), made=len(missing), woken=len(stale))
    return len(missing) + len(stale)


def _calls(
    parts: Parts, key: RolloutKey, rollout: Rollout, raw: Json | None, objects: Mapping[str, Mapping[ObjectId, Json]]
) -> bool:
    """Whether a rollout has to look: its Canary is gone or edited, or its target is another revision.

    Who is at work finds that without help, but for the configs of a run: its ticks look at them only when told.
    """
    if raw is None:
        return True
    if not rollout.active and raw["metadata"]["generation"] != rollout.reconciled:
        return True
    if not (rollout.phase is Phase.PROGRESSING if rollout.active else rollout.phase in RESTING):
        return False
    try:
        canary = parse_canary(raw)
    except InvalidCanary:
        return False
    live = objects.get(key.namespace, {})
    objects_seen: dict[ObjectId, Json | None] = {**_absent(rollout), **live}
    scene = Scene(Look.TARGET | Look.CONFIGS, objects_seen)
    sighting = sighting_of(canary, scene, rollout.applied, parts.keys)
    return sighting is None or _differs(rollout, sighting)


def _differs(rollout: Rollout, sighting: Sighting) -> bool:
    """Whether the target is another revision, or is to be recorded in another form."""
    seen = sighting.like(rollout.applied)
    rerecorded = renewed(rollout, seen, sighting.fresh) != (rollout.applied, rollout.promoted)
    return bool(changed(rollout.applied, seen)) or rerecorded


def _absent(rollout: Rollout) -> dict[ObjectId, None]:
    """Configs that were tracked: those that no list shows are gone, not unseen."""
    parted = (name.partition("/") for name in rollout.applied.configs)
    return {ObjectId(KINDS[kind], name): None for kind, _, name in parted}


def _target_kinds(canaries: Iterable[Json]) -> tuple[str, ...]:
    """The kinds of workloads that some Canary releases: no other is listed."""
    named = [at(raw, ("spec", "targetRef", "kind")) for raw in canaries]
    return tuple(kind for kind in TARGETS if kind in named)


def _objects(parts: Parts, gateway: Gateway, kinds: Iterable[str]) -> dict[str, dict[ObjectId, Json]]:
    """Objects of these kinds, by namespace."""
    found: dict[str, dict[ObjectId, Json]] = {}
    for word in kinds:
        for obj in _every(parts, gateway, BY_NAME[word]):
            metadata = obj["metadata"]
            found.setdefault(metadata["namespace"], {})[ObjectId(word, metadata["name"])] = obj
    return found


def _every(parts: Parts, gateway: Gateway, kind: Kind) -> Iterator[Json]:
    """Every object of a kind that Serin looks after."""
    for namespace in parts.namespaces or (None,):
        yield from gateway.every(kind, namespace)


def _wake(parts: Parts, key: RolloutKey, rollout: Rollout) -> None:
    try:
        parts.store.commit(key, with_hint(rollout, parts.clock()), None)
    except StaleRollout:
        return


def _key(cluster: str, raw: Json) -> RolloutKey:
    return RolloutKey(cluster, raw["metadata"]["namespace"], raw["metadata"]["name"])
