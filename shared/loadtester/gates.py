"""When a gate is open: the rules, without a clock or a file.

A person opens a gate for one run of one Canary. A run is told by the checksum and the build that its hooks send: the
first that asks at an open gate takes it, and any other that asks closes it. So yesterday's yes never lets today's
release pass. What nobody asks at any more closes too, because the end of a run is silent: after the patience, counted
from the last time that its own run asked. A caller who names no run (Flagger 0.6, a person) neither takes a gate nor
keeps it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime, timedelta


class Kind(StrEnum):
    """What a gate is asked for."""

    GATE = "gate"
    """May the release go on?"""
    ROLLBACK = "rollback"
    """Is the release to be taken back?"""


@dataclass(frozen=True, slots=True)
class Run:
    """Flagger's ``checksum``, the same for each run of one revision, and ``buildId``, which differs; empty: unsaid."""

    checksum: str = ""
    build: str = ""

    def __bool__(self) -> bool:
        """Whether it names a run at all."""
        return bool(self.checksum or self.build)

    def fits(self, other: Run) -> bool:
        """Whether both can be names of the same run."""
        pairs = ((self.checksum, other.checksum), (self.build, other.build))
        return all(one == another or not (one and another) for one, another in pairs)

    def joined(self, other: Run) -> Run:
        """What both say of the same run."""
        return Run(self.checksum or other.checksum, self.build or other.build)


@dataclass(frozen=True, slots=True)
class Gate:
    """An open gate; a closed one is None. ``run`` is what is known of the run that it is open for."""

    asked_at: datetime
    run: Run = field(default_factory=Run)


def end(gate: Gate | None, run: Run) -> Gate | None:
    """The gate after ``run`` has ended; word of it may come late, when the gate is open for another already."""
    return None if gate is None or gate.run.fits(run) else gate


def ask(gate: Gate | None, run: Run, now: datetime, patience: timedelta) -> Gate | None:
    """The gate after ``run`` has asked at it: the answer is yes if there still is one."""
    if gate is None or now - gate.asked_at > patience:
        return None
    if not run:
        return gate
    if not gate.run.fits(run):
        return None
    return Gate(max(now, gate.asked_at), gate.run.joined(run))
