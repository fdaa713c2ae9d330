"""One HTTP exchange for the checks: bounded in time, in size and in where it may go.

No redirect is followed, no cookie kept, no proxy or netrc of the environment used: each would send a request, or a
credential, to where nobody decided that it should go. Whatever goes wrong becomes a ``TransportFailed`` that says in
our own words what happened, because the library's words hold whole URLs.
"""

from __future__ import annotations

import socket
import ssl
import time
from contextlib import closing
from dataclasses import dataclass, field
from http.client import IncompleteRead
from typing import TYPE_CHECKING, cast

from requests import Request, RequestException, Response
from urllib3.exceptions import HTTPError, ReadTimeoutError
from urllib3.util import Timeout

from shared.checks.connections import GuardedAdapter, Resolve, ask_resolver
from shared.checks.durations import write_duration
from shared.errors import CheckUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shared.checks.allowlist import Egress
    from shared.checks.deadline import Deadline

_CHUNK = 16 * 1024
_FIRST_WAIT, _LONGEST_WAIT = 0.2, 2.0

# Our words for what happened. Never the error's own: they may hold the URL, a header or a part of the answer.
_WORDS: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
    ((TimeoutError, ReadTimeoutError), "no answer within {limit}"),
    ((socket.gaierror,), "its name cannot be resolved"),
    ((ssl.SSLCertVerificationError,), "its certificate cannot be trusted: {cause.verify_message}"),
    ((ssl.SSLError,), "TLS failed: {cause.reason}"),
    ((ConnectionRefusedError,), "connection refused"),
    (
        (ConnectionResetError, ConnectionAbortedError, BrokenPipeError, IncompleteRead),
        "the connection was closed before the answer was complete",
    ),
    ((OSError,), "{cause.strerror}"),
)


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
            return TransportFailed(_describe(error, limit))

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


def _describe(error: BaseException, limit: float) -> str:
    causes = tuple(_causes(error))
    for cause in causes:
        for types, words in _WORDS:
            # A RequestException is an OSError that knows nothing; what it wraps does.
            if isinstance(cause, types) and not isinstance(cause, RequestException):
                return words.format(cause=cause, limit=write_duration(round(limit, 1)))
    return f"no usable HTTP answer ({type(causes[-1]).__name__})"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and those inside it: a library keeps its cause in ``reason``, in its arguments, or where Python does."""
    yield error
    for cause in (getattr(error, "reason", None), *error.args, error.__cause__, error.__context__):
        if isinstance(cause, BaseException):
            yield from _causes(cause)
            return
