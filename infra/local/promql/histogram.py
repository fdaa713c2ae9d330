"""``histogram_quantile`` over classic histograms, by the rules of Prometheus 2.x (``promql/quantile.go``)."""

from __future__ import annotations

import math
from bisect import bisect_left
from itertools import accumulate
from typing import TYPE_CHECKING

from infra.local.promql.values import Sample, drop
from infra.local.series import METRIC_NAME

if TYPE_CHECKING:
    from infra.local.promql.values import Vector
    from infra.local.series import Labels

_BOUND = "le"


def histogram_quantile(quantile: float, vector: Vector) -> Vector:
    """The quantile of each histogram whose cumulative buckets are in the vector; no ``le``, no bucket."""
    histograms: dict[Labels, dict[float, float]] = {}
    for sample in vector:
        bound = _bound(sample.labels)
        if bound is not None:
            buckets = histograms.setdefault(drop(sample.labels, (METRIC_NAME, _BOUND)), {})
            buckets[bound] = buckets.get(bound, 0.0) + sample.value
    return [Sample(labels, _quantile(quantile, sorted(buckets.items()))) for labels, buckets in histograms.items()]


def _bound(labels: Labels) -> float | None:
    text = dict(labels).get(_BOUND, "")
    try:
        return float(text)
    except ValueError:
        return None


def _quantile(quantile: float, buckets: list[tuple[float, float]]) -> float:
    """Linear within the bucket that holds the rank; NaN without observations.

    In the ``+Inf`` bucket nothing can be interpolated: the highest finite bound is the answer.
    """
    if math.isnan(quantile):
        return math.nan
    if not 0 <= quantile <= 1:
        return math.copysign(math.inf, quantile)
    bounds = [bound for bound, _ in buckets]
    counts = list(accumulate((count for _, count in buckets), max))
    if bounds[-1] != math.inf or len(buckets) < 2 or counts[-1] == 0:
        return math.nan
    return _interpolate(quantile * counts[-1], bounds, counts)


def _interpolate(rank: float, bounds: list[float], counts: list[float]) -> float:
    index = bisect_left(counts, rank, hi=len(counts) - 1)
    if index == len(counts) - 1:
        return bounds[-2]
    if index == 0 and bounds[0] <= 0:
        return bounds[0]
    start, below = (bounds[index - 1], counts[index - 1]) if index else (0.0, 0.0)
    return start + (bounds[index] - start) * _share(rank - below, counts[index] - below)


def _share(part: float, whole: float) -> float:
    return part / whole if whole else math.nan
