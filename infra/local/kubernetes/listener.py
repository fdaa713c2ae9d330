"""The HTTP side: one thread a connection, HTTP/1.1 with keep-alive, answers in one write, streams in chunks.

The standard library's server does the protocol; only the headers are read by hand, because its parser for mail messages
takes longer than all the rest of a request.
"""

import socket
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

from infra.local.kubernetes.answers import Response
from infra.local.kubernetes.request import Request, parse_target
from infra.local.kubernetes.watching import WatchStream

_LARGEST_BODY = 3 * 1024 * 1024  # the API server's own limit
_HEADERS = 200
_USER = "admin"


class Listener(ThreadingHTTPServer):
    """A server on loopback that hands every request to `answer`. `tokens` are bearer tokens and the users they stand
    for.
    """

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, port: int, tokens: dict[str, str], answer: Callable[[Request], Response]) -> None:
        self.tokens = tokens
        self.answer = answer
        self._connections: set[socket.socket] = set()
        self._lock = Lock()
        super().__init__(("127.0.0.1", port), _Handler)
        self._thread = Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.05}, name="kubernetes-api", daemon=True
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stops accepting, and ends every open connection."""
        self.shutdown()
        self.server_close()
        with self._lock:
            for connection in self._connections:
                _cut(connection)
        self._thread.join()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle is no news; everything else was answered by the application."""


def _cut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


class _BadRequestError(Exception):
    """A request that is not HTTP, or too much of it. Its first argument is the status."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 65536
    server: Listener

    def handle_one_request(self) -> None:
        line = self.rfile.readline(65537)
        if not line.strip():
            self.close_connection = True
            return
        try:
            request = self._read(line)
        except _BadRequestError as error:
            self._send(Response(error.args[0], b"", "text/plain"), keep=False)
            return
        response = self.server.answer(request)
        if isinstance(response.body, WatchStream):
            self._stream(response, response.body)
        else:
            self._send(
                response,
                keep=request.headers.get("connection", "").lower() != "close",
                bodiless=request.method == "HEAD",
            )

    def _read(self, line: bytes) -> Request:
        words = line.decode("latin-1").split()
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            raise _BadRequestError(400)
        headers = self._read_headers()
        if headers.get("expect", "").lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.wfile.flush()
        path, query = parse_target(words[1])
        return Request(words[0], path, query, headers, self._read_body(headers), self._user(headers))

    def _read_headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        for _ in range(_HEADERS):
            line = self.rfile.readline(65537)
            if line in {b"\r\n", b"\n", b""}:
                return headers
            name, _, value = line.decode("latin-1").partition(":")
            key, value = name.strip().lower(), value.strip()
            headers[key] = f"{headers[key]},{value}" if key in headers else value
        raise _BadRequestError(431)

    def _read_body(self, headers: dict[str, str]) -> bytes:
        if "chunked" in headers.get("transfer-encoding", "").lower():
            return self._read_chunks()
        length = headers.get("content-length", "0")
        if not length.isdecimal():
            raise _BadRequestError(400)
        if int(length) > _LARGEST_BODY:
            raise _BadRequestError(413)
        return self.rfile.read(int(length))

    def _read_chunks(self) -> bytes:
        body = b""
        while size := self._chunk_size():
            body += self.rfile.read(size)
            self.rfile.readline()
            if len(body) > _LARGEST_BODY:
                raise _BadRequestError(413)
        self._read_headers()  # trailers
        return body

    def _chunk_size(self) -> int:
        try:
            return int(self.rfile.readline(65537).partition(b";")[0], 16)
        except ValueError:
            raise _BadRequestError(400) from None

    def _user(self, headers: dict[str, str]) -> str:
        token = headers.get("authorization", "").removeprefix("Bearer ").strip()
        return self.server.tokens.get(token, _USER)

    def _send(self, response: Response, *, keep: bool, bodiless: bool = False) -> None:
        assert isinstance(response.body, bytes)  # noqa: S101 - streams go another way
        self.close_connection = not keep
        ending = "" if keep else "Connection: close\r\n"
        head = self._head(response) + f"Content-Length: {len(response.body)}\r\n{ending}\r\n"
        self.wfile.write(head.encode("latin-1", "replace") + (b"" if bodiless else response.body))
        self.wfile.flush()

    def _head(self, response: Response) -> str:
        extra = "".join(f"{name}: {value}\r\n" for name, value in response.headers)
        phrase = self.responses[HTTPStatus(response.status)][0]
        return (
            f"HTTP/1.1 {response.status} {phrase}\r\nContent-Type: {response.content_type}\r\n"
            f"Cache-Control: no-cache, private\r\n{extra}"
        )

    def _stream(self, response: Response, lines: WatchStream) -> None:
        """Sends each line as a chunk, as soon as it is there."""
        self.close_connection = True
        try:
            self.wfile.write((self._head(response) + "Transfer-Encoding: chunked\r\n\r\n").encode())
            self.wfile.flush()
            for line in lines:
                self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")
            self.wfile.flush()
        finally:
            lines.close()
