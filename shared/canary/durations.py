"""The ways in which a Canary writes a length of time.

``analysis.interval`` and time limits are Go durations (``90s``, ``1m30s``, ``1h``); ``metrics[].interval`` goes into a
PromQL range and is a Prometheus duration (``90s``, ``1m30s``, ``1d``), or into a template's query, which may be
Graphite's (``1min``, ``2hours``). The grammars differ, and the patterns here are those of the CRD's schema.
"""

from __future__ import annotations

import re

from shared.canary.fields import show

LONGEST = float(2**63 // 10**9)
"""Seconds in the longest duration of Go and Prometheus, about 292 years."""

_GO = re.compile(r"([0-9]+(\.[0-9]+)?(ms|s|m|h))+")
_GO_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")
_WINDOW = re.compile(r"([0-9]+y)?([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?")
_WINDOW_PART = re.compile(r"([0-9]+)(ms|[ywdhms])")
_GRAPHITE = re.compile(r"([0-9]+)(s|sec|min|h|hour|d|day|w|week|seconds?|minutes?|hours|days|weeks)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "y": 31536000.0}


def parse_duration(text: str) -> float | None:
    """Seconds of a Go duration; None if ``text`` is none. Signs and units under a millisecond are not taken."""
    return _add_up(_GO_PART, text) if _GO.fullmatch(text) else None


def parse_window(text: str) -> float | None:
    """Seconds of a Prometheus duration; None if ``text`` is none. Units stand in falling order, and each only once."""
    return _add_up(_WINDOW_PART, text) if text and _WINDOW.fullmatch(text) else None


def parse_template_window(text: str) -> float | None:
    """Seconds of the window of a template's metric, as Prometheus or Graphite write it; None if ``text`` is neither."""
    named = _GRAPHITE.fullmatch(text)
    return float(named[1]) * _SECONDS[named[2][0]] if named else parse_window(text)


def check_duration(text: str) -> str | None:
    """What keeps ``text`` from being a Go duration, if anything."""
    seconds = parse_duration(text)
    if seconds is None:
        return f"must be a duration such as 15s, 1m30s or 1h, not {show(text)}"
    return None if seconds <= LONGEST else f"is longer than 292 years: {show(text)}"


def check_window(text: str) -> str | None:
    """What keeps ``text`` from being the window of a PromQL range, if anything."""
    return _check_length(text, parse_window(text), "a Prometheus duration such as 30s, 1m or 1h30m")


def check_template_window(text: str) -> str | None:
    """What keeps ``text`` from being the window of a template's metric, if anything."""
    return _check_length(text, parse_template_window(text), "a duration such as 30s, 1m, 1h30m or Graphite's 1min")


def _check_length(text: str, seconds: float | None, wanted: str) -> str | None:
    if seconds is None:
        return f"must be {wanted}, not {show(text)}"
    return None if 0 < seconds <= LONGEST else f"must be longer than zero and shorter than 292 years, not {show(text)}"


def _add_up(part: re.Pattern[str], text: str) -> float:
    return sum(float(count) * _SECONDS[unit] for count, unit in part.findall(text))
