"""``rate``, ``increase`` and ``irate``: what a counter grew by in a window of which it was only sampled now and then.

The rules are those of Prometheus 2.x (``extrapolatedRate`` in ``promql/functions.go``): a fall is a reset to zero;
the growth between the first and the last sample is stretched to the window's edges where they are about one sampling
interval away, to half an interval where they are further, and never to before the counter would have been zero. Fewer
than two samples are no answer.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from infra.local.promql.values import Sample, nameless

if TYPE_CHECKING:
    from infra.local.promql.values import Matrix, Vector
    from infra.local.series import Window

_REACH = 1.1  # an edge within this many average intervals of a sample counts as covered by it


def increase(matrix: Matrix) -> Vector:
    """By how much each counter grew in the window."""
    return _extrapolated(matrix, 1.0)


def rate(matrix: Matrix) -> Vector:
    """By how much each counter grew a second, on average over the window."""
    return _extrapolated(matrix, (matrix.end - matrix.start) / 1000)


def instant_rate(matrix: Matrix) -> Vector:
    """By how much each counter grew a second between its last two samples in the window."""
    return [
        Sample(nameless(window.labels), _last_growth(window) / ((window.times[-1] - window.times[-2]) / 1000))
        for window in matrix.windows
        if len(window.times) > 1
    ]


def _extrapolated(matrix: Matrix, divisor: float) -> Vector:
    """In Prometheus' own order of operations, so that even the last digit is the same."""
    return [
        Sample(nameless(window.labels), _growth(window) * (_stretch(window, matrix) / divisor))
        for window in matrix.windows
        if len(window.times) > 1
    ]


def _growth(window: Window) -> float:
    lost = (before for before, after in pairwise(window.values) if after < before)
    return sum(lost, start=window.values[-1] - window.values[0])


def _last_growth(window: Window) -> float:
    before, after = window.values[-2:]
    return after if after < before else after - before


def _stretch(window: Window, matrix: Matrix) -> float:
    """By what the growth between the samples is multiplied to become the window's."""
    sampled = (window.times[-1] - window.times[0]) / 1000
    interval = sampled / (len(window.times) - 1)
    before = min((window.times[0] - matrix.start) / 1000, _time_since_zero(window, sampled))
    after = (matrix.end - window.times[-1]) / 1000
    edges = (gap if gap < interval * _REACH else interval / 2 for gap in (before, after))
    return sum(edges, start=sampled) / sampled


def _time_since_zero(window: Window, sampled: float) -> float:
    """How long before the first sample the counter was zero, had it always grown as in the window."""
    growth = _growth(window)
    first = window.values[0]
    return sampled * (first / growth) if growth > 0 and first >= 0 else float("inf")
