"""One JSON object a line on standard output, as Google Cloud Logging reads it (``severity``), and ``jq .msg`` as the
guide does.

It must never be given a secret, a token or a response body.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shared.rollout import Severity

if TYPE_CHECKING:
    from typing import TextIO


class Log:
    """Writes log lines to ``stream``; safe to use from many threads, because a line is one write."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._last: dict[str, str] = {}

    def write(self, severity: Severity, text: str, canary: str = "", **fields: str | int | float) -> None:
        """One line: ``severity``, ``ts``, ``msg``, ``canary`` (``name.namespace``, if it is about one), and further
        fields.
        """
        ts = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        about = {"canary": canary} if canary else {}
        self._stream.write(json.dumps({"severity": severity, "ts": ts, "msg": text, **about, **fields}) + "\n")
        self._stream.flush()

    def info(self, text: str, canary: str = "", **fields: str | int | float) -> None:
        """Something happened."""
        self.write(Severity.INFO, text, canary, **fields)

    def warning(self, text: str, canary: str = "", **fields: str | int | float) -> None:
        """Somebody should look at it."""
        self.write(Severity.WARNING, text, canary, **fields)

    def warn_once(self, text: str, canary: str = "") -> None:
        """A warning, not repeated while it is the last about this Canary, or about none; an empty ``text`` says that
        all is well.
        """
        if text and text != self._last.get(canary):
            self.warning(text, canary)
        self._last[canary] = text

    def error(self, text: str, canary: str = "", **fields: str | int | float) -> None:
        """Something that should work does not."""
        self.write(Severity.ERROR, text, canary, **fields)
