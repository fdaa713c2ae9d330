"""A value that is made when it is first needed, once for all threads. A failure is not remembered."""

from __future__ import annotations

from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def once(make: Callable[[], T]) -> Callable[[], T]:
    """What ``make`` returns, made by the first who asks while the others wait. Raises what ``make`` raises."""
    made, making = cache(make), Lock()

    def get() -> T:
        with making:
            return made()

    return get
