"""One command that is run for an installation, as plain data."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Command:
    """A program with its arguments. ``environment`` is added to the user's; its input is what ``reads`` prints, if
    anything."""

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    reads: Command | None = None

    def __str__(self) -> str:
        own = " ".join(
            [*(f"{name}={shlex.quote(value)}" for name, value in self.environment.items()), shlex.join(self.argv)]
        )
        return f"{self.reads} | {own}" if self.reads else own


@dataclass(frozen=True, slots=True)
class Step:
    """A command and the reason for it.

    ``undo`` is what takes it back; a step without one changes nothing that stays. ``advice`` is what to do when it
    fails. ``answers`` are the exit statuses that are no failure.
    """

    why: str
    command: Command
    advice: str
    undo: str = ""
    answers: tuple[int, ...] = (0,)
