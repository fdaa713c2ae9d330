"""A small HTTP server for tests of clients: it answers as it is told, well or badly, and remembers what it was sent.

It is told by a script of behaviours, one for each request; the last one goes for all that follow. It must never outlive
its block: whoever waits in a behaviour is woken by the end of it.
"""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import os
import socket
import ssl
import struct
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    Behaviour = Callable[["Handler"], None]


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it came in; ``headers`` have lower-case names."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class WebServer(ThreadingHTTPServer):
    """Listens on a free loopback port while its block runs; with ``pem``, a file with key and certificate, by TLS."""

    daemon_threads = True

    def __init__(self, *script: Behaviour, pem: Path | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script = list(script)
        self.requests: list[Received] = []
        self.connections = 0
        self.ending = threading.Event()
        self.url = f"{'https' if pem else 'http'}://127.0.0.1:{self.server_port}"
        self._pem = pem
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ending.set()
        self.shutdown()
        self.server_close()

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        """Accept; the handshake is left to the connection's own thread."""
        connection, address = super().get_request()
        self.connections += 1
        if self._pem is not None:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(self._pem)
            connection = context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that go away are what these tests are about: nothing to print."""

    def take(self, request: Received) -> Behaviour:
        """Remember a request; what is to be done with it."""
        with self._lock:
            self.requests.append(request)
            return self.script.pop(0) if len(self.script) > 1 else self.script[0]


class Handler(BaseHTTPRequestHandler):
    """Hands each request to the next behaviour."""

    protocol_version = "HTTP/1.1"
    server: WebServer

    def do_GET(self) -> None:
        """Read all of it, then behave."""
        chunked = self.headers.get("Transfer-Encoding") == "chunked"
        body = b"".join(self._chunks()) if chunked else self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.close_connection = False  # many servers do not heed "Connection: close"
        self.server.take(Received(self.command, self.path, headers, body))(self)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815  names of its base

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def reply(status: int = 200, body: str | bytes = "", headers: Mapping[str, str] | None = None) -> Behaviour:
    """A whole and proper answer."""
    content = body.encode() if isinstance(body, str) else body

    def behave(handler: Handler) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content)

    return behave


def send(content: bytes) -> Behaviour:
    """These very bytes, then the end of the connection."""

    def behave(handler: Handler) -> None:
        handler.wfile.write(content)
        handler.close_connection = True

    return behave


def flood(handler: Handler) -> None:
    """An answer whose body never ends."""
    handler.send_response(200)
    handler.end_headers()
    handler.close_connection = True
    while not handler.server.ending.is_set():
        handler.wfile.write(b"x" * 65536)


def drip(content: bytes, every: float = 0.05) -> Behaviour:
    """These bytes, one at a time, until the client has had enough."""

    def behave(handler: Handler) -> None:
        handler.close_connection = True
        for position in range(len(content)):
            if handler.server.ending.wait(every):
                return
            handler.wfile.write(content[position : position + 1])

    return behave


def hang(handler: Handler) -> None:
    """No answer at all while the server runs."""
    handler.server.ending.wait(60)
    handler.close_connection = True


def reset(handler: Handler) -> None:
    """The connection is torn down (RST) instead of an answer."""
    handler.close_connection = True
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(handler.connection.detach())


def closed_port() -> int:
    """A loopback port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextlib.contextmanager
def silent_server() -> Iterator[str]:
    """The address of a server that accepts connections, by its kernel, and never says a word: not even for TLS."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def make_certificate(file: Path) -> Path:
    """Writes a key and its self-signed certificate for 127.0.0.1 into ``file``."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return file


def certificate_in(file: Path) -> bytes:
    """The certificate alone, without its key, as PEM."""
    _, begin, rest = file.read_bytes().partition(b"-----BEGIN CERTIFICATE")
    return begin + rest
