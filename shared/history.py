"""One entry of a run's history: what one tick decided, and on what evidence. Append-only, and kept for ever unless
``SERIN_HISTORY_DAYS`` says how long.

It must hold no secret: values, queries and names only.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from shared.rollout import moment

if TYPE_CHECKING:
    from datetime import datetime

    from shared.checks.verdict import CheckResult
    from shared.json_types import JsonObject
    from shared.rollout import Command, Line, Phase


@dataclass(frozen=True, slots=True)
class Entry:
    """The decision that made ``version`` of a rollout, in the run ``run``."""

    run: str
    version: int
    at: datetime
    phase: Phase
    weight: int
    lines: tuple[Line, ...] = ()
    results: tuple[CheckResult, ...] = ()
    commands: tuple[Command, ...] = ()

    def to_dict(self) -> JsonObject:
        """The entry as plain JSON types."""
        return {
            "run": self.run,
            "version": self.version,
            "at": moment(self.at),
            "phase": str(self.phase),
            "weight": self.weight,
            "lines": [{"severity": str(line.severity), "text": line.text} for line in self.lines],
            "results": [{**asdict(result), "verdict": str(result.verdict)} for result in self.results],
            "commands": [_told(command) for command in self.commands],
        }


def _told(command: Command) -> JsonObject:
    """Who asked for what, when, where and why; not the URL for the answer, which would let its reader write there."""
    return {
        "id": command.id,
        "verb": str(command.verb),
        "by": command.by,
        "at": moment(command.at),
        "reason": command.reason,
        "source": command.source,
        "revision": command.revision,
        "gate": command.gate,
    }
