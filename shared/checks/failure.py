"""What happened to an exchange over the network, in our own words.

It must never show an error's own text: libraries put whole URLs, headers and parts of the answer into it, and the
addresses of objects, so that the same failure reads differently each time.
"""

from __future__ import annotations

import socket
import ssl
from http.client import IncompleteRead
from typing import TYPE_CHECKING

from requests import RequestException
from urllib3.exceptions import ReadTimeoutError

if TYPE_CHECKING:
    from collections.abc import Iterator

_WORDS: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
    ((TimeoutError, ReadTimeoutError), "no answer {patience}"),
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


def describe(error: BaseException, patience: str) -> str:
    """Why there was no answer; ``patience`` is how long one was waited for: ``within 5s``, ``in time``."""
    causes = tuple(_causes(error))
    for cause in causes:
        for types, words in _WORDS:
            # A RequestException is an OSError that knows nothing; what it wraps does.
            if isinstance(cause, types) and not isinstance(cause, RequestException):
                return words.format(cause=cause, patience=patience)
    return f"no usable HTTP answer ({type(causes[-1]).__name__})"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and those inside it: a library keeps its cause in ``reason``, in its arguments, or where Python does."""
    yield error
    for cause in (getattr(error, "reason", None), *error.args, error.__cause__, error.__context__):
        if isinstance(cause, BaseException):
            yield from _causes(cause)
            return
