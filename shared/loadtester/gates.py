"""When a gate is open: the rules, without a clock or a file.

A person opens a gate for one run of one Canary. The run is told by the checksum that its hooks send: the first that
asks at an open gate takes it, and any other that asks closes it. So yesterday's yes never lets today's release pass.
What nobody asks at any more closes too, because the end of a run is silent: after the patience, counted from the last
time that its own run asked. A caller that has no checksum (Flagger 0.6, a person) neither takes a gate nor keeps it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
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
class Gate:
    """An open gate; a closed one is None. ``checksum`` is empty until a run has taken it."""

    asked_at: datetime
    checksum: str = ""


def ask(gate: Gate | None, checksum: str, now: datetime, patience: timedelta) -> Gate | None:
    """The gate after somebody with this ``checksum`` has asked at it: their answer is yes if there still is one."""
    if gate is None or now - gate.asked_at > patience:
        return None
    if not checksum:
        return gate
    if gate.checksum not in ("", checksum):
        return None
    return replace(gate, checksum=checksum, asked_at=max(now, gate.asked_at))
