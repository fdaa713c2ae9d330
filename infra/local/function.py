"""Serin's tick function in a process of its own, served by functions-framework as on Google Cloud.

The process gets an environment of its own, with its settings and nothing of this machine's (no proxy, no foreign
setting), and a home that disappears with the demo, because its server keeps a socket there. The port is the kernel's
choice, read off the server's own log: a port that is chosen here could be somebody else's a moment later.

It must never outlive its block.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

from infra.local.errors import DemoError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from shared.json_types import JsonObject

ROOT = Path(__file__).parents[2]
COMMAND = "-m functions_framework --target tick --source functions/tick.py --host 127.0.0.1 --port 0"
START_SECONDS, STOP_SECONDS = 30.0, 5.0
LAST_WORDS = 12
"""Lines of its standard error that are kept for the case that something goes wrong."""

_LISTENING = re.compile(r"Listening at: (http://127\.0\.0\.1:\d+)")


class LogLines(io.StringIO):
    """A stream that keeps nothing: each log line goes to ``take`` as the JSON that it is, or as the ``msg`` of one."""

    def __init__(self, take: Callable[[JsonObject], None]) -> None:
        self._take = take

    def write(self, text: str) -> int:
        """Take whole lines; a log line is one write."""
        for line in filter(None, text.splitlines()):
            self._take(_parsed(line))
        return len(text)


class Function:
    """The running function; ``url`` is where it is called, ``lines`` receives its log.

    A DemoError that ends its block gets the last words of its standard error as a note, such as a traceback.
    """

    def __init__(self, settings: Mapping[str, str], home: Path, lines: LogLines) -> None:
        self.url = ""
        self._environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(home),
            "TMPDIR": str(home),
            "GUNICORN_LOG_LEVEL": "info",
            **settings,
        }
        self._lines = lines
        self._listening = threading.Event()
        self._last_words: deque[str] = deque(maxlen=LAST_WORDS)
        self._readers: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(  # noqa: S603  our own interpreter and our own words
            [sys.executable, *COMMAND.split()],
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,  # Ctrl-C reaches the demo alone, which ends the function in its turn
        )
        try:
            self._read(self._process.stdout, self._lines.write)
            self._read(self._process.stderr, self._note)
            self._await_start()
        except BaseException as error:
            self._end(error)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(error)

    def check(self) -> None:
        """DemoError if the process has ended."""
        if self._process.poll() is not None:
            raise DemoError(f"The tick function ended by itself with status {self._process.returncode}.")

    def _await_start(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self._listening.wait(0.1):
            self.check()
            if time.monotonic() > deadline:
                raise DemoError(f"The tick function did not listen within {START_SECONDS:g} s")

    def _read(self, stream: IO[str] | None, take: Callable[[str], object]) -> None:
        thread = threading.Thread(target=_pump, args=(stream, take), name="function-output", daemon=True)
        thread.start()
        self._readers.append(thread)

    def _note(self, line: str) -> None:
        if line.strip() and " [INFO] " not in line:
            self._last_words.append(line.rstrip())
        if found := _LISTENING.search(line):
            self.url = found[1]
            self._listening.set()

    def _end(self, error: BaseException | None) -> None:
        """End the process and its workers: asked first, then forced. A DemoError takes its last words along."""
        self._signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_SECONDS)
        self._signal(signal.SIGKILL)
        self._process.wait()
        for reader in self._readers:
            reader.join()
        if isinstance(error, DemoError) and self._last_words:
            error.add_note("\n  ".join(["The last words of the tick function:", *self._last_words]))

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


def _pump(stream: IO[str], take: Callable[[str], object]) -> None:
    with stream:
        for line in stream:
            take(line)


def _parsed(line: str) -> JsonObject:
    with contextlib.suppress(ValueError):
        found = json.loads(line)
        if isinstance(found, dict) and "msg" in found:
            return found
    return {"severity": "INFO", "msg": line}
