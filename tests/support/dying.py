"""Ticks that die: right before or right after one of their steps, as a process does that is killed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from shared import tick as tick_module

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from tests.support.serin import Serin

STEPS = ("load", "observe", "analyse", "decide", "commit", "converge", "deliver")
"""The steps of a tick."""


class Killed(BaseException):
    """The process died here: nothing in a tick may catch it."""


def dying(serin: Serin, step: str, after: bool, patch: pytest.MonkeyPatch) -> Serin:
    """``serin``, whose ticks die right before, or right ``after``, that step."""

    def fatal(inner: Callable[..., Any]) -> Callable[..., Any]:
        def die(*args: Any, **kwargs: Any) -> Any:
            if after:
                inner(*args, **kwargs)
            raise Killed(step)

        return die

    if step in ("load", "commit"):
        store = type(serin.parts.store)
        patch.setattr(store, step, fatal(getattr(store, step)))
        return serin
    if step == "analyse":
        return replace(serin, parts=replace(serin.parts, analyse=fatal(serin.parts.analyse)))
    function = {"observe": "look_at"}.get(step, step)
    patch.setattr(tick_module, function, fatal(getattr(tick_module, function)))
    return serin
