"""Datadog. The Secret holds ``datadog_api_key`` and ``datadog_application_key``.

The last point of a series is still being added to, and would look like a drop in traffic. So the newest one that is
over is taken; Flagger takes the oldest, which is ten intervals old and may be of another step.
Source: Datadog API v1, "Query timeseries points".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.checks.providers.exchange import Request, fetch, find_reason, hide, load, number, odd, place
from shared.errors import CheckUnavailable

if TYPE_CHECKING:
    from shared.checks.providers.provider import Line, Question
    from shared.json_types import Json

_ADDRESS = "https://api.datadoghq.com"


def ask(question: Question, line: Line) -> tuple[float, ...]:
    """See ``Provider``."""
    return read(fetch(question, _request(question), line), question)


def read(body: bytes, question: Question) -> tuple[float, ...]:
    """The newest complete value of each series in an answer."""
    answer = load(body, question)
    match answer:
        case {"status": "error"}:
            raise CheckUnavailable(hide(f"it answered with an error: {find_reason(answer)}", question.source))
        case {"series": [*series]}:
            values = (_newest(one, question) for one in series)
            return tuple(value for value in values if value is not None)
        case _:
            raise odd(question)


def _request(question: Question) -> Request:
    source = question.source
    endpoint = source.endpoint(_ADDRESS)
    period = {"query": question.query, "from": str(int(question.since)), "to": str(int(question.now))}
    keys = {
        "DD-API-KEY": source.credential("datadog_api_key"),
        "DD-APPLICATION-KEY": source.credential("datadog_application_key"),
    }
    return Request(place(endpoint, "/api/v1/query", period), {**endpoint.headers, **keys})


def _newest(series: Json, question: Question) -> float | None:
    """Points are ``[milliseconds, value]``, oldest first; ``interval`` is how many seconds each stands for."""
    match series:
        case {"pointlist": [*points], "interval": int(seconds)} | {"pointlist": [*points], "length": int(seconds)}:
            over = (question.now - seconds) * 1000
        case _:
            raise odd(question)
    complete = (point[1] for point in reversed(points) if point[0] <= over)
    return next((value for value in map(number, complete) if value is not None), None)
