"""Durations as Go writes them (``500ms``, ``2.415s``, ``1m1s``, ``1h0m0s``).

Flagger's users and their log filters know latencies in this form, so Serin's sentences keep it.
Source: Go's ``time.Duration.String``.

It must never fail: what Go's 64-bit nanoseconds cannot hold is shown as the longest duration that they can.
"""

from __future__ import annotations

_LONGEST = 2**63 - 1
_UNITS = ((1_000_000, "ms"), (1_000, "µs"), (1, "ns"))


def write_duration(seconds: float) -> str:
    """The text of a finite number of seconds, to the nanosecond."""
    nanoseconds = min(round(min(abs(seconds) * 1e9, 1e19)), _LONGEST)
    sign = "-" if seconds < 0 and nanoseconds else ""
    return sign + (_under_a_second(nanoseconds) if nanoseconds < 1_000_000_000 else _from_a_second(nanoseconds))


def _under_a_second(nanoseconds: int) -> str:
    for size, unit in _UNITS:
        if nanoseconds >= size:
            return _write_fraction(nanoseconds, size) + unit
    return "0s"


def _from_a_second(nanoseconds: int) -> str:
    minutes, rest = divmod(nanoseconds, 60_000_000_000)
    hours, minutes = divmod(minutes, 60)
    seconds = _write_fraction(rest, 1_000_000_000) + "s"
    if hours:
        return f"{hours}h{minutes}m{seconds}"
    return f"{minutes}m{seconds}" if minutes else seconds


def _write_fraction(amount: int, size: int) -> str:
    whole, rest = divmod(amount, size)
    digits = f"{rest:0{len(str(size)) - 1}d}".rstrip("0") if rest else ""
    return f"{whole}.{digits}" if digits else str(whole)
