"""The load tester as its container runs it: a process of functions-framework, on loopback, with a login."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import urllib3

from tests.support.processes import Process, Program, answers, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TOKEN = "a-token-of-the-tests-alone"
_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Said:
    """What the load tester answered."""

    status: int
    text: str
    asks: Mapping[str, str] = field(default_factory=dict)
    """What it asks for: its headers ``Retry-After`` and ``WWW-Authenticate``."""


class LoadTester:
    """A context manager that serves the load tester on ``port``, some free one without. ``tools`` is the folder of its
    programs."""

    def __init__(
        self, directory: Path, tools: Path, settings: Mapping[str, str] | None = None, port: int | None = None
    ) -> None:
        self.port = port = port or free_port()
        self.url = f"http://serin:{TOKEN}@127.0.0.1:{port}"
        module = ("-m", "functions_framework", "--source", str(_ROOT / "functions/loadtester.py"))
        argv = (sys.executable, *module, "--target", "loadtester", "--host", "127.0.0.1", "--port", str(port))
        environment = {
            "PYTHONPATH": str(_ROOT),
            "PATH": f"{tools}:{os.defpath}",
            "LOADTESTER_TOKENS": TOKEN,
            "LOADTESTER_HOSTS": "127.0.0.1",
            **(settings or {}),
        }
        self.process = Process(
            Program("loadtester", argv, lambda: answers(f"http://127.0.0.1:{port}/healthz"), environment), directory
        )

    def __enter__(self) -> LoadTester:
        self.process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stop()

    def post(self, path: str, body: object, headers: Mapping[str, str] | None = None) -> Said:
        """What it answers to a hook's call, with the login unless ``headers`` are given."""
        login = urllib3.make_headers(basic_auth=f"serin:{TOKEN}")
        response = urllib3.request(
            "POST", f"http://127.0.0.1:{self.port}{path}", json=body, headers=login if headers is None else headers
        )
        asks = {name: value for name, value in response.headers.items() if name in ("Retry-After", "WWW-Authenticate")}
        return Said(response.status, response.data.decode().strip(), asks)

    @property
    def messages(self) -> list[str]:
        """The ``msg`` of every log line, in order."""
        return [line["msg"] for line in self.lines]

    @property
    def lines(self) -> list[dict[str, str]]:
        """Every log line."""
        return list(self._lines())

    def _lines(self) -> Iterator[dict[str, str]]:
        for line in self.process.log.read_text(errors="replace").splitlines():
            with contextlib.suppress(ValueError):
                entry = json.loads(line)
                if isinstance(entry, dict) and "msg" in entry:
                    yield entry


def payload(checksum: str = "", **metadata: str) -> dict[str, object]:
    """What a hook of the canary podinfo.test sends."""
    return {
        "name": "podinfo",
        "namespace": "test",
        "phase": "Progressing",
        "checksum": checksum,
        "metadata": metadata,
    }
