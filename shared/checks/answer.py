"""What Prometheus answers to ``/api/v1/query``, read strictly.

"No data" and "no answer" are different things: an empty vector, NaN and infinity are no data (0/0 is what a rate is
without traffic); an error, or something that is not the documented format, is no answer. It must never take one for the
other, or either for a number. Source: Prometheus, "HTTP API", "Expression query result formats".
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from shared.checks.wording import clean
from shared.errors import CheckUnavailable

if TYPE_CHECKING:
    from shared.json_types import Json

_LONGEST_ERROR = 300


def read_values(body: bytes) -> tuple[float, ...]:
    """The finite values in the answer, in its order; empty means no data. CheckUnavailable if it is no answer."""
    return tuple(value for value in map(_read_sample, _samples(_read_data(body))) if math.isfinite(value))


def read_labelled(body: bytes, label: str) -> dict[str, float]:
    """The finite values of a vector by one of their labels; series without it are left out. Else as above."""
    data = _read_data(body)
    values = dict(zip(_labels(data, label), map(_read_sample, _samples(data)), strict=True))
    return {name: value for name, value in values.items() if name and math.isfinite(value)}


def _read_data(body: bytes) -> Json:
    answer = _load(body)
    if answer.get("status") != "success":
        raise CheckUnavailable(f"it answered with an error: {read_error(body) or 'it does not say which'}")
    data = answer.get("data")
    if not isinstance(data, dict):
        raise CheckUnavailable("its answer has no data field: is this the address of a Prometheus?")
    return data


def _labels(data: Json, label: str) -> list[str]:
    result = data.get("result")
    metrics = (entry.get("metric") if isinstance(entry, dict) else None for entry in result or ())
    return [str(metric.get(label, "")) if isinstance(metric, dict) else "" for metric in metrics]


def read_error(body: bytes) -> str:
    """The server's own words in an error answer, cut; empty if there are none."""
    try:
        error = _load(body).get("error")
    except CheckUnavailable:
        return ""
    return clean(error, _LONGEST_ERROR) if isinstance(error, str) else ""


def _load(body: bytes) -> Json:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        raise CheckUnavailable("its answer is not JSON: is this the address of a Prometheus?") from None
    if not isinstance(answer, dict):
        raise CheckUnavailable("its answer is not a JSON object: is this the address of a Prometheus?")
    return answer


def _samples(data: Json) -> list[Any]:
    """``[time, value]`` pairs, not checked yet."""
    result = data.get("result")
    match data.get("resultType"):
        case "scalar":
            return [result]
        case "vector" if isinstance(result, list):
            return [entry.get("value") if isinstance(entry, dict) else None for entry in result]
        case "matrix":
            raise CheckUnavailable(
                "the query gives a range of values over time, not one: a function around it is missing"
            )
        case "string":
            raise CheckUnavailable("the query gives a text, not a number")
        case _:
            raise CheckUnavailable("its answer has a result of an unknown type")


def _read_sample(sample: object) -> float:
    match sample:
        case [_, str(text)]:
            try:
                return float(text)
            except ValueError:
                pass
    raise CheckUnavailable("its answer has a value that is not a number")
