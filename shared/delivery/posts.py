"""One JSON message to one webhook, and what became of it.

It must never put the address or the answer's body into words: both may be credentials.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared.checks.endpoint import read_endpoint
from shared.checks.transport import Call, Http, Patience
from shared.delivery.slack_app import Failed, Posted, Result
from shared.errors import CheckUnavailable
from shared.notices.ledger import Fate

if TYPE_CHECKING:
    from shared.checks.deadline import Deadline
    from shared.json_types import Json

DELIVERED = Posted("", "")
"""A webhook does not say where its message is."""

_EACH_SECONDS = 3.0
_KEPT_BYTES = 1024
_UNWANTED = frozenset({400, 413, 422})


@dataclass(frozen=True, slots=True)
class Letter:
    """What is sent where; ``id`` tells a receiver that it has the message already."""

    url: str = field(repr=False)
    body: Json
    id: str


def post(http: Http, letter: Letter, deadline: Deadline) -> Result:
    """Send ``letter`` once."""
    try:
        endpoint = read_endpoint(letter.url)
        call = Call(
            method="POST",
            url=endpoint.url,
            headers={
                "Content-Type": "application/json",
                "User-Agent": "serin",
                "Idempotency-Key": letter.id,
                **endpoint.headers,
            },
            keep=_KEPT_BYTES,
            body=json.dumps(letter.body, ensure_ascii=False, separators=(",", ":")).encode(),
            # A function sleeps while its idle connections die, and a message on a dead one is in doubt.
            keep_alive=False,
        )
        answer = http.send(call, Patience(_EACH_SECONDS, deadline))
    except CheckUnavailable as error:
        return Failed(Fate.UNKNOWN, str(error))
    return DELIVERED if 200 <= answer.status < 300 else _failure(answer.status, answer.retry_after)


def _failure(status: int, pause: int) -> Failed:
    if status == 429:
        return Failed(Fate.NOT_SENT, "it asks to wait", max(pause, 1))
    if status >= 500:
        return Failed(Fate.UNKNOWN, f"it answered with HTTP {status}")
    fate = Fate.REFUSED if status in _UNWANTED else Fate.NOT_SENT
    return Failed(fate, f"it refused the message with HTTP {status}")
