"""Splunk Observability Cloud (SignalFx), by a SignalFlow program. The Secret holds ``sf_token_key``.

Flagger computes over a WebSocket; the same computation over HTTP answers with Server-Sent Events and needs no other
library. Of each time series the last value is taken. A computation that was broken off is no answer.
Source: Splunk, "SignalFlow API, POST /execute" and "SignalFlow stream messages reference".
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from shared.checks.endpoint import read_endpoint
from shared.checks.providers.exchange import Request, fetch, find_reason, hide, number, odd, place
from shared.errors import CheckUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.checks.endpoint import Endpoint
    from shared.checks.providers.provider import Line, Question
    from shared.json_types import Json

_BLOCK = re.compile(r"\r?\n\r?\n")


def ask(question: Question, line: Line) -> tuple[float, ...]:
    """See ``Provider``."""
    return read(fetch(question, _request(question), line), question)


def read(body: bytes, question: Question) -> tuple[float, ...]:
    """The last value of each time series in an answer."""
    last: dict[object, float] = {}
    for kind, message in _messages(body, question):
        match kind, message:
            case "data", {"data": [*points]}:
                values = ((point.get("tsId"), number(point.get("value"))) for point in points)
                last |= {series: value for series, value in values if value is not None}
            case "error", _:
                raise CheckUnavailable(hide(f"it refused the program: {_reason(message)}", question.source))
            case "control-message", {"event": "CHANNEL_ABORT"}:
                raise CheckUnavailable("the computation was broken off")
            case "control-message", {"event": "END_OF_CHANNEL"}:
                return tuple(last.values())
    raise CheckUnavailable("its answer ended before the computation did")


def _request(question: Question) -> Request:
    period = {
        "start": str(int(question.since * 1000)),
        "stop": str(int(question.now * 1000)),
        "immediate": "true",
    }
    headers = {
        "X-SF-Token": question.source.credential("sf_token_key"),
        "Content-Type": "text/plain",
        "Accept": "text/event-stream",
    }
    url = place(_stream(question.source.address()), "/v2/signalflow/execute", period)
    return Request(url, headers, question.query.encode())


def _stream(address: str) -> Endpoint:
    """Programs run at ``stream.REALM.signalfx.com``; addresses written for Flagger may name ``api``, or ``wss``."""
    parts = urlsplit(address)
    scheme = {"wss": "https", "ws": "http"}.get(parts.scheme, parts.scheme)
    host = re.sub(r"^api\.", "stream.", parts.netloc)
    return read_endpoint(urlunsplit((scheme, host, parts.path, "", "")))


def _messages(body: bytes, question: Question) -> Iterator[tuple[str, Json]]:
    """Kind and content of each event (HTML Living Standard, "Server-sent events"): its data lines are one JSON text."""
    for block in _BLOCK.split(body.decode(errors="replace")):
        fields = [line.partition(":") for line in block.splitlines() if not line.startswith(":")]
        data = "\n".join(value for name, _, value in fields if name == "data")
        kind = next((value.strip() for name, _, value in fields if name == "event"), "message")
        if data:
            yield kind, _decode(data, question)


def _decode(data: str, question: Question) -> Json:
    try:
        message = json.loads(data)
    except (ValueError, RecursionError):
        raise odd(question) from None
    if not isinstance(message, dict):
        raise odd(question)
    return message


def _reason(message: Json) -> str:
    """Errors have a code, such as ANALYTICS_PROGRAM_NAME_ERROR, and often no message."""
    errors = message.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else message
    return find_reason(first) or str(first.get("code", "")) if isinstance(first, dict) else ""
