"""A TCP proxy before one real server, for what does not speak HTTP/1.1: it passes bytes on until it is told to be late,
to break off or to be gone.

It must never change a byte.
"""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHUNK = 64 * 1024


class TcpProxy:
    """A context manager that passes connections on to ``upstream``, ``HOST:PORT``; ``host`` is where it listens."""

    def __init__(self, upstream: str) -> None:
        host, _, port = upstream.rpartition(":")
        self._upstream = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._address = self._listener.getsockname()
        self._open: set[socket.socket] = set()
        self._delay = 0.0
        self._breaks = False
        self.host = f"127.0.0.1:{self._address[1]}"

    def __enter__(self) -> TcpProxy:
        self._listen()
        return self

    def __exit__(self, *_: object) -> None:
        self._vanish()

    @contextlib.contextmanager
    def down(self) -> Iterator[None]:
        """Within the block nobody listens, and every connection is over."""
        self._vanish()
        try:
            yield
        finally:
            self._listener = socket.create_server(self._address)
            self._listen()

    @contextlib.contextmanager
    def slow(self, seconds: float) -> Iterator[None]:
        """Within the block every answer comes that much later."""
        self._delay = seconds
        try:
            yield
        finally:
            self._delay = 0.0

    @contextlib.contextmanager
    def breaking_off(self) -> Iterator[None]:
        """Within the block connections end in the middle of the first answer."""
        self._breaks = True
        try:
            yield
        finally:
            self._breaks = False

    def _listen(self) -> None:
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _vanish(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes who waits in accept
        self._listener.close()
        for each in tuple(self._open):
            _end(each)

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):  # it was closed
            while True:
                client, _ = listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self._upstream, timeout=5)
        except OSError:
            client.close()
            return
        server.settimeout(None)
        self._open |= {client, server}
        late: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
        for work in (_pass_on, client, server), (self._receive, server, late), (_deliver, late, client):
            threading.Thread(target=work[0], args=work[1:], daemon=True).start()

    def _receive(self, server: socket.socket, late: queue.SimpleQueue[tuple[float, bytes]]) -> None:
        """What the server says, with the moment at which the client may have it; nothing after its end."""
        for data in _chunks(server):
            late.put((time.monotonic() + self._delay, data[: len(data) // 2] if self._breaks else data))
            if self._breaks:
                break
        late.put((0.0, b""))
        _end(server)


def _deliver(late: queue.SimpleQueue[tuple[float, bytes]], client: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while (due := late.get())[1]:
            time.sleep(max(due[0] - time.monotonic(), 0.0))
            client.sendall(due[1])
    _end(client)


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        for data in _chunks(source):
            target.sendall(data)
    _end(target)


def _chunks(source: socket.socket) -> Iterator[bytes]:
    with contextlib.suppress(OSError):
        while data := source.recv(_CHUNK):
            yield data


def _end(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
