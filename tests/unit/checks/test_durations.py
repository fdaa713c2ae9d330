"""Durations read as Go writes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.checks.durations import write_duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (-0.0, "0s"),
        (1e-10, "0s"),
        (1e-9, "1ns"),
        (1.5e-6, "1.5µs"),
        (0.0004, "400µs"),
        (0.0015, "1.5ms"),
        (0.5, "500ms"),
        (0.9999999999, "1s"),
        (1, "1s"),
        (1.515, "1.515s"),
        (2.415, "2.415s"),
        (20, "20s"),
        (60, "1m0s"),
        (61, "1m1s"),
        (61.05, "1m1.05s"),
        (3600, "1h0m0s"),
        (90061.5, "25h1m1.5s"),
        (-1.5, "-1.5s"),
        (1e300, "2562047h47m16.854775807s"),
    ],
)
def test_a_duration_reads_as_in_go(seconds: float, text: str) -> None:
    assert write_duration(seconds) == text


@given(st.floats(allow_nan=False))
def test_every_duration_can_be_written(seconds: float) -> None:
    assert write_duration(seconds).endswith("s")
