"""The live objects of one Canary that a tick looked at, raw, and what the engine may see of them.

"Not looked at" and "not there" are different things: only what was looked at can be judged to be missing.

It must never read from a cluster: ``cluster.observe`` fills it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.revision import Sighting, config_forms, template_forms, trackable, tracked_refs
from shared.workload import runs_pods, template_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shared.canary.model import Canary
    from shared.json_types import Json
    from shared.observed import Look
    from shared.revision import ConfigRef
    from shared.rollout import Revision


@dataclass(frozen=True, slots=True)
class ObjectId:
    """An object in the Canary's namespace."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Scene:
    """What was looked at: ``objects`` maps to None what is not there."""

    look: Look
    objects: Mapping[ObjectId, Json | None]

    def get(self, kind: str, name: str) -> Json | None:
        """The live object; None if it is not there or was not looked at."""
        return self.objects.get(ObjectId(kind, name))

    def knows(self, kind: str, name: str) -> bool:
        """Whether the object was looked at."""
        return ObjectId(kind, name) in self.objects


KINDS = {"configmap": "ConfigMap", "secret": "Secret"}
"""Kinds of tracked configs by the word that ``trackedConfigs`` uses."""


def config_id(ref: ConfigRef) -> ObjectId:
    """The object that a reference names."""
    return ObjectId(KINDS[ref.kind], ref.name)


def target_of(canary: Canary, scene: Scene) -> Json | None:
    """The user's workload."""
    return scene.objects.get(target_id(canary))


def primary_of(canary: Canary, scene: Scene) -> Json | None:
    """The generated workload that serves production."""
    return scene.objects.get(primary_id(canary))


def target_id(canary: Canary) -> ObjectId:
    """The user's workload."""
    return ObjectId(canary.target.kind, canary.target.name)


def canary_ids(canary: Canary) -> tuple[ObjectId, ...]:
    """What gets the canary's requests: the target, and its copy if it is a Service itself."""
    copies = () if runs_pods(canary.target.kind) else (ObjectId("Service", canary.service.canary_name),)
    return (target_id(canary), *copies)


def primary_id(canary: Canary) -> ObjectId:
    """The generated workload that serves production."""
    return ObjectId(canary.target.kind, canary.primary_name)


def autoscaler_of(canary: Canary, scene: Scene) -> Json | None:
    """What scales the target, which is the user's."""
    wanted = autoscaler_id(canary)
    return scene.objects.get(wanted) if wanted else None


def autoscaler_id(canary: Canary) -> ObjectId | None:
    """What scales the target, if the Canary names it."""
    return ObjectId(canary.autoscaler.ref.kind, canary.autoscaler.ref.name) if canary.autoscaler else None


def primary_autoscaler_id(canary: Canary) -> ObjectId | None:
    """What scales the primary, if something does."""
    return ObjectId(canary.autoscaler.ref.kind, canary.autoscaler.primary_name) if canary.autoscaler else None


def configs_of(canary: Canary, scene: Scene) -> dict[ConfigRef, Json]:
    """The tracked configs of the target that were looked at, are there, and may be tracked."""
    target = target_of(canary, scene)
    refs = tracked_refs(template_of(target)) if target else ()
    found = ((ref, scene.objects.get(config_id(ref))) for ref in refs)
    return {ref: obj for ref, obj in found if obj is not None and trackable(obj)}


def sighting_of(canary: Canary, scene: Scene, known: Revision, keys: Sequence[bytes]) -> Sighting | None:
    """What the target is made of now; configs that were not looked at are as ``known``. None without a target."""
    target = target_of(canary, scene)
    if target is None:
        return None
    template = template_of(target)
    refs = tracked_refs(template)
    seen = {str(ref): config_forms(ref, obj, keys) for ref, obj in configs_of(canary, scene).items()}
    unseen = {str(ref) for ref in refs if config_id(ref) not in scene.objects}
    kept = {name: (digest,) for name, digest in known.configs.items() if name in unseen}
    return Sighting(template_forms(template), {**kept, **seen})


def missing_configs(canary: Canary, scene: Scene) -> tuple[ConfigRef, ...]:
    """Required configs of the target that are not there."""
    target = target_of(canary, scene)
    refs = tracked_refs(template_of(target)) if target else ()
    return tuple(ref for ref in refs if not ref.optional and scene.objects.get(config_id(ref), {}) is None)
