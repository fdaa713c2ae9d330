"""New Relic, in NRQL. The Secret holds ``newrelic_account_id`` and ``newrelic_api_key``, a user key for NerdGraph; with
``newrelic_query_key`` instead, the older Insights API is asked.

The period is added to the query (``SINCE n seconds ago``), as Flagger does: queries have none of their own.
Source: New Relic, "NerdGraph tutorial: query your data", and "Query Insights events via API".
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from shared.checks.providers.exchange import Request, fetch, find_reason, hide, load, number, odd, place
from shared.errors import CheckUnavailable

if TYPE_CHECKING:
    from shared.checks.providers.provider import Line, Question

_NERDGRAPH = "https://api.newrelic.com/graphql"
_INSIGHTS = "https://insights-api.newrelic.com"
_GRAPHQL = "query($account: Int!, $nrql: Nrql!) { actor { account(id: $account) { nrql(query: $nrql) { results } } } }"


def ask(question: Question, line: Line) -> tuple[float, ...]:
    """See ``Provider``."""
    old = "newrelic_query_key" in question.source.credentials
    request = _insights(question) if old else _nerdgraph(question)
    return read(fetch(question, request, line), question)


def read(body: bytes, question: Question) -> tuple[float, ...]:
    """Every number in the result of an answer; null is none."""
    answer = load(body, question)
    match answer:
        case {"errors": [*errors]} if errors:
            raise CheckUnavailable(hide(f"it refused the query: {find_reason(errors)}", question.source))
        case {"data": {"actor": {"account": {"nrql": {"results": [*rows]}}}}} | {"results": [*rows]}:
            found = (number(value) for row in rows if isinstance(row, dict) for value in row.values())
            return tuple(value for value in found if value is not None)
        case _:
            raise odd(question)


def _nerdgraph(question: Question) -> Request:
    endpoint = question.source.endpoint(_NERDGRAPH)
    variables = {"account": int(_account(question)), "nrql": _nrql(question)}
    headers = {"Content-Type": "application/json", "Api-Key": question.source.credential("newrelic_api_key")}
    return Request(endpoint.url, headers, json.dumps({"query": _GRAPHQL, "variables": variables}).encode())


def _insights(question: Question) -> Request:
    endpoint = question.source.endpoint(_INSIGHTS)
    path = f"/v1/accounts/{_account(question)}/query"
    key = {"X-Query-Key": question.source.credential("newrelic_query_key")}
    return Request(place(endpoint, path, {"nrql": _nrql(question)}), key)


def _nrql(question: Question) -> str:
    return f"{question.query} SINCE {max(int(question.window), 1)} seconds ago"


def _account(question: Question) -> str:
    account = question.source.credential("newrelic_account_id").strip()
    if not account.isdecimal():
        raise CheckUnavailable(f"{question.source.secret} has a newrelic_account_id that is not a number")
    return account
