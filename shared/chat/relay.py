"""Work that takes longer than Slack waits, where a function gets no time after its answer: it goes on in another call.

The function sends the request on to itself, as Slack signed it and with a mark that only it can make. That is safe,
because the same request is the same command, however often it is worked on. While the other call lasts, its instance
gets time; whoever sent it on has answered meanwhile.
"""

from __future__ import annotations

import hashlib
import hmac
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from shared.chat.signature import SIGNATURE, TIMESTAMP

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MARK = "X-Serin-Continued"

SEND_SECONDS = 1.0
"""For the connection, and for each write of the request."""

ANSWER_SECONDS = 60.0

_KEPT = (SIGNATURE, TIMESTAMP, "Content-Type")


def is_continued(secrets: Sequence[str], headers: Mapping[str, str]) -> bool:
    """Whether this function has sent the request on to itself."""
    given = headers.get(MARK, "").encode()
    return any(hmac.compare_digest(given, _mark(secret, headers).encode()) for secret in secrets)


def send_on(address: str, secrets: Sequence[str], headers: Mapping[str, str], body: bytes) -> bool:
    """Send a signed request on to ``address``; whether it is on its way. Its answer is waited for by a thread."""
    parts = urlsplit(address)
    connect = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = connect(parts.netloc, timeout=SEND_SECONDS)
    kept = {name: headers[name] for name in _KEPT if name in headers}
    try:
        connection.request("POST", parts.path or "/", body, {**kept, MARK: _mark(secrets[0], headers)})
    except (OSError, HTTPException):
        connection.close()
        return False
    Thread(target=_hold, args=(connection,), name="relay", daemon=True).start()
    return True


def _mark(secret: str, headers: Mapping[str, str]) -> str:
    signed = f"continued:{headers.get(TIMESTAMP, '')}:{headers.get(SIGNATURE, '')}"
    return hmac.new(secret.encode(), signed.encode(), hashlib.sha256).hexdigest()


def _hold(connection: HTTPConnection) -> None:
    """Keep the connection until there is an answer: whoever hangs up may be taken to have lost interest."""
    try:
        connection.sock.settimeout(ANSWER_SECONDS)
        connection.getresponse().read()
    except (OSError, HTTPException):
        return
    finally:
        connection.close()
