"""All functions as a self-hosted Serin serves them: a process of ``functions.serve``, and TLS in front for the
cluster's webhook.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import sys
import threading
from typing import TYPE_CHECKING

from tests.support.processes import Process, Program, accepts, free_port
from tests.support.web import make_certificate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

SECRET = "a-secret-of-the-tests-alone"
_CHUNK = 65536


class Functions:
    """A context manager that serves every function on ``url``, and by TLS on ``tls_port`` with ``certificate``."""

    def __init__(self, directory: Path, environment: Mapping[str, str], *arguments: str) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        pem = make_certificate(directory / "webhook.pem")
        self.certificate = b"-----BEGIN CERTIFICATE" + pem.read_bytes().partition(b"-----BEGIN CERTIFICATE")[2]
        argv = (sys.executable, "-m", "functions.serve", "--port", str(port), *arguments)
        secret = {} if "SERIN_CLUSTERS" in environment else {"SERIN_WEBHOOK_SECRETS": SECRET}
        settings = {**secret, "SERIN_EGRESS_ALLOW": "127.0.0.1", **environment}
        root = {"PYTHONPATH": str(sys.path[0] or "."), **settings}
        self.process = Process(Program("functions", argv, lambda: accepts(port), root), directory)
        self._proxy = TlsProxy(port, pem)

    def __enter__(self) -> Functions:
        self.process.start()
        self._proxy.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._proxy.stop()
        self.process.kill()

    @property
    def webhook_url(self) -> str:
        """Where the API server calls the webhook."""
        return f"https://127.0.0.1:{self._proxy.port}/webhook/{SECRET}"

    @property
    def messages(self) -> list[str]:
        """The ``msg`` of every log line, in order."""
        return [line["msg"] for line in self._lines()]

    def _lines(self) -> Iterator[dict[str, str]]:
        for line in self.process.log.read_text(errors="replace").splitlines():
            with contextlib.suppress(ValueError):
                entry = json.loads(line)
                if isinstance(entry, dict) and "msg" in entry:
                    yield entry


class TlsProxy:
    """Ends TLS before a plain server on loopback."""

    def __init__(self, target: int, pem: Path) -> None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(pem)
        self._listener = context.wrap_socket(socket.create_server(("127.0.0.1", 0)), server_side=True)
        self.port = int(self._listener.getsockname()[1])
        self._target = target
        self._thread = threading.Thread(target=self._accept, name="tls", daemon=True)

    def start(self) -> None:
        """Begin to accept connections."""
        self._thread.start()

    def stop(self) -> None:
        """Accept no more."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except ssl.SSLError:
                continue
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._target))
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=_copy, args=(source, sink), daemon=True).start()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(_CHUNK):
            sink.sendall(data)
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
