"""A point in time that work has to end by.

Time limits are handed down as deadlines, not as seconds: a limit in seconds starts again with each retry, address and
chunk, a deadline does not. ``call_within`` puts a limit on calls that have none of their own (name resolution, Google's
token refresh).
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Deadline:
    """``at`` is in seconds of the monotonic clock."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """The deadline that many seconds from now."""
        return cls(monotonic() + seconds)

    @property
    def left(self) -> float:
        """Seconds until then; 0 when it has passed."""
        return max(0.0, self.at - monotonic())

    def within(self, seconds: float) -> Deadline:
        """This deadline, or the one ``seconds`` from now if that comes first."""
        return Deadline(min(self.at, monotonic() + seconds))


def call_within(seconds: float, work: Callable[[], T]) -> T:
    """What ``work`` returns or raises; TimeoutError when it takes longer (it then ends unheard, in a daemon thread)."""
    outcome: Future[T] = Future()
    threading.Thread(target=_settle, args=(outcome, work), name="call within", daemon=True).start()
    return outcome.result(timeout=seconds)


def _settle(outcome: Future[T], work: Callable[[], T]) -> None:
    try:
        outcome.set_result(work())
    except BaseException as error:  # noqa: BLE001  carried to the caller, who raises it
        outcome.set_exception(error)
