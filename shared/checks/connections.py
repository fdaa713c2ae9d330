"""Connections that go only where they may, and that keep to their time limit to the last byte.

``requests`` alone does neither: it resolves the name itself, after any check of it, and its time limit is one for each
read, so a server that sends a byte every few seconds holds it for ever. Here the address is checked where the socket is
opened, which a changing DNS answer cannot get around, and every read of an answer has what is left of the whole limit.

It must never be given a proxy: the address that is checked would be the proxy's.
"""

from __future__ import annotations

import io
import socket
from collections.abc import Callable, Sequence
from http.client import HTTPResponse
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, TypeAlias

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from shared.checks.deadline import Deadline, call_within

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

    from shared.checks.allowlist import Egress

Resolve: TypeAlias = Callable[[str, int], Sequence[str]]
"""The addresses of a host and port; OSError if there are none."""

_AT_LEAST = 0.001  # a socket takes 0 for "do not wait at all"
_HOSTS, _CONNECTIONS_PER_HOST = 32, 64


def ask_resolver(host: str, port: int) -> Sequence[str]:
    """The addresses that the system's resolver knows, best first (RFC 6724), without repetitions."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


class GuardedAdapter(HTTPAdapter):
    """An adapter of ``requests`` whose connections obey ``egress`` and their time limits. Threads may share it.

    ``keep_alive`` says whether a connection is used for more than one request.
    """

    def __init__(self, egress: Egress, resolve: Resolve, *, keep_alive: bool) -> None:
        self._pools = _guarded_pools(egress, resolve, _Response if keep_alive else _LastResponse)
        super().__init__(pool_connections=_HOSTS, pool_maxsize=_CONNECTIONS_PER_HOST)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any) -> None:
        """Called by ``HTTPAdapter``: the pool manager makes our connections instead of its own."""
        super().init_poolmanager(connections, maxsize, block, **pool_kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools


class _Reader(io.RawIOBase):
    """Reads a socket until a fixed time, however often the other side sends a little."""

    def __init__(self, source: io.RawIOBase, sock: socket.socket, deadline: Deadline) -> None:
        self._source, self._sock, self._deadline = source, sock, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        left = self._deadline.left
        if not left:
            raise TimeoutError
        self._sock.settimeout(left)
        return self._source.readinto(buffer)

    def close(self) -> None:
        self._source.close()
        super().close()


class _Response(HTTPResponse):
    """An answer whose status line, headers and body together have the time limit that the socket has when it begins."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        limit = sock.gettimeout()
        if limit is not None:
            self.fp = io.BufferedReader(_Reader(self.fp.detach(), sock, Deadline.after(limit)))


class _LastResponse(_Response):
    """The last answer of its connection, whatever the server says: many do not answer ``Connection: close`` in kind."""

    def begin(self) -> None:
        super().begin()
        self.will_close = True


def _guarded_pools(egress: Egress, resolve: Resolve, answer: type[_Response]) -> dict[str, type[HTTPConnectionPool]]:
    """urllib3's pools, with connections that open their sockets by ``open_socket``."""

    class Plain(HTTPConnection):
        response_class = answer

        def _new_conn(self) -> socket.socket:
            return open_socket(egress, resolve, (self._dns_host, self.port), _limit_of(self))

    class Tls(HTTPSConnection):
        response_class = answer

        def _new_conn(self) -> socket.socket:
            return open_socket(egress, resolve, (self._dns_host, self.port), _limit_of(self))

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = Tls

    return {"http": PlainPool, "https": TlsPool}


def _limit_of(connection: HTTPConnection) -> Deadline:
    if connection.timeout is None:
        raise ValueError("a guarded connection needs a time limit")
    return Deadline.after(connection.timeout)


def open_socket(egress: Egress, resolve: Resolve, place: tuple[str, int], deadline: Deadline) -> socket.socket:
    """A socket connected to one of the admitted addresses of ``place``; what is left of the limit becomes its timeout.

    Each address gets its share of the time, so that one which swallows packets leaves some for the next.
    EgressRefused, TimeoutError or OSError if there is none.
    """
    host, port = place
    addresses = egress.admit(host, _look_up(resolve, host, port, deadline))
    failure = OSError(f"{host} has no address")
    for position, address in enumerate(addresses):
        share = deadline.left / (len(addresses) - position)
        try:
            sock = socket.create_connection((address, port), timeout=max(share, _AT_LEAST))
        except OSError as error:
            failure = error
        else:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(max(deadline.left, _AT_LEAST))
            return sock
    raise failure


def _look_up(resolve: Resolve, host: str, port: int, deadline: Deadline) -> Sequence[str]:
    try:
        return (str(ip_address(host)),)
    except ValueError:
        return call_within(deadline.left, lambda: resolve(host, port))
