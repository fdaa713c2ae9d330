"""One thing that was looked at: what was seen, and what helps if it is not as it should be."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How it is. ``unknown``: it could not be looked at, because of something else or for want of a right."""

    OK = "ok"
    WARNING = "warning"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """``remedy`` is a sentence, ``command`` what may be typed or pasted; a finding that is bad has a remedy."""

    area: str
    subject: str
    verdict: Verdict
    seen: str
    remedy: str = ""
    command: str = ""


@dataclass(frozen=True, slots=True)
class Area:
    """A part of an installation: makes the findings about it."""

    name: str

    def ok(self, subject: str, seen: str) -> Finding:
        """It is as it should be."""
        return Finding(self.name, subject, Verdict.OK, seen)

    def warning(self, subject: str, seen: str, remedy: str, command: str = "") -> Finding:
        """It works, and somebody should look at it."""
        return Finding(self.name, subject, Verdict.WARNING, seen, remedy, command)

    def bad(self, subject: str, seen: str, remedy: str, command: str = "") -> Finding:
        """It does not work."""
        return Finding(self.name, subject, Verdict.BAD, seen, remedy, command)

    def unknown(self, subject: str, why: str, remedy: str = "") -> Finding:
        """It was not looked at."""
        return Finding(self.name, subject, Verdict.UNKNOWN, why, remedy)
