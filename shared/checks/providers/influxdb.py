"""InfluxDB 2, in Flux. The Secret holds ``token`` and ``org``.

Of each table the last row's ``_value`` is taken. An error that arises while rows are already being sent comes as a
table of its own, with status 200. Flagger takes an empty answer for zero; here it is no data.
Source: InfluxDB, "Query data with the API" and "Annotated CSV".
"""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

from shared.checks.providers.exchange import Request, fetch, hide, odd, place
from shared.errors import CheckUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.checks.providers.provider import Line, Question


def ask(question: Question, line: Line) -> tuple[float, ...]:
    """See ``Provider``."""
    return read(fetch(question, _request(question), line), question)


def read(body: bytes, question: Question) -> tuple[float, ...]:
    """The last value of each table in an answer."""
    last: dict[tuple[int, str], float] = {}
    for table, row in _rows(body, question):
        if "error" in row:
            raise CheckUnavailable(hide(f"it answered with an error: {row['error']}", question.source))
        if "_value" not in row:
            raise CheckUnavailable("the query gives no column _value")
        if row["_value"]:
            last[table, row.get("table", "")] = _number(row["_value"])
    return tuple(last.values())


def _request(question: Question) -> Request:
    source = question.source
    endpoint = source.endpoint()
    headers, organisation = dict(endpoint.headers), {}
    if source.template.provider.secret:
        headers = {"Authorization": f"Token {source.credential('token')}"}
        organisation = {"org": source.credential("org")}
    query = {"query": question.query, "type": "flux", "dialect": {"header": True, "annotations": []}}
    kinds = {"Content-Type": "application/json", "Accept": "application/csv"}
    return Request(place(endpoint, "/api/v2/query", organisation), {**headers, **kinds}, json.dumps(query).encode())


def _rows(body: bytes, question: Question) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row by its column, with the number of its header: an empty line ends a header's rows, ``#`` starts notes."""
    try:
        lines = list(csv.reader(body.decode().splitlines()))
    except (UnicodeDecodeError, csv.Error):
        raise odd(question) from None
    header: list[str] = []
    headers = 0
    for line in lines:
        if not any(line):
            header = []
        elif line[0].startswith("#"):
            continue
        elif not header:
            header, headers = line, headers + 1
            if not {"table", "error"} & set(header):
                raise odd(question)
        elif len(line) == len(header):
            yield headers, dict(zip(header, line, strict=True))
        else:
            raise odd(question)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise CheckUnavailable(
            "the query gives something that is not a number: end it with a count or a mean"
        ) from None
