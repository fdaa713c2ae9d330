"""One HTTP exchange for the checks: bounded in time, in size and in where it may go.

No redirect is followed, no cookie kept, no proxy or netrc of the environment used: each would send a request, or a
credential, to where nobody decided that it should go. Whatever goes wrong becomes a ``TransportFailed`` that says in
our own words what happened.
"""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from requests import Request, RequestException, Response
from urllib3.exceptions import HTTPError
from urllib3.util import Timeout

from shared.checks.connections import GuardedAdapter, Resolve, ask_resolver
from shared.checks.durations import write_duration
from shared.checks.failure import describe
from shared.errors import CheckUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.checks.allowlist import Egress
    from shared.checks.deadline import Deadline

_CHUNK = 16 * 1024
_FIRST_WAIT, _LONGEST_WAIT = 0.2, 2.0


class TransportFailed(CheckUnavailable):
    """There was no complete answer. Asking again may help."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request.

    ``keep`` is how many bytes of the answer's body are read at most; ``verify`` is True, False, or a CA file's path.
    ``keep_alive`` says whether its connection is one for many requests.
    """

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    keep: int
    body: bytes | None = field(default=None, repr=False)
    verify: bool | str = True
    keep_alive: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; ``complete`` is False when the body was longer than the call's ``keep``. ``later`` says that it
    asks for another call (a ``Retry-After`` header, RFC 9110), and ``retry_after`` in how many seconds, if it is known.
    """

    status: int
    body: bytes = field(repr=False)
    complete: bool
    later: bool = False
    retry_after: int = 0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait: ``each`` seconds for one attempt, ``whole`` for all of them and the waits between."""

    each: float
    whole: Deadline
    retries: int = 0


class Http:
    """The connections of a process. Threads may share it."""

    def __init__(self, egress: Egress, resolve: Resolve = ask_resolver) -> None:
        self._lasting = GuardedAdapter(egress, resolve, keep_alive=True)
        self._passing = GuardedAdapter(egress, resolve, keep_alive=False)

    def send(self, call: Call, patience: Patience) -> Answer:
        """The answer, whatever its status; connection errors, 429 and 5xx are tried again within ``patience``.

        TransportFailed or EgressRefused if there is none.
        """
        for attempt in range(patience.retries + 1):
            outcome = self._try(call, patience.whole.within(patience.each))
            wait = min(_FIRST_WAIT * 2 ** min(attempt, 10), _LONGEST_WAIT)
            if _is_settled(outcome) or attempt == patience.retries or patience.whole.left <= wait:
                break
            time.sleep(wait)
        if isinstance(outcome, TransportFailed):
            raise outcome
        return outcome

    def close(self) -> None:
        """Closes the idle connections."""
        self._lasting.close()
        self._passing.close()

    def _try(self, call: Call, deadline: Deadline) -> Answer | TransportFailed:
        limit = deadline.left
        if not limit:
            return TransportFailed("there was no time left to ask")
        try:
            return self._exchange(call, limit)
        except (RequestException, HTTPError, OSError, ValueError) as error:
            return TransportFailed(describe(error, f"within {write_duration(round(limit, 1))}"))

    def _exchange(self, call: Call, limit: float) -> Answer:
        request = Request(call.method, call.url, headers=dict(call.headers), data=call.body).prepare()
        # Only urllib3's Timeout counts connecting and reading together; an adapter takes it, though not by its stub.
        timeout = cast("float", Timeout(total=limit))
        adapter = self._lasting if call.keep_alive else self._passing
        with closing(adapter.send(request, stream=True, timeout=timeout, verify=call.verify)) as response:
            body = _read(response, call.keep + 1)
            complete, later = len(body) <= call.keep, "Retry-After" in response.headers
            return Answer(response.status_code, body[: call.keep], complete, later, _retry_after(response))


def _read(response: Response, limit: int) -> bytes:
    body = bytearray()
    for chunk in response.iter_content(_CHUNK):
        body += chunk
        if len(body) >= limit:
            break
    return bytes(body[:limit])


def _retry_after(response: Response) -> int:
    """The seconds of ``Retry-After``; a date, which no API that we know of sends, counts as none."""
    text = response.headers.get("Retry-After", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0


def _is_settled(outcome: Answer | TransportFailed) -> bool:
    return isinstance(outcome, Answer) and outcome.status != 429 and outcome.status < 500
