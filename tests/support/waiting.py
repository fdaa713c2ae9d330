"""Waiting for something that becomes true by itself, with a deadline.

Tests against real servers must never sleep for a fixed time and hope: they ask again and again, and say what they
waited for when it does not come.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def eventually(what: str, probe: Callable[[], T | None], seconds: float = 30.0, every: float = 0.05) -> T:
    """The first answer of ``probe`` that counts as true.

    Raises:
        TimeoutError: nothing true came within ``seconds``; the text says ``what`` was waited for, and the last answer.
    """
    deadline = time.monotonic() + seconds
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise TimeoutError(f"Waited {seconds:g} s in vain until {what}. Last answer: {answer!r}.")
        time.sleep(every)
