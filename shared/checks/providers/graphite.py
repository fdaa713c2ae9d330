"""Graphite. The query is that of a render URL, ``target=...``; the Secret, where there is one, holds ``username`` and
``password``.

A series ends in nulls while its last points are still to come: the last value that is there is taken.
Source: Graphite, "The Render URL API".
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from shared.checks.endpoint import basic_headers
from shared.checks.providers.exchange import Request, fetch, load, number, odd, place

if TYPE_CHECKING:
    from shared.checks.providers.provider import Line, Question


def ask(question: Question, line: Line) -> tuple[float, ...]:
    """See ``Provider``."""
    return read(fetch(question, _request(question), line), question)


def read(body: bytes, question: Question) -> tuple[float, ...]:
    """The last value of each target in an answer."""
    match load(body, question):
        case [*targets]:
            values = (_last(target, question) for target in targets)
            return tuple(value for value in values if value is not None)
        case _:
            raise odd(question)


def _request(question: Question) -> Request:
    source = question.source
    endpoint = source.endpoint()
    folded = " ".join(question.query.split())
    parameters = [(key, value) for key, value in parse_qsl(folded, keep_blank_values=True) if key != "format"]
    headers = dict(endpoint.headers)
    if source.template.provider.secret:
        headers = basic_headers(source.credential("username"), source.credential("password"))
    return Request(place(endpoint, "/render", [*parameters, ("format", "json")]), headers)


def _last(target: object, question: Question) -> float | None:
    match target:
        case {"datapoints": [*points]}:
            values = (number(point[0]) if isinstance(point, list) and point else None for point in reversed(points))
            return next((value for value in values if value is not None), None)
        case _:
            raise odd(question)
