"""How hard a receiver is tried by one process: one that does not answer, or asks to wait, is left alone for a while.

So a receiver that hangs costs one tick a little time, and the ticks of all the other rollouts none.
"""

from __future__ import annotations

from datetime import timedelta
from threading import BoundedSemaphore, Lock
from typing import TYPE_CHECKING

from shared.notices.ledger import pause_after

if TYPE_CHECKING:
    from datetime import datetime

AT_ONCE = 2
"""Ticks of a process that may deliver at the same time; the others go on without."""


class Pace:
    """Threads may share it. A receiver is named by anything that tells it from others."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._slots = BoundedSemaphore(AT_ONCE)
        self._waits: dict[str, tuple[int, datetime]] = {}

    def enter(self) -> bool:
        """Whether one more tick may deliver now; if so, :meth:`leave` has to follow."""
        return self._slots.acquire(blocking=False)

    def leave(self) -> None:
        """This tick is done."""
        self._slots.release()

    def until(self, receiver: str, now: datetime) -> datetime | None:
        """When ``receiver`` may be tried again; None: now."""
        with self._lock:
            _, until = self._waits.get(receiver, (0, now))
            return until if until > now else None

    def succeeded(self, receiver: str) -> None:
        """It answered as it should."""
        with self._lock:
            self._waits.pop(receiver, None)

    def failed(self, receiver: str, now: datetime, asked: int) -> datetime:
        """It did not; when to try again, not before the ``asked`` seconds are over."""
        with self._lock:
            failures, _ = self._waits.get(receiver, (0, now))
            until = now + max(pause_after(failures), timedelta(seconds=asked))
            self._waits[receiver] = (failures + 1, until)
            return until
