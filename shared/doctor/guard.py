"""Gives each examination its own time, and keeps what breaks in one from the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.checks.deadline import call_within
from shared.errors import SerinError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from shared.doctor.finding import Area, Finding

SECONDS = 30.0
"""For one examination, whatever it takes."""


def guarded(area: Area, work: Callable[[], Iterable[Finding]], seconds: float = SECONDS) -> tuple[Finding, ...]:
    """What ``work`` finds; or that it could not be done."""
    try:
        return call_within(seconds, lambda: tuple(work()))
    except TimeoutError:
        return (area.unknown("examination", f"there was no answer within {seconds:g} s"),)
    except SerinError as error:
        return (area.unknown("examination", str(error)),)
    except Exception as error:  # noqa: BLE001  the promise of this module; the error's text may hold a credential
        return (area.unknown("examination", f"fault in Serin ({type(error).__name__}): please report it"),)
