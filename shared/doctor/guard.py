"""Gives each examination its own time, and keeps what breaks in one from the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from shared.checks.deadline import call_within
from shared.errors import SerinError, Unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from shared.doctor.finding import Area, Finding

SECONDS = 30.0
"""For one examination, whatever it takes."""

T = TypeVar("T")


def attempt(work: Callable[[], T], seconds: float = SECONDS) -> T:
    """What ``work`` returns; a SerinError if that is not to be had in time."""
    try:
        return call_within(seconds, work)
    except SerinError:
        raise
    except TimeoutError:
        raise Unknown(f"there was no answer within {seconds:g} s") from None
    except Exception as error:  # its text may hold a credential
        raise Unknown(f"fault in Serin ({type(error).__name__}): please report it") from error


def guarded(area: Area, work: Callable[[], Iterable[Finding]], seconds: float = SECONDS) -> tuple[Finding, ...]:
    """What ``work`` finds; or why it found nothing."""
    try:
        return attempt(lambda: tuple(work()), seconds)
    except SerinError as error:
        return (area.unknown("examination", str(error)),)
