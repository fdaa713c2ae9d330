"""What was said while the demo ran: Serin's log lines and the warnings of the demo's own parts, in the order they came.

Lines about the rounds of the scheduler are left out: they say that nothing happened.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from infra.local.picture import Happening, Severity
from shared.checks.wording import clean

if TYPE_CHECKING:
    from shared.json_types import Json

LONGEST = 500
"""Characters of a line that are kept."""


class Journal(logging.Handler):
    """Takes log lines from many threads, and as a handler the warnings of Python's own logging."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.happenings: list[Happening] = []

    def take(self, line: Json) -> None:
        """Remember a line of Serin's log, if it is about a Canary or a warning."""
        severity = _severity(line.get("severity"))
        if line.get("canary") or severity is not Severity.INFO:
            self._add(_moment(line.get("ts")), severity, str(line["msg"]))

    def emit(self, record: logging.LogRecord) -> None:
        """Remember a warning of another part."""
        self._add(_moment(None), _severity(record.levelname), record.getMessage())

    def _add(self, at: datetime, severity: Severity, text: str) -> None:
        self.happenings.append(Happening(at, severity, clean(text, LONGEST)))


def _moment(text: object) -> datetime:
    """The moment in the time of this machine; now, if the line does not tell."""
    moment = datetime.fromisoformat(text) if isinstance(text, str) else datetime.now(UTC)
    return moment.astimezone()


def _severity(text: object) -> Severity:
    return next((severity for severity in Severity if severity == text), Severity.ERROR)
