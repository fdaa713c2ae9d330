"""Kills the server processes of a test run that died without saying goodbye.

Fixtures stop what they start, but nobody can after SIGKILL or ``os._exit``. This small process reads ``+GROUP`` and
``-GROUP`` lines from the run; the pipe closes when the run is dead, however it died, and what is still noted gets
SIGKILL. It must import nothing but the standard library, so that it starts in no time.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def remember(lines: Iterable[str]) -> set[int]:
    """Process groups that were started and not stopped, when the last line has come."""
    groups: set[int] = set()
    for line in lines:
        change = groups.add if line.startswith("+") else groups.discard
        change(int(line[1:]))
    return groups


def main() -> None:
    """Wait for the end of the pipe, then kill what is left."""
    for group in remember(sys.stdin):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
