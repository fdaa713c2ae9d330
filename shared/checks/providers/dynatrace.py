"""Dynatrace, by metric selector. The Secret holds ``dynatrace_token``, with the scope ``metrics.read``.

The whole period is asked for as one point (``resolution=Inf``), so that each series has one value.
Source: Dynatrace, "Metrics API v2 - GET data points".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.checks.providers.exchange import Request, fetch, load, number, odd, place

if TYPE_CHECKING:
    from shared.checks.providers.provider import Line, Question


def ask(question: Question, line: Line) -> tuple[float, ...]:
    """See ``Provider``."""
    return read(fetch(question, _request(question), line), question)


def read(body: bytes, question: Question) -> tuple[float, ...]:
    """The value of each series in an answer; null is none."""
    match load(body, question):
        case {"result": [*results]}:
            series = [one for result in results for one in _series(result, question)]
        case _:
            raise odd(question)
    newest = (next((value for value in map(number, reversed(values)) if value is not None), None) for values in series)
    return tuple(value for value in newest if value is not None)


def _request(question: Question) -> Request:
    endpoint = question.source.endpoint()
    parameters = {
        "metricSelector": question.query,
        "resolution": "Inf",
        "from": str(int(question.since * 1000)),
        "to": str(int(question.now * 1000)),
    }
    token = {"Authorization": f"Api-Token {question.source.credential('dynatrace_token')}"}
    return Request(place(endpoint, "/api/v2/metrics/query", parameters), token)


def _series(result: object, question: Question) -> list[list[object]]:
    match result:
        case {"data": [*data]} if all(isinstance(one, dict) and isinstance(one.get("values"), list) for one in data):
            return [one["values"] for one in data]
        case _:
            raise odd(question)
