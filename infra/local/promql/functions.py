"""The functions of PromQL that are understood, by name. What is not in :data:`FUNCTIONS` is refused by the grammar."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from promql_parser import MatchOp, VectorSelector

from infra.local.promql.histogram import histogram_quantile
from infra.local.promql.rates import increase, instant_rate, rate
from infra.local.promql.values import Matrix, QueryError, Sample, nameless
from infra.local.series import METRIC_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from promql_parser import Expr

    from infra.local.promql.values import Value, Vector
    from infra.local.series import Labels


@dataclass(frozen=True, slots=True)
class Invocation:
    """One call: its arguments as values and as they were written, and the instant of the query in milliseconds."""

    values: Sequence[Value]
    nodes: Sequence[Expr]
    at: int

    def number(self, index: int, default: float) -> float:
        """A scalar argument, or ``default`` where it was left out."""
        value = self.values[index] if index < len(self.values) else default
        if not isinstance(value, float):
            raise QueryError(f"argument {index + 1} has to be a number")
        return value

    def vector(self, index: int) -> Vector:
        """An argument that is an instant vector."""
        value = self.values[index]
        if not isinstance(value, list):
            raise QueryError(f"argument {index + 1} has to be an instant vector")
        return value

    def matrix(self) -> Matrix:
        """The only argument, a range vector."""
        value = self.values[0]
        if not isinstance(value, Matrix):
            raise QueryError("the argument has to be a range vector")
        return value


def _vector(call: Invocation) -> Vector:
    return [Sample((), call.number(0, math.nan))]


def _scalar(call: Invocation) -> float:
    vector = call.vector(0)
    return vector[0].value if len(vector) == 1 else math.nan


def _absent(call: Invocation) -> Vector:
    return [] if call.vector(0) else [Sample(_labels_of_nothing(call.nodes[0]), 1.0)]


def _labels_of_nothing(node: Expr) -> Labels:
    """The labels that a selector's equalities fix, each named once: what the absent series would have had."""
    if not isinstance(node, VectorSelector):
        return ()
    conditions = [condition for condition in node.matchers.matchers if condition.name != METRIC_NAME]
    names = [condition.name for condition in conditions]
    fixed = (c for c in conditions if c.op == MatchOp.Equal and c.value and names.count(c.name) == 1)
    return tuple(sorted((condition.name, condition.value) for condition in fixed))


def _round(call: Invocation) -> Vector:
    to_nearest = call.number(1, 1.0)
    inverse = 1.0 / to_nearest if to_nearest else math.inf
    return _each(call.vector(0), lambda value: _floor(value * inverse + 0.5) / inverse)


def _floor(value: float) -> float:
    return float(math.floor(value)) if math.isfinite(value) else value


def _clamp_min(call: Invocation) -> Vector:
    least = call.number(1, math.nan)
    return _each(call.vector(0), lambda value: math.nan if math.isnan(value + least) else max(value, least))


def _clamp_max(call: Invocation) -> Vector:
    greatest = call.number(1, math.nan)
    return _each(call.vector(0), lambda value: math.nan if math.isnan(value + greatest) else min(value, greatest))


def _each(vector: Vector, change: Callable[[float], float]) -> Vector:
    return [Sample(nameless(sample.labels), change(sample.value)) for sample in vector]


FUNCTIONS: Mapping[str, Callable[[Invocation], Value]] = {
    "abs": lambda call: _each(call.vector(0), abs),
    "absent": _absent,
    "clamp_max": _clamp_max,
    "clamp_min": _clamp_min,
    "histogram_quantile": lambda call: histogram_quantile(call.number(0, math.nan), call.vector(1)),
    "increase": lambda call: increase(call.matrix()),
    "irate": lambda call: instant_rate(call.matrix()),
    "rate": lambda call: rate(call.matrix()),
    "round": _round,
    "scalar": _scalar,
    "time": lambda call: call.at / 1000,
    "vector": _vector,
}
"""Every function that is understood."""
