"""From the text of a query to a syntax tree of which every part can be evaluated.

The grammar and its type rules are the library's (``promql-parser``, PromQL of Prometheus 2.45). What it knows and the
evaluator does not is refused here, by name and before any sample is read: a query must never be answered by something
that only looks like its answer.
"""

from __future__ import annotations

import re
from functools import lru_cache, partial
from operator import eq, ne
from typing import TYPE_CHECKING

from promql_parser import (
    AggregateExpr,
    BinaryExpr,
    Call,
    Expr,
    MatchOp,
    MatrixSelector,
    ParenExpr,
    SubqueryExpr,
    UnaryExpr,
    VectorSelector,
)
from promql_parser import parse as parse_promql

from infra.local.promql.aggregation import AGGREGATIONS
from infra.local.promql.functions import FUNCTIONS
from infra.local.promql.operators import OPERATORS
from infra.local.promql.values import BadQueryError
from infra.local.series import METRIC_NAME, Matcher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from promql_parser import BinModifier
    from promql_parser import Matcher as Condition

MAX_LENGTH = 4096
"""Longest query in characters: the parser is native code and recursive, and ends the process when its stack does."""

_MISREAD = re.compile(r"\[\[:|\{,")  # RE2 and Python both accept these, and mean different things by them


@lru_cache(maxsize=256)
def parse(query: str) -> Expr:
    """The syntax tree of a query; BadQueryError, with the reason, if it is not PromQL or not understood here."""
    if len(query) > MAX_LENGTH:
        raise BadQueryError(
            f"the query has {len(query)} characters; the embedded metrics server reads up to {MAX_LENGTH}"
        )
    try:
        tree = parse_promql(query)
    except ValueError as error:
        raise BadQueryError(f"parse error: {error}") from error
    if problems := _unsupported_parts(tree):
        raise BadQueryError(f"the embedded metrics server does not know {', '.join(problems)}")
    return tree


def matchers_of(selector: VectorSelector) -> list[Matcher]:
    """The conditions of a selector, that on its metric name among them.

    BadQueryError for a regular expression that Python cannot read as RE2 does.
    """
    conditions = [Matcher(condition.name, _predicate(condition)) for condition in selector.matchers.matchers]
    return [Matcher(METRIC_NAME, partial(eq, selector.name)), *conditions] if selector.name else conditions


def _unsupported_parts(tree: Expr) -> list[str]:
    return [problem for node in _nodes(tree) if (problem := _unsupported(node))]


def _nodes(tree: Expr) -> Iterator[Expr]:
    """Every node. (The library's ``walk`` copies the rest of the tree at each step: seconds for a long query.)"""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(_children(node))


def _children(node: Expr) -> Sequence[Expr]:
    match node:
        case ParenExpr() | UnaryExpr() | AggregateExpr() | SubqueryExpr():
            return [node.expr]
        case BinaryExpr():
            return [node.rhs, node.lhs]
        case Call():
            return node.args
        case MatrixSelector():
            return [node.vector_selector]
        case _:
            return []


def _unsupported(node: Expr) -> str:
    match node:
        case Call() if node.func.name not in FUNCTIONS:
            return f"the function {node.func.name}()"
        case AggregateExpr() if str(node.op) not in AGGREGATIONS:
            return f"the aggregation {node.op}()"
        case BinaryExpr():
            return _unsupported_operator(node)
        case SubqueryExpr():
            return f"subqueries: {node}"
        case VectorSelector() if node.matchers.or_matchers:
            return "'or' between matchers"
        case _:
            return ""


def _unsupported_operator(node: BinaryExpr) -> str:
    if str(node.op) not in OPERATORS:
        return f"the operator {node.op}"
    return "fill() of a binary operator" if node.modifier and _fills(node.modifier) else ""


def _fills(modifier: BinModifier) -> bool:
    values = modifier.fill_values
    return values.lhs is not None or values.rhs is not None


def _predicate(condition: Condition) -> Callable[[str], bool]:
    match condition.op:
        case MatchOp.Equal:
            return partial(eq, condition.value)
        case MatchOp.NotEqual:
            return partial(ne, condition.value)
        case MatchOp.Re:
            return _matches(condition.value)
        case _:
            return _differs(condition.value)


def _matches(pattern: str) -> Callable[[str], bool]:
    compiled = _compile(pattern)
    return lambda value: compiled.fullmatch(value) is not None


def _differs(pattern: str) -> Callable[[str], bool]:
    compiled = _compile(pattern)
    return lambda value: compiled.fullmatch(value) is None


@lru_cache(maxsize=256)
def _compile(pattern: str) -> re.Pattern[str]:
    """Prometheus' own expressions are RE2's, anchored at both ends; ``\\d`` and its like are ASCII there."""
    if _MISREAD.search(pattern):
        raise BadQueryError(
            f"the embedded metrics server does not know '[[:class:]]' and '{{,n}}' in a regular expression: {pattern}"
        )
    try:
        return re.compile(pattern, re.ASCII)
    except re.error as error:
        raise BadQueryError(
            f"the embedded metrics server cannot read the regular expression {pattern}: {error}"
        ) from error
