"""A connection over which bytes are sent as they are, and the answer is read whatever it is."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse

CLOSED = 0
"""Stands for the status where the server closed the connection without an answer, as it may for what is no HTTP."""

PATIENCE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came back: a status or ``CLOSED``, headers and body together, and after how many seconds."""

    status: int
    answer: bytes
    seconds: float


class Wire:
    """A connection to a port of loopback that is kept, and opened again when the server has closed it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None

    def send(self, request: bytes) -> Outcome:
        """Send it; TimeoutError if there is neither an answer nor an end."""
        began, used = time.monotonic(), self._socket is not None
        outcome = self._exchange(request, began)
        return self._exchange(request, began) if used and outcome.status == CLOSED else outcome

    def send_last(self, request: bytes) -> Outcome:
        """Send it on a connection of its own, and nothing after it: the server need not wait for more."""
        self.close()
        outcome = self._exchange(request, time.monotonic(), last=True)
        self.close()
        return outcome

    def close(self) -> None:
        """End the connection, if there is one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _exchange(self, request: bytes, began: float, *, last: bool = False) -> Outcome:
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), PATIENCE_SECONDS)
        with suppress(ConnectionError):  # it may answer and close before it has read everything
            self._socket.sendall(request)
            if last:
                self._socket.shutdown(socket.SHUT_WR)
        status, answer, ended = self._read(request.partition(b" ")[0].decode("latin-1"))
        if ended:
            self.close()
        return Outcome(status, answer, time.monotonic() - began)

    def _read(self, method: str) -> tuple[int, bytes, bool]:
        assert self._socket is not None
        response = HTTPResponse(self._socket, method=method)
        try:
            response.begin()
            answer = str(response.headers).encode() + response.read()
        except (HTTPException, ConnectionError):
            return CLOSED, b"", True
        finally:
            response.close()
        return response.status, answer, response.will_close
