"""The state of the demo at one moment, as plain values: what the live view draws and what the plain one prints.

It holds what was read, never where from: the view can be looked at, and tested, without anything running.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared.checks.verdict import Verdict
from shared.rollout import Severity

if TYPE_CHECKING:
    from datetime import datetime


_UNITS = {"request-success-rate": "%", "request-duration": "ms"}


@dataclass(frozen=True, slots=True)
class Scene:
    """Where the story is: ``number`` of ``total`` (0: none), what happens (``title``), what to see (``caption``)."""

    number: int
    total: int
    title: str
    caption: str


@dataclass(frozen=True, slots=True)
class Side:
    """One side of the traffic split: its pods, and what they answered lately.

    ``version`` is the image's tag (empty: there is no Deployment); of its ``pods`` so many are ``ready``, and so many
    are ``updated`` to that version. ``rate`` and ``errors`` are requests per second.
    """

    version: str = ""
    pods: int = 0
    ready: int = 0
    updated: int = 0
    rate: float = 0.0
    errors: float = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A check's last answer, if any; ``trail`` holds its verdicts of this run, oldest first, the last included."""

    name: str
    value: float | None = None
    bounds: str = ""
    trail: tuple[Verdict, ...] = ()

    @property
    def verdict(self) -> Verdict | None:
        """The last verdict; None before the first."""
        return self.trail[-1] if self.trail else None

    @property
    def reading(self) -> str:
        """The value with its unit, as people read it."""
        return "no value" if self.value is None else f"{self.value:.2f} {_UNITS.get(self.name, '')}".rstrip()


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of Serin's log."""

    at: datetime
    severity: Severity
    text: str


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything there is to see.

    ``weights`` are the steps of the analysis, ``weight`` is the canary's share in percent (None: there is no route),
    ``elapsed`` counts seconds since the start, ``lost`` requests that nobody answered.
    """

    scene: Scene
    elapsed: float = 0.0
    phase: str = ""
    weight: int | None = None
    weights: tuple[int, ...] = ()
    failed: int = 0
    threshold: int = 0
    primary: Side = field(default_factory=Side)
    canary: Side = field(default_factory=Side)
    lost: int = 0
    answers: tuple[Answer, ...] = ()
    happenings: tuple[Happening, ...] = ()

    @property
    def steps_taken(self) -> int:
        """How many steps of the analysis the router shows."""
        return sum(step <= (self.weight or 0) for step in self.weights)


__all__ = ["Answer", "Happening", "Picture", "Scene", "Severity", "Side", "Verdict"]
