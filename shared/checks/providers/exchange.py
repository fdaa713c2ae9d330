"""One request of a provider: sent, bounded, and every status of its answer given a meaning.

Nothing of an answer's body goes into a sentence but what the API itself calls its error, shortened and without any
credential.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from shared.checks.transport import Call, Patience
from shared.checks.wording import clean
from shared.errors import CheckUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from shared.checks.endpoint import Endpoint
    from shared.checks.providers.provider import Line, Question, Source
    from shared.checks.transport import Answer

LIMIT = 5.0
"""Seconds for one question, retries included; Flagger's."""

_RETRIES = 2
_LARGEST_ANSWER = 4 * 1024 * 1024
_LONGEST_TEXT, _LONGEST_REASON, _LONGEST_QUERY = 600, 300, 250
_SHORTEST_SECRET = 4  # "a" would blot out half of a sentence
_ERROR_KEYS = ("error", "errors", "message", "Message", "errorMessage")


@dataclass(frozen=True, slots=True)
class Request:
    """A GET, or with a ``body`` a POST."""

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)


def place(endpoint: Endpoint, path: str, parameters: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> str:
    """The URL of ``path`` below an endpoint, with ``parameters`` after those that it has."""
    base, _, own = endpoint.url.partition("?")
    entries = parameters.items() if hasattr(parameters, "items") else parameters
    query = "&".join(filter(None, (own, urlencode(tuple(entries)))))
    return base.rstrip("/") + path + (f"?{query}" if query else "")


def fetch(question: Question, request: Request, line: Line) -> bytes:
    """The body of a 200. CheckUnavailable with the reason for everything else."""
    source = question.source
    headers = {"Accept": "application/json", "User-Agent": "serin", **source.template.provider.headers}
    call = Call(
        method="GET" if request.body is None else "POST",
        url=request.url,
        headers={**headers, **request.headers},
        keep=_LARGEST_ANSWER,
        body=request.body,
        verify=not source.template.provider.insecure,
    )
    answer = line.http.send(call, Patience(LIMIT, line.deadline.within(LIMIT), _RETRIES))
    if answer.complete and answer.status == HTTPStatus.OK:
        return answer.body
    raise CheckUnavailable(hide(_explain(question, answer), source))


def load(body: bytes, question: Question) -> Any:
    """The JSON of an answer. CheckUnavailable if it is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        kind = question.source.template.provider.type
        raise CheckUnavailable(f"its answer is not JSON: is this the address of {kind}?") from None


def odd(question: Question) -> CheckUnavailable:
    """The error for an answer whose shape is not the documented one."""
    return CheckUnavailable(f"its answer does not look like one of {question.source.template.provider.type}")


def number(value: object) -> float | None:
    """A number of JSON; None for anything else."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def hide(text: str, source: Source) -> str:
    """``text`` on one line, without what the Secret or the template's headers hold."""
    known = (*source.credentials.values(), *source.template.provider.headers.values())
    return clean(text, _LONGEST_TEXT, (secret for secret in known if len(secret) >= _SHORTEST_SECRET))


def find_reason(value: object) -> str:
    """What a decoded error answer says is wrong, wherever the API at hand keeps it; empty if it does not."""
    match value:
        case str():
            return value[:_LONGEST_REASON]
        case list() if value:
            return find_reason(value[0])
        case dict():
            found = (find_reason(value[key]) for key in _ERROR_KEYS if value.get(key))
            return next(filter(None, found), "")
        case _:
            return ""


def _explain(question: Question, answer: Answer) -> str:
    if not answer.complete:
        return f"its answer is larger than {_LARGEST_ANSWER // 1024} KiB"
    reason = _read_reason(answer.body)
    match answer.status:
        case HTTPStatus.BAD_REQUEST | HTTPStatus.UNPROCESSABLE_ENTITY:
            return f"it refused the query {clean(question.query, _LONGEST_QUERY)}: {reason or f'HTTP {answer.status}'}"
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            secret = question.source.secret if question.source.template.provider.secret else "spec.provider.secretRef"
            return _join(f"HTTP {answer.status}: it does not let us in, look at {secret}", reason)
        case HTTPStatus.NOT_FOUND:
            return _join("HTTP 404: look at spec.provider.address", reason)
        case HTTPStatus.TOO_MANY_REQUESTS:
            return _join("HTTP 429: it is asked more often than it allows", reason)
        case status if 300 <= status < 400:
            return f"HTTP {status}: redirects are not followed, give the address that they lead to"
        case status:
            return _join(f"HTTP {status}", reason)


def _join(text: str, reason: str) -> str:
    return f"{text}: {reason}" if reason else text


def _read_reason(body: bytes) -> str:
    try:
        return find_reason(json.loads(body)) if body[:1] in b"{[" else ""
    except (ValueError, RecursionError):
        return ""
