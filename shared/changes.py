"""The changes that a tick can make to the cluster, as values: what is wanted, and what was seen in its place.

It must never say why: ``desired`` and ``farewell`` decide what is wanted, ``cluster.converge`` does it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.scene import ObjectId

if TYPE_CHECKING:
    from shared.json_types import Json


@dataclass(frozen=True, slots=True)
class Write:
    """An object to be written.

    ``live`` is what was seen in its place; ``looked`` says whether that was looked at at all.
    """

    obj: Json
    live: Json | None = None
    looked: bool = True

    @property
    def id(self) -> ObjectId:
        """Which object."""
        return ObjectId(self.obj["kind"], self.obj["metadata"]["name"])


@dataclass(frozen=True, slots=True)
class Scale:
    """The target to be scaled."""

    id: ObjectId
    replicas: int


@dataclass(frozen=True, slots=True)
class Raise:
    """A side to be scaled up for the traffic that comes; its autoscaler may change that at any time."""

    id: ObjectId
    replicas: int


@dataclass(frozen=True, slots=True)
class Pause:
    """What scales the target to be told to leave it at zero, or with ``paused`` false to scale it again."""

    id: ObjectId
    paused: bool


@dataclass(frozen=True, slots=True)
class Restore:
    """An object to be written back as a whole, because Serin takes it over or gives it back; ``obj`` has the
    ``resourceVersion`` that was seen.
    """

    id: ObjectId
    obj: Json


@dataclass(frozen=True, slots=True)
class Delete:
    """An object to be deleted, if it is still the one with this ``uid``."""

    id: ObjectId
    uid: str


@dataclass(frozen=True, slots=True)
class Finalizers:
    """All finalizers that the Canary is to have, if it was not written since ``resource_version``."""

    id: ObjectId
    wanted: tuple[str, ...]
    resource_version: str


Change = Write | Scale | Raise | Pause | Restore | Delete | Finalizers
