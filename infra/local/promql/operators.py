"""Binary operators: arithmetic, comparisons and sets, between scalars and vectors.

Vectors are matched by equal label sets, by ``on`` or by ``ignoring``, one to one or with
``group_left``/``group_right``, as Prometheus' "Operators" document has it. Arithmetic is that of IEEE 754 and never
raises: x/0 is an infinity, 0/0 is NaN.
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from promql_parser import LabelModifierType, VectorMatchCardinality

from infra.local.promql.values import QueryError, Sample, describe, drop, keep, nameless
from infra.local.series import METRIC_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from promql_parser import BinModifier

    from infra.local.promql.values import Value, Vector
    from infra.local.series import Labels


class _Card(StrEnum):
    """Which side of a match may have many samples with one signature."""

    NEITHER = "one-to-one"
    LEFT = "group_left"
    RIGHT = "group_right"

    @classmethod
    def of(cls, card: VectorMatchCardinality) -> _Card:
        if card == VectorMatchCardinality.ManyToOne:
            return cls.LEFT
        return cls.RIGHT if card == VectorMatchCardinality.OneToMany else cls.NEITHER


@dataclass(frozen=True, slots=True)
class _Matching:
    """How the samples of two vectors find each other, and what becomes of a comparison."""

    names: tuple[str, ...] = ()
    on: bool = False
    card: _Card = _Card.NEITHER
    include: tuple[str, ...] = ()
    as_bool: bool = False

    @classmethod
    def of(cls, modifier: BinModifier | None) -> _Matching:
        if modifier is None:
            return cls()
        labels = modifier.matching
        return cls(
            names=tuple(labels.labels) if labels else (),
            on=labels is not None and labels.type == LabelModifierType.Include,
            card=_Card.of(modifier.card),
            include=tuple(modifier.group_labels or ()),
            as_bool=modifier.return_bool,
        )

    def signature(self, labels: Labels) -> Labels:
        """The part of a label set that has to be equal on both sides."""
        return keep(labels, self.names) if self.on else drop(labels, (METRIC_NAME, *self.names))


def combine(symbol: str, modifier: BinModifier | None, left: Value, right: Value) -> Value:
    """The value of ``left symbol right``; QueryError where vectors do not match uniquely."""
    matching = _Matching.of(modifier)
    match left, right:
        case float(), float():
            return _scalar(symbol, left, right)
        case list(), float():
            return _with_scalar(symbol, matching, left, lambda value: (value, right))
        case float(), list():
            return _with_scalar(symbol, matching, right, lambda value: (left, value))
        case list(), list() if symbol in _SETS:
            return _SETS[symbol](matching, left, right)
        case list(), list():
            return _match_vectors(symbol, matching, left, right) if left and right else []
        case _:
            raise QueryError(f"the operator {symbol} needs numbers or instant vectors on both sides")


def _scalar(symbol: str, left: float, right: float) -> float:
    """Between scalars the grammar allows only comparisons that answer 0 or 1."""
    return _ARITHMETIC[symbol](left, right) if symbol in _ARITHMETIC else float(_COMPARISONS[symbol](left, right))


def _with_scalar(
    symbol: str, matching: _Matching, vector: Vector, pair: Callable[[float], tuple[float, float]]
) -> Vector:
    """A comparison that filters keeps the vector's value, on whichever side the scalar stands."""
    result = []
    for sample in vector:
        value = _outcome(symbol, pair(sample.value), sample.value, as_bool=matching.as_bool)
        if value is not None:
            result.append(Sample(_named(symbol, matching, sample.labels), value))
    return result


def _match_vectors(symbol: str, matching: _Matching, left: Vector, right: Vector) -> Vector:
    swapped = matching.card == _Card.RIGHT
    many, one = (right, left) if swapped else (left, right)
    partners = _unique_by_signature(matching, one, "left" if swapped else "right")
    matched = _Matched(matching)
    for sample in many:
        partner = partners.get(matching.signature(sample.labels))
        if partner is None:
            continue
        pair = (partner.value, sample.value) if swapped else (sample.value, partner.value)
        value = _outcome(symbol, pair, pair[0], as_bool=matching.as_bool)
        if value is not None:
            matched.add(sample, _matched_labels(symbol, matching, sample.labels, partner.labels), value)
    return matched.samples


def _unique_by_signature(matching: _Matching, vector: Vector, side: str) -> dict[Labels, Sample]:
    found: dict[Labels, Sample] = {}
    for sample in vector:
        signature = matching.signature(sample.labels)
        if signature in found:
            raise QueryError(
                f"found duplicate series for the match group {describe(signature)} "
                f"on the {side} hand-side of the operation: "
                f"[{describe(sample.labels)}, {describe(found[signature].labels)}];"
                "many-to-many matching not allowed: matching labels must be unique on one side"
            )
        found[signature] = sample
    return found


class _Matched:
    """The result of a match as it grows; QueryError when two samples meet in one place."""

    def __init__(self, matching: _Matching) -> None:
        self.samples: Vector = []
        self._matching = matching
        self._taken: set[Labels] = set()

    def add(self, many: Sample, labels: Labels, value: float) -> None:
        one_to_one = self._matching.card == _Card.NEITHER
        place = self._matching.signature(many.labels) if one_to_one else labels
        if place in self._taken:
            reason = (
                "many-to-one matching must be explicit (group_left/group_right)"
                if one_to_one
                else "grouping labels must ensure unique matches"
            )
            raise QueryError(f"multiple matches for labels: {reason}")
        self._taken.add(place)
        self.samples.append(Sample(labels, value))


def _matched_labels(symbol: str, matching: _Matching, many: Labels, one: Labels) -> Labels:
    labels = _named(symbol, matching, many)
    if matching.card == _Card.NEITHER:
        return keep(labels, matching.names) if matching.on else drop(labels, matching.names)
    return tuple(sorted(drop(labels, matching.include) + keep(one, matching.include)))


def _named(symbol: str, matching: _Matching, labels: Labels) -> Labels:
    """Only a comparison that filters leaves values, and so names, as they are."""
    return nameless(labels) if symbol in _ARITHMETIC or matching.as_bool else labels


def _outcome(symbol: str, pair: tuple[float, float], kept: float, *, as_bool: bool) -> float | None:
    """The value of an operation on two numbers; None if it is a comparison that filters and does not hold."""
    if symbol in _ARITHMETIC:
        return _ARITHMETIC[symbol](*pair)
    holds = _COMPARISONS[symbol](*pair)
    if as_bool:
        return float(holds)
    return kept if holds else None


def _both(matching: _Matching, left: Vector, right: Vector) -> Vector:
    signatures = {matching.signature(sample.labels) for sample in right}
    return [sample for sample in left if matching.signature(sample.labels) in signatures]


def _unless(matching: _Matching, left: Vector, right: Vector) -> Vector:
    signatures = {matching.signature(sample.labels) for sample in right}
    return [sample for sample in left if matching.signature(sample.labels) not in signatures]


def _either(matching: _Matching, left: Vector, right: Vector) -> Vector:
    return left + _unless(matching, right, left)


def _divide(left: float, right: float) -> float:
    if right != 0:
        return left / right
    if left == 0 or math.isnan(left):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)


def _modulo(left: float, right: float) -> float:
    if right == 0 or math.isinf(left):
        return math.nan
    return math.fmod(left, right)


def _power(base: float, exponent: float) -> float:
    """C's ``pow``: Python's raises where the others answer with an infinity or NaN."""
    negative = math.copysign(1.0, base) < 0 and exponent % 2 == 1
    try:
        return math.pow(base, exponent)
    except OverflowError:
        return -math.inf if negative else math.inf
    except ValueError:
        if base != 0:
            return math.nan
        return -math.inf if negative else math.inf


_ARITHMETIC: Mapping[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
    "%": _modulo,
    "^": _power,
}
_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}
_SETS: Mapping[str, Callable[[_Matching, Vector, Vector], Vector]] = {"and": _both, "or": _either, "unless": _unless}

OPERATORS = frozenset((*_ARITHMETIC, *_COMPARISONS, *_SETS))
"""Every binary operator that is understood."""
