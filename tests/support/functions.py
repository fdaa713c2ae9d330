"""All functions as a self-hosted Serin serves them: a process of ``functions.serve``, by TLS too."""

from __future__ import annotations

import contextlib
import json
import sys
from typing import TYPE_CHECKING

from tests.support.processes import Process, Program, accepts, free_port
from tests.support.web import certificate_in, make_certificate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

SECRET = "a-secret-of-the-tests-alone"


class Functions:
    """A context manager that serves every function on ``url``, and by TLS on ``tls_port`` with ``certificate``."""

    def __init__(self, directory: Path, environment: Mapping[str, str], *arguments: str) -> None:
        self.port, self.tls_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        pem = make_certificate(directory / "webhook.pem")
        self.certificate = certificate_in(pem)
        tls = ("--tls-port", str(self.tls_port), "--certificate", str(pem))
        argv = (sys.executable, "-m", "functions.serve", "--port", str(self.port), *tls, *arguments)
        secret = {} if "SERIN_CLUSTERS" in environment else {"SERIN_WEBHOOK_SECRETS": SECRET}
        settings = {**secret, "SERIN_EGRESS_ALLOW": "127.0.0.1", **environment}
        root = {"PYTHONPATH": str(sys.path[0] or "."), **settings}
        self.kubeconfig = environment.get("SERIN_KUBECONFIG", "")
        self.process = Process(Program("functions", argv, lambda: accepts(self.port), root), directory)

    def __enter__(self) -> Functions:
        self.process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()

    @property
    def webhook_url(self) -> str:
        """Where the API server calls the webhook."""
        return f"https://127.0.0.1:{self.tls_port}/webhook/{SECRET}"

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
