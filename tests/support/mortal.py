"""A process that may die at any of its calls to the outside: right before one, or right after it was done.

    deaths = Deaths({3})
    store = Mortal(store, deaths, ("load", "commit"))     # dies before or after the calls that the deaths say

Calls are counted over everything that shares the ``Deaths``; each has two points, before and after.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Died(BaseException):
    """The process is gone: nothing may catch it."""


@dataclass(slots=True)
class Deaths:
    """``at`` are the points at which to die; ``passed`` counts those that were reached."""

    at: frozenset[int] = frozenset()
    passed: int = 0
    happened: int = field(default=0, init=False)

    def around(self, work: Callable[[], T]) -> T:
        """Do ``work``, unless it is the time to die."""
        self._pass()
        done = work()
        self._pass()
        return done

    def _pass(self) -> None:
        self.passed += 1
        if self.passed - 1 in self.at:
            self.happened += 1
            raise Died


class Mortal:
    """``whole`` with some of its methods counted among the deaths."""

    def __init__(self, whole: object, deaths: Deaths, methods: tuple[str, ...]) -> None:
        self._whole, self._deaths, self._methods = whole, deaths, methods

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._whole, name)
        if name not in self._methods:
            return found
        return lambda *args, **kwargs: self._deaths.around(lambda: found(*args, **kwargs))
