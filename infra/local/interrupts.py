"""Ctrl-C and other requests to stop, held back where they would leave a mess.

While parts start and stop a signal only waits; within ``armed`` it ends the block at once. So each part is either
there, to be ended properly, or not there at all.
"""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType, TracebackType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """Somebody asked the demo to stop."""


class Interrupts:
    """Takes the signals of this process while its ``with`` block lasts."""

    def __init__(self) -> None:
        self._armed = False
        self._waiting = False

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._receive) for number in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def armed(self) -> Iterator[None]:
        """A block that a signal ends with Stopped, also one that came before the block began."""
        self._armed = True
        try:
            if self._waiting:
                raise Stopped
            yield
        finally:
            self._armed = False

    def _receive(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._waiting = True
        if self._armed:
            self._armed = False
            raise Stopped
