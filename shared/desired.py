"""What the cluster has to be changed into, from what was committed and what was looked at. Pure: a list of changes, in
a safe order.

Order is safety: copies of configs before the primary that mounts them, the primary ready before the apex moves to it,
the router before the target is scaled down. Only what was looked at is written, so a tick never does the next one's
work.

It must never write: ``cluster.converge`` does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.canary.model import HPA, SCALED_OBJECT
from shared.changes import Pause, Raise, Restore, Scale, Write
from shared.farewell import farewell, finalizers
from shared.observed import Look
from shared.render.autoscaler import is_paused, primary_autoscaler
from shared.render.configs import copy_config
from shared.render.copies import canary_copy, obstacle
from shared.render.differences import up_to_date
from shared.render.original import keep_original
from shared.render.ownership import belongs, is_flaggers, take_over
from shared.render.pods import selector_label
from shared.render.router import is_left_behind, router_of
from shared.render.service import apex_service, canary_service, primary_service
from shared.render.workload import carried_revision, primary_workload
from shared.revision import revision_mark, template_forms, tracked_refs, unlike
from shared.rollout import Phase
from shared.scene import (
    ObjectId,
    autoscaler_id,
    autoscaler_of,
    configs_of,
    missing_configs,
    primary_id,
    primary_of,
    target_id,
    target_of,
)
from shared.workload import parse_workload, runs_pods, serving, size_of, template_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.canary.model import Canary
    from shared.changes import Change
    from shared.json_types import Json
    from shared.rollout import Rollout
    from shared.scene import Scene


_WRITTEN_AT_PROMOTION = frozenset({"ConfigMap", "Secret", HPA, SCALED_OBJECT})
"""Beside the primary itself."""


@dataclass(frozen=True, slots=True)
class Aim:
    """What to aim at: the Canary, its committed rollout, and what was looked at."""

    canary: Canary
    rollout: Rollout
    scene: Scene

    @property
    def primary_serves(self) -> bool:
        """Whether the primary has pods that can take traffic, and is the Canary's own."""
        primary = primary_of(self.canary, self.scene)
        return primary is not None and belongs(primary, self.canary) and serving(parse_workload(primary))


def changes(canary: Canary, rollout: Rollout, scene: Scene) -> tuple[Change, ...]:
    """Every change that is needed, first things first. Refused if the target has no usable selector."""
    if canary.deleting:
        return farewell(canary, rollout, scene)
    aim = Aim(canary, rollout, scene)
    return tuple(change for change in _all(aim) if not _is_stranger(aim, change))


def strangers(canary: Canary, rollout: Rollout, scene: Scene) -> tuple[ObjectId, ...]:
    """Objects in the way: they have a generated name, but were made by somebody else for something else."""
    aim = Aim(canary, rollout, scene)
    return tuple(change.id for change in _all(aim) if _is_stranger(aim, change))


def _all(aim: Aim) -> Iterator[Change]:
    yield from finalizers(aim.canary)
    yield from _workload(aim)
    yield from _autoscaler(aim)
    yield from _services(aim)
    yield from _copy(aim, there=False)
    yield from _growth(aim)
    yield from _router(aim)
    yield from _copy(aim, there=True)
    yield from _scale(aim)
    yield from _flaggers(aim)


def _is_stranger(aim: Aim, change: Change) -> bool:
    """Never overwritten.

    The apex service and the router are taken over: an app that comes to Serin has them already.
    """
    if not isinstance(change, Write) or change.live is None or belongs(change.live, aim.canary):
        return False
    return not _is_taken_over(aim, change.id)


def _is_taken_over(aim: Aim, wanted: ObjectId) -> bool:
    router = router_of(aim.canary)
    return wanted == ObjectId("Service", aim.canary.service.name) or (
        router is not None and wanted == router.id(aim.canary)
    )


def _workload(aim: Aim) -> Iterator[Change]:
    """The primary with the copies that it mounts: at initialization, at promotion, and when it is gone."""
    target, primary = target_of(aim.canary, aim.scene), primary_of(aim.canary, aim.scene)
    if target is None or _leads_nowhere(aim, target) or not _may_copy(aim, target, primary):
        return
    renewed = unlike(aim.rollout.promoted, aim.rollout.applied)
    sources = configs_of(aim.canary, aim.scene)
    wanted = (copy_config(aim.canary, source) for ref, source in sources.items() if not primary or str(ref) in renewed)
    copies = tuple(copy for obj in wanted for copy in _write(aim, obj))
    yield from copies
    if any(_is_stranger(aim, copy) for copy in copies):
        return
    tracked = tuple(ref for ref in tracked_refs(template_of(target)) if str(ref) in aim.rollout.applied.configs)
    mark = revision_mark(aim.rollout.applied)
    yield Write(primary_workload(aim.canary, target, primary, tracked, mark, max(size_of(target), 1)), primary)


def _may_copy(aim: Aim, target: Json, primary: Json | None) -> bool:
    """A primary is made only of what was promoted, is being promoted, or is the very first revision."""
    look, rollout = aim.scene.look, aim.rollout
    forms = template_forms(template_of(target))
    if rollout.applied.template not in forms or missing_configs(aim.canary, aim.scene):
        return False
    if Look.COPIES in look:
        carried = carried_revision(primary) if primary else ""
        return rollout.phase is Phase.PROMOTING and bool(primary) and carried != revision_mark(rollout.applied)
    return Look.CONFIGS in look and primary is None and rollout.applied == rollout.promoted


def _autoscaler(aim: Aim) -> Iterator[Change]:
    """The primary's autoscaler follows the target's when promotion ends; else it is only put back when it is gone."""
    source = autoscaler_of(aim.canary, aim.scene)
    if source is None or aim.canary.autoscaler is None or not (Look.AUTOSCALER & aim.scene.look):
        return
    obj = primary_autoscaler(aim.canary, aim.canary.autoscaler, source)
    if Look.GENERATED not in aim.scene.look or aim.scene.get(obj["kind"], obj["metadata"]["name"]) is None:
        yield from _write(aim, obj)


def _flaggers(aim: Aim) -> Iterator[Restore]:
    """What Flagger made and Serin only writes at promotion: Kubernetes must not delete it together with the Canary."""
    if Look.GENERATED not in aim.scene.look or primary_of(aim.canary, aim.scene) is None:
        return
    for wanted, live in aim.scene.objects.items():
        rarely_written = wanted.kind in _WRITTEN_AT_PROMOTION or wanted == primary_id(aim.canary)
        if rarely_written and live is not None and is_flaggers(live):
            yield Restore(wanted, take_over(live, aim.canary))


def _growth(aim: Aim) -> Iterator[Raise]:
    """What a side lacks for the traffic that it is to get. A target at zero is not raised: whether it is, is decided
    elsewhere.
    """
    target, primary = target_of(aim.canary, aim.scene), primary_of(aim.canary, aim.scene)
    sides = (
        (target_id(aim.canary), target, aim.rollout.canary_floor),
        (primary_id(aim.canary), primary, aim.rollout.primary_floor),
    )
    for side, live, floor in sides:
        if live is not None and 0 < size_of(live) < floor:
            yield Raise(side, floor)


def _services(aim: Aim) -> Iterator[Change]:
    target = target_of(aim.canary, aim.scene)
    if Look.GENERATED not in aim.scene.look or target is None or not runs_pods(aim.canary.target.kind):
        return
    label = selector_label(target, primary_of(aim.canary, aim.scene))
    yield from _write(aim, canary_service(aim.canary, target, label))
    yield from _write(aim, primary_service(aim.canary, target, label))
    if aim.primary_serves:
        yield from _write(aim, apex_service(aim.canary, target, label))


def _copy(aim: Aim, *, there: bool) -> Iterator[Write]:
    """The canary's copy of a target that is a Service, made before the router names it. One that is ``there`` may have
    traffic: it is of the revision that was committed and no other, and written after the router has sent that home.
    """
    target, name = target_of(aim.canary, aim.scene), aim.canary.service.canary_name
    if target is None or runs_pods(aim.canary.target.kind) or _leads_nowhere(aim, target):
        return
    live = aim.scene.get("Service", name)
    mark = aim.rollout.applied.template
    if there is (live is not None) and mark in template_forms(template_of(target)):
        yield from _write(aim, canary_copy(aim.canary, target, live, mark))


def _leads_nowhere(aim: Aim, side: Json | None) -> bool:
    """Whether requests that the router sent to a copy of this side would find nobody."""
    if side is None or runs_pods(aim.canary.target.kind):
        return False
    return bool(obstacle(aim.canary, side, primary_of(aim.canary, aim.scene)))


def _router(aim: Aim) -> Iterator[Change]:
    """The weights as committed; before initialization is over, only once the primary can take the traffic. None in
    place of a router that is left behind: two would be one too many to bring home.
    """
    router = router_of(aim.canary)
    if Look.ROUTER not in aim.scene.look or router is None or is_left_behind(aim.canary, aim.rollout):
        return
    if aim.rollout.phase is Phase.INITIALIZING and not aim.primary_serves:
        return
    if _leads_nowhere(aim, primary_of(aim.canary, aim.scene)):
        return
    if Look.GENERATED in aim.scene.look:
        for obj in router.beside(aim.canary):
            yield from _write(aim, obj)
    yield from _write(aim, router.show(aim.canary, aim.rollout.route, aim.rollout.version))


def _scale(aim: Aim) -> Iterator[Change]:
    """The target's size: zero or not zero is Serin's, the number in between is its autoscaler's."""
    wanted = aim.rollout.replicas
    if wanted is None or not runs_pods(aim.canary.target.kind):
        return
    moves = _moves(aim, wanted)
    yield from _pause(aim, paused=not wanted, anyway=moves)
    if moves:
        yield Scale(target_id(aim.canary), wanted)


def _moves(aim: Aim, wanted: int) -> bool:
    """Whether the target has to be brought from zero or to zero; a target that was not looked at, only to zero."""
    target = target_of(aim.canary, aim.scene)
    if target is None:
        return not wanted and target_id(aim.canary) not in aim.scene.objects
    return bool(size_of(target)) != bool(wanted)


def _pause(aim: Aim, *, paused: bool, anyway: bool) -> Iterator[Pause]:
    """KEDA scales a target at zero up again unless it is told not to. What was not looked at is told ``anyway``."""
    scaler, live = autoscaler_id(aim.canary), autoscaler_of(aim.canary, aim.scene)
    if scaler is None or aim.canary.autoscaler is None or not aim.canary.autoscaler.pausable:
        return
    if is_paused(live) != paused if live is not None else anyway:
        yield Pause(scaler, paused)


def _write(aim: Aim, obj: Json) -> Iterator[Write]:
    """A write, unless the live object is as desired already."""
    name, kind = obj["metadata"]["name"], obj["kind"]
    live = aim.scene.get(kind, name)
    if live is None or not up_to_date(live, obj):
        kept = keep_original(obj, live) if live is not None and _is_taken_over(aim, ObjectId(kind, name)) else obj
        yield Write(kept, live, looked=aim.scene.knows(kind, name))
