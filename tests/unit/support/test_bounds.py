"""Bounds of measurements: what is beyond one is said, with both figures."""

from __future__ import annotations

from tests.bench.bounds import Bound, bounds_table, broken


def test_what_is_beyond_its_bound_is_said_and_nothing_else() -> None:
    bounds = (Bound("start", 2.004, 2.0, "s"), Bound("requests of a tick", 8, 8))
    assert broken(bounds) == ("start: 2.00 s, at most 2.00 s are agreed",)
    assert bounds_table(bounds).rows == (("start", "2.00 s", "2.00 s"), ("requests of a tick", "8", "8"))
