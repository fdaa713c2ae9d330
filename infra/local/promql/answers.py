"""Query results as the JSON of Prometheus' HTTP API: ``{"resultType": …, "result": …}`` with every value a string.

Numbers are printed as Go's ``strconv.FormatFloat(value, 'f', -1, 64)`` prints them: shortest digits, never an
exponent, ``NaN``, ``+Inf`` and ``-Inf``.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from infra.local.promql.values import Value
    from infra.local.series import Window

JsonObject: TypeAlias = dict[str, Any]


def to_json(value: Value, at: int) -> JsonObject:
    """The ``data`` of a successful answer to a query at ``at`` (milliseconds since the epoch)."""
    match value:
        case float():
            return {"resultType": "scalar", "result": [at / 1000, format_number(value)]}
        case str():
            return {"resultType": "string", "result": [at / 1000, value]}
        case list():
            samples = [{"metric": dict(s.labels), "value": [at / 1000, format_number(s.value)]} for s in value]
            return {"resultType": "vector", "result": samples}
        case _:
            return {"resultType": "matrix", "result": [_series(window) for window in value.windows]}


def format_number(value: float) -> str:
    """A sample's value as text."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    text = format(Decimal(repr(value)), "f")
    return text.removesuffix(".0")


def _series(window: Window) -> JsonObject:
    pairs = zip(window.times, window.values, strict=True)
    return {"metric": dict(window.labels), "values": [[time / 1000, format_number(value)] for time, value in pairs]}
