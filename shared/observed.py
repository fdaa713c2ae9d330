"""What a tick saw of the cluster, as values: the engine's only window to the world.

A tick looks at little: ``Look`` names what a rollout needs in its phase, and what was not looked at can neither be
judged nor written.

It must never hold a client or raw API objects.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Flag, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.rollout import Revision
    from shared.workload import Workload


class Look(Flag):
    """What to look at, beside the Canary itself."""

    NOTHING = 0
    TARGET = auto()
    PRIMARY = auto()
    ROUTER = auto()
    CONFIGS = auto()
    """Every tracked config."""
    AUTOSCALER = auto()
    """What scales the target, and what scales the primary, which follows it."""
    PAUSE = auto()
    """What scales the target, if it has to be told to leave it at zero."""
    COPIES = auto()
    """The copies of tracked configs and the primary's template are to be written: those configs that differ from the
    promoted ones, and no others.
    """
    APEX = auto()
    """The service that callers use."""
    LEFTOVERS = auto()
    """Every ConfigMap and Secret of the namespace that is a copy made for this Canary."""
    GENERATED = auto()
    """Everything that Serin generates: services, destination rules, copies, autoscaler."""
    ALL = TARGET | PRIMARY | ROUTER | CONFIGS | AUTOSCALER | GENERATED


@dataclass(frozen=True, slots=True)
class Observed:
    """One tick's view of one Canary.

    ``revision`` is what the target is made of now, to be compared with what was applied; None when it was not looked at
    or a part of it cannot be read. ``fresh`` is the same in the form that is recorded from now on, if that is another.
    ``carried`` is the mark of the revision that the primary says it carries.
    ``drift`` names generated objects that are not as the committed rollout says, e.g. ``VirtualService frontend``.
    ``problems`` are sentences on what keeps the rollout from going on, e.g. a missing autoscaler.
    ``pending`` says why the router's object is not in force yet; empty if it is, or if nobody can tell.
    """

    look: Look
    target: Workload | None = None
    primary: Workload | None = None
    revision: Revision | None = None
    fresh: Revision | None = None
    carried: str = ""
    drift: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    pending: str = ""
