"""Evaluates a query at one instant over a series store, as Prometheus 2.x does for ``/api/v1/query``.

Windows are closed at both ends, as in every Prometheus before 3.0 (which leaves the sample at a window's very start
out).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from promql_parser import (
    AggregateExpr,
    AtModifierType,
    BinaryExpr,
    Call,
    MatrixSelector,
    NumberLiteral,
    ParenExpr,
    StringLiteral,
    UnaryExpr,
    VectorSelector,
)

from infra.local.promql.aggregation import aggregate
from infra.local.promql.functions import FUNCTIONS, Invocation
from infra.local.promql.grammar import matchers_of, parse
from infra.local.promql.operators import combine
from infra.local.promql.values import BadQueryError, Matrix, QueryError, Sample, distinct, nameless

if TYPE_CHECKING:
    from promql_parser import Expr

    from infra.local.promql.values import Value, Vector
    from infra.local.series import Store

LOOKBACK = timedelta(minutes=5)
"""How old an instant selector's sample may be: the default of Prometheus' ``--query.lookback-delta``."""


def evaluate(query: str, store: Store, at: int) -> Value:
    """What ``query`` is worth at ``at`` (milliseconds since the epoch).

    BadQueryError if it cannot be read, QueryError if the series that it finds cannot be combined.
    """
    try:
        return _Evaluation(store, at).value(parse(query))
    except RecursionError as error:
        raise BadQueryError("the query is nested too deeply for the embedded metrics server") from error


@dataclass(frozen=True, slots=True)
class _Evaluation:
    store: Store
    at: int

    def value(self, node: Expr) -> Value:
        match node:
            case NumberLiteral() | StringLiteral():
                return node.val
            case ParenExpr():
                return self.value(node.expr)
            case VectorSelector():
                return self.instant(node)
            case MatrixSelector():
                return self.range(node)
            case _:
                return self.computed(node)

    def computed(self, node: Expr) -> Value:
        """The value of a node that makes new samples of others: they lose names, and must stay distinct."""
        value = self.combined(node)
        return distinct(value) if isinstance(value, list) else value

    def combined(self, node: Expr) -> Value:
        match node:
            case UnaryExpr():
                return _negated(self.value(node.expr))
            case BinaryExpr():
                return combine(str(node.op), node.modifier, self.value(node.lhs), self.value(node.rhs))
            case AggregateExpr():
                return aggregate(str(node.op), node.modifier, _vector(self.value(node.expr)))
            case Call():
                values = [self.value(argument) for argument in node.args]
                return FUNCTIONS[node.func.name](Invocation(values, node.args, self.at))
            case _:
                raise BadQueryError(f"the embedded metrics server does not know {node}")

    def instant(self, selector: VectorSelector) -> Vector:
        """The latest sample of each series, unless it is older than the lookback."""
        end = self.reference(selector)
        windows = self.store.select(matchers_of(selector), end - _millis(LOOKBACK), end)
        return [Sample(window.labels, window.values[-1]) for window in windows]

    def range(self, node: MatrixSelector) -> Matrix:
        """All samples of each series in the range before the reference instant."""
        end = self.reference(node.vector_selector)
        start = end - _millis(node.range)
        return Matrix(self.store.select(matchers_of(node.vector_selector), start, end), start, end)

    def reference(self, selector: VectorSelector) -> int:
        """The instant that a selector looks at: ``@`` first, then ``offset``."""
        at = self.at
        if selector.at is not None and selector.at.type == AtModifierType.At and selector.at.at is not None:
            at = round(selector.at.at.timestamp() * 1000)
        return at - _millis(selector.offset or timedelta())


def _vector(value: Value) -> Vector:
    if not isinstance(value, list):
        raise QueryError("an aggregation needs an instant vector")
    return value


def _negated(value: Value) -> Value:
    match value:
        case float():
            return -value
        case list():
            return [Sample(nameless(sample.labels), -sample.value) for sample in value]
        case _:
            raise QueryError("only numbers and instant vectors have a negative")


def _millis(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)
