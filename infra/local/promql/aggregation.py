"""Aggregations over an instant vector: sum, avg, min, max and count, each with ``by`` or ``without``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from promql_parser import AggModifierType

from infra.local.promql.values import Sample, drop, keep
from infra.local.series import METRIC_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from promql_parser import AggModifier

    from infra.local.promql.values import Vector
    from infra.local.series import Labels


def aggregate(operation: str, modifier: AggModifier | None, vector: Vector) -> Vector:
    """One sample a group; no modifier makes one group of all, and an empty vector stays empty."""
    groups: dict[Labels, list[float]] = {}
    for sample in vector:
        groups.setdefault(_group(sample.labels, modifier), []).append(sample.value)
    return [Sample(labels, AGGREGATIONS[operation](values)) for labels, values in groups.items()]


def _group(labels: Labels, modifier: AggModifier | None) -> Labels:
    if modifier is None:
        return ()
    if modifier.type == AggModifierType.By:
        return keep(labels, modifier.labels)
    return drop(labels, [METRIC_NAME, *modifier.labels])


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _least(values: Sequence[float]) -> float:
    return min(_numbers(values), default=math.nan)


def _greatest(values: Sequence[float]) -> float:
    return max(_numbers(values), default=math.nan)


def _numbers(values: Sequence[float]) -> list[float]:
    """Prometheus lets NaN be the smallest or greatest only where there is nothing else."""
    return [value for value in values if not math.isnan(value)]


def _count(values: Sequence[float]) -> float:
    return float(len(values))


AGGREGATIONS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "sum": sum,
    "avg": _mean,
    "min": _least,
    "max": _greatest,
    "count": _count,
}
"""Every aggregation that is understood, by its name."""
