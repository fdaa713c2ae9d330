"""An HTTP proxy before one real server, which passes everything on until it is told to misbehave.

What it does instead is a behaviour of ``tests.support.web``. It must never change what it passes on.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from typing import TYPE_CHECKING

import urllib3

from tests.support.web import Handler, Received, WebServer, reply

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.web import Behaviour

SLOW_SECONDS = 1.0
HALF = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"status": "succ'
GARBAGE = '{"status": <<<'
_OF_THE_CONNECTION = {"host", "connection", "content-length", "transfer-encoding", "accept-encoding", "date", "server"}


class FaultyProxy(WebServer):
    """Passes requests on to ``upstream``; ``pem`` is its own key and certificate, ``upstream_ca`` the server's."""

    def __init__(self, upstream: str, *, pem: Path | None = None, upstream_ca: str | None = None) -> None:
        super().__init__(reply(), pem=pem)
        self._upstream = upstream
        context = ssl.create_default_context(cafile=upstream_ca) if upstream_ca else None
        self._pool = urllib3.PoolManager(maxsize=16, ssl_context=context, retries=False, timeout=30)
        self._fault: Behaviour | None = None
        self._delay = 0.0
        self._open: list[socket.socket] = []

    @contextlib.contextmanager
    def misbehaving(self, fault: Behaviour) -> Iterator[None]:
        """Within the block every request meets ``fault``."""
        self._fault = fault
        try:
            yield
        finally:
            self._fault = None

    @contextlib.contextmanager
    def slow(self, seconds: float = SLOW_SECONDS) -> Iterator[None]:
        """Within the block every answer comes that much later."""
        self._delay = seconds
        try:
            yield
        finally:
            self._delay = 0.0

    @contextlib.contextmanager
    def disguised(self, pem: Path) -> Iterator[None]:
        """Within the block it shows the certificate in ``pem`` instead of its own, to everybody anew."""
        own, self._pem = self._pem, pem
        self._end_connections()
        try:
            yield
        finally:
            self._pem = own

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        """Accept, and remember it."""
        connection, address = super().get_request()
        self._open.append(connection)
        return connection, address

    def take(self, request: Received) -> Behaviour:
        """Remember a request, and pass it on unless there is a fault."""
        super().take(request)
        self.ending.wait(self._delay)
        return self._fault or self._pass_on(request)

    def _end_connections(self) -> None:
        while self._open:
            with contextlib.suppress(OSError):  # most were closed by their clients
                self._open.pop().shutdown(socket.SHUT_RDWR)

    def _pass_on(self, request: Received) -> Behaviour:
        headers = {name: value for name, value in request.headers.items() if name not in _OF_THE_CONNECTION}
        try:
            answer = self._pool.request(request.method, self._upstream + request.path, request.body, headers=headers)
        except urllib3.exceptions.HTTPError:
            return _hang_up
        kept = {name: value for name, value in answer.headers.items() if name.lower() not in _OF_THE_CONNECTION}
        return reply(answer.status, answer.data, kept)


def _hang_up(handler: Handler) -> None:
    """What a client sees of a server that is gone."""
    handler.close_connection = True
