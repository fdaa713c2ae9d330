"""Server processes of the tests: started on loopback, waited for, broken on purpose, and always stopped.

A ``Process`` knows how to start its program again with the same arguments, hence on the same port with the same data:
that is what fault tests need. Each runs in a process group of its own, so that stopping it never leaves a child, and
the group is told to the reaper, so that a killed test run leaves nothing either. Its output goes to a log file whose
end is part of every error. It must never signal anything that it did not start.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING

from tests.support import reaper

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_PORTS = range(10240, 32768)
"""Below the range from which Linux takes ports for outgoing connections: while a server is down for a fault test,
nobody's connection can sit down on its port, as it could on one that ``bind(0)`` gave."""

_given_ports: set[int] = set()


class NotStartedError(RuntimeError):
    """A server ended or did not answer in time; the text carries the end of its log."""


@dataclass(frozen=True, slots=True)
class Program:
    """What to run and how to see that it is ready to serve."""

    name: str
    argv: tuple[str, ...]
    ready: Callable[[], bool]
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to the environment of the tests."""


class Process:
    """One server process; a context manager that runs it. ``directory`` is where it runs and logs."""

    def __init__(self, program: Program, directory: Path) -> None:
        self.program = program
        self.directory = directory
        self.log = directory / f"{program.name}.log"
        self.seconds_to_ready = 0.0
        self._popen: subprocess.Popen[bytes] | None = None
        self._launched = 0.0

    def __enter__(self) -> Process:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def running(self) -> bool:
        """Whether the process exists; a frozen one does."""
        return self._popen is not None and self._popen.poll() is None

    @property
    def pid(self) -> int:
        """Of the process that runs now.

        Raises:
            RuntimeError: none runs.
        """
        if self._popen is None or not self.running:
            raise RuntimeError(f"{self.program.name} is not running; start it first")
        return self._popen.pid

    def resident_mib(self) -> float:
        """Memory of the process and its children, in MiB."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        pages = sum(int(Path(f"/proc/{each}/statm").read_text().split()[1]) for each in (self.pid, *children))
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def start(self, seconds: float = 30.0) -> None:
        """Start it and wait until it is ready.

        Raises:
            NotStartedError: it ended, or was not ready within ``seconds``. It is stopped then.
        """
        self.launch()
        self.wait_ready(seconds)

    def launch(self) -> None:
        """Start it without waiting: servers that wait for each other come up side by side."""
        if self.running:
            raise RuntimeError(f"{self.program.name} is running already as process {self.pid}")
        self.directory.mkdir(parents=True, exist_ok=True)
        self._launched = time.monotonic()
        with self.log.open("ab") as log:
            self._popen = subprocess.Popen(
                self.program.argv,
                cwd=self.directory,
                env={**os.environ, **self.program.env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        _tell_reaper(f"+{self._popen.pid}\n")

    def wait_ready(self, seconds: float = 30.0) -> None:
        """Wait until a launched process serves; see ``start``."""
        deadline = time.monotonic() + seconds
        while self.running and time.monotonic() < deadline:
            if self.program.ready():
                self.seconds_to_ready = time.monotonic() - self._launched
                return
            time.sleep(0.02)
        what = f"was not ready within {seconds:g} s" if self.running else f"ended with {self._exit_code()}"
        self.kill()
        raise NotStartedError(f"{self.program.name} {what}. The end of {self.log}:\n{self.log_tail()}")

    def stop(self, grace: float = 10.0) -> None:
        """Ask it to end (SIGTERM), and kill it after ``grace`` seconds. Nothing happens when it does not run."""
        if self._popen is None:
            return
        self.thaw()
        self._signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(grace)
        self.kill()

    def signal_end(self) -> None:
        """Send SIGTERM to the process alone, as a kubelet does, without waiting."""
        os.kill(self.pid, signal.SIGTERM)

    def wait(self, seconds: float) -> int:
        """Wait for its end; its exit status.

        Raises:
            RuntimeError: it was not started.
            subprocess.TimeoutExpired: it still ran after so long.
        """
        if self._popen is None:
            raise RuntimeError(f"{self.program.name} was not started")
        return self._popen.wait(seconds)

    def kill(self) -> None:
        """End it and its children at once (SIGKILL), frozen or not. Nothing happens when it does not run."""
        if self._popen is None:
            return
        self._signal(signal.SIGKILL)
        self._popen.wait()
        _tell_reaper(f"-{self._popen.pid}\n")
        self._popen = None

    def freeze(self) -> None:
        """Let it hang (SIGSTOP): connections are accepted by the kernel and never answered."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen process go on (SIGCONT)."""
        self._signal(signal.SIGCONT)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Frozen within the block."""
        self.freeze()
        try:
            yield
        finally:
            self.thaw()

    @contextlib.contextmanager
    def down(self) -> Iterator[None]:
        """Killed within the block, started again after it with the same port and data."""
        self.kill()
        try:
            yield
        finally:
            self.start()

    def log_tail(self, lines: int = 20) -> str:
        """The last lines it wrote."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _signal(self, number: signal.Signals) -> None:
        if self._popen is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._popen.pid, number)

    def _exit_code(self) -> str:
        return "nothing" if self._popen is None else f"exit code {self._popen.returncode}"


def free_port() -> int:
    """A loopback port that nobody listens on, and that this test run has not given away before."""
    while True:
        port = secrets.choice(_PORTS)
        if port not in _given_ports and _is_free(port):
            _given_ports.add(port)
            return port


def answers(url: str) -> bool:
    """Whether a GET of ``url`` brings 2xx within a second. Who answers is not verified: this is for readiness."""
    anyone = ssl.create_default_context()
    anyone.check_hostname = False
    anyone.verify_mode = ssl.CERT_NONE
    try:
        with urllib.request.urlopen(url, timeout=1, context=anyone) as response:
            return bool(200 <= response.status < 300)
    except OSError:
        return False


def accepts(port: int) -> bool:
    """Whether somebody accepts connections on a loopback port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def command_lines(words: str) -> list[str]:
    """Command lines of this machine's processes that hold the words, except of zombies, which have none."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it ended between two looks
            found.append(file.read_bytes().decode(errors="replace").replace("\0", " "))
    return [line for line in found if words in line]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _tell_reaper(line: str) -> None:
    pipe = _reaper_pipe()
    pipe.write(line.encode())
    pipe.flush()


@cache
def _reaper_pipe() -> IO[bytes]:
    argv = (sys.executable, "-I", str(Path(reaper.__file__)))
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, start_new_session=True)
    assert process.stdin is not None
    return process.stdin
