"""A small HTTP server that stands for all ready pods of one workload.

``backend.py PORT NAME FILE``: FILE holds what those pods are told to do, a JSON list of
``[error rate, delay in seconds]``, one entry a pod; each request is answered by one of them at random. The mesh renames
a new file into its place whenever the pods change, and every request looks at it. Answers name the workload in the
header ``x-workload``. Whatever the pods are told, ``/status/CODE`` answers with that code and ``/delay/SECONDS`` that
late, as podinfo does. It must import nothing but the standard library: it runs as a script of its own.
"""

from __future__ import annotations

import json
import random
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_DICE = random.SystemRandom()


class Backend(ThreadingHTTPServer):
    """The server with its workload's name and the file of its behaviours."""

    request_queue_size = 128

    def __init__(self, port: int, workload: str, file: Path) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.workload = workload
        self._file = file
        self._read_at = 0
        self._pods: list[tuple[float, float]] = []

    def pod(self) -> tuple[float, float]:
        """Error rate and delay of some ready pod."""
        changed_at = self._file.stat().st_mtime_ns
        if changed_at != self._read_at:
            self._pods = json.loads(self._file.read_text())
            self._read_at = changed_at
        return _DICE.choice(self._pods)


class Handler(BaseHTTPRequestHandler):
    """Answers every path alike, but podinfo's two for faults."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 65536  # headers and body in one segment: two would wait for a delayed acknowledgement of 40 ms
    server: Backend

    def do_GET(self) -> None:
        """Wait and fail as the pod is told."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, delay = self._told()
        time.sleep(delay)
        body = self.server.workload.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("x-workload", self.server.workload)
        self.end_headers()
        self.wfile.write(body)

    def _told(self) -> tuple[int, float]:
        match self.path.split("/"):
            case ["", "status", code]:
                return int(code), 0.0
            case ["", "delay", seconds]:
                return 200, float(seconds)
            case _:
                error_rate, delay = self.server.pod()
                return 500 if _DICE.random() < error_rate else 200, delay

    def do_POST(self) -> None:
        """As for GET."""
        self.do_GET()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


def main() -> None:
    """Serve until killed."""
    port, workload, file = sys.argv[1:]
    Backend(int(port), workload, Path(file)).serve_forever()


if __name__ == "__main__":
    main()
