"""Commands in the background: started once while they run, bounded in number, time and output, and never left behind.

Each runs in a process group of its own, and one thread of ours lives as long as it does: the launcher ties its life to
that thread. A group is only ever signalled while its leader has not been reaped, so that no signal can reach a stranger
who was given the same number.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from threading import Lock, Thread, Timer
from typing import IO, TYPE_CHECKING, TypeAlias

from shared.loadtester import launcher

if TYPE_CHECKING:
    from shared.loadtester.command import Command
    from shared.logs import Log

KEPT_BYTES = 16 * 1024
"""Of a command's output; what comes after is read and thrown away."""

MOST_FILES = 2048
"""Files and connections that a command may have open."""

GRACE_SECONDS = 3.0
"""Between the request to end (SIGINT, on which a load generator reports and ends) and the end (SIGKILL)."""

_CLOSING_SECONDS = 5.0
_ENVIRONMENT = {"PATH": "/usr/bin:/bin"}  # ours has the login, and proxies that would go around the allowed hosts


class Outcome(StrEnum):
    """What became of a task."""

    STARTED = "started"
    RUNNING = "is already running"
    FULL = "too many commands are running"
    CLOSED = "the load tester is ending"


@dataclass(frozen=True, slots=True)
class Task:
    """One command of one Canary (``name.namespace``), for at most ``seconds``."""

    canary: str
    command: Command
    seconds: float
    log_output: bool


_Key: TypeAlias = tuple[str, tuple[str, ...]]


class Runner:
    """Runs at most ``most`` tasks at the same time. Threads may share it; processes may not."""

    def __init__(self, most: int, log: Log) -> None:
        self._most = most
        self._log = log
        self._lock = Lock()
        self._closed = False
        self._running: dict[_Key, Thread] = {}
        self._groups: set[_Group] = set()

    def start(self, task: Task) -> Outcome:
        """Start a task, unless the same command runs for the same Canary, or it may not."""
        key = (task.canary, task.command.argv)
        with self._lock:
            if self._closed:
                return Outcome.CLOSED
            if key in self._running:
                return Outcome.RUNNING
            if len(self._running) >= self._most:
                return Outcome.FULL
            thread = Thread(target=self._run, args=(key, task), name=f"command of {task.canary}", daemon=True)
            thread.start()
            self._running[key] = thread
        return Outcome.STARTED

    def close(self) -> None:
        """Take no more tasks, kill what runs, and wait until it is gone."""
        with self._lock:
            self._closed = True
            groups, threads = tuple(self._groups), tuple(self._running.values())
        for group in groups:
            group.signal(signal.SIGKILL)
        for thread in threads:
            thread.join(_CLOSING_SECONDS)

    def _run(self, key: _Key, task: Task) -> None:
        try:
            self._log.info(f"command starting {task.command.shown}", task.canary)
            self._report(task, *self._execute(task))
        except OSError as error:
            self._log.error(f"command failed {task.command.shown} {error.strerror}", task.canary)
        finally:
            with self._lock:
                del self._running[key]

    def _execute(self, task: Task) -> tuple[str, str]:
        """How it ended, empty for well, and the beginning of its output."""
        with self._lock:
            if self._closed:
                return str(Outcome.CLOSED), ""
            group = _Group(task.command.argv)
            self._groups.add(group)
        try:
            return group.wait(task.seconds)
        finally:
            with self._lock:
                self._groups.discard(group)

    def _report(self, task: Task, failure: str, output: str) -> None:
        shown = {"output": output} if output and (task.log_output or failure) else {}
        if failure:
            self._log.error(f"command failed {task.command.shown} {failure}", task.canary, **shown)
        else:
            self._log.info(f"command finished {task.command.shown}", task.canary, **shown)


class _Group:
    """One running command: its leader, and whatever the leader has started."""

    def __init__(self, argv: tuple[str, ...]) -> None:
        launch = (sys.executable, "-I", "-S", str(Path(launcher.__file__)), str(os.getpid()), str(MOST_FILES))
        self._lock = Lock()
        self._gone = False
        self._late = False
        self._process = subprocess.Popen(  # noqa: S603  # judged by command.py, and without a shell
            (*launch, *argv),
            cwd="/",
            env=_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def wait(self, seconds: float) -> tuple[str, str]:
        """Until the leader ends, which it has to within ``seconds``; then nothing of the group is left."""
        timers = (Timer(seconds, self._end), Timer(seconds + GRACE_SECONDS, self.signal, (signal.SIGKILL,)))
        kept = bytearray()
        reader = Thread(target=_drain, args=(self._process.stdout, kept), daemon=True)
        for thread in (reader, *timers):
            thread.start()
        os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
        for timer in timers:
            timer.cancel()
        self._clear()
        reader.join(GRACE_SECONDS)  # whoever left the group could hold the pipe
        return self._failure(seconds), kept.decode(errors="replace").strip()

    def signal(self, number: signal.Signals) -> None:
        """Signal the whole group, while there is one."""
        with self._lock:
            if not self._gone:
                with suppress(ProcessLookupError):
                    os.killpg(self._process.pid, number)

    def _end(self) -> None:
        self._late = True
        self.signal(signal.SIGINT)

    def _clear(self) -> None:
        """Kill what the leader left behind, and let its number go."""
        self.signal(signal.SIGKILL)
        with self._lock:
            self._gone = True
            self._process.wait()

    def _failure(self, seconds: float) -> str:
        if self._late:
            return f"was ended after {seconds:g} s"
        return f"exit status {self._process.returncode}" if self._process.returncode else ""


def _drain(pipe: IO[bytes], kept: bytearray) -> None:
    """Read all of it, so that the writer never waits, and keep the beginning."""
    with pipe:
        while chunk := os.read(pipe.fileno(), 65536):
            kept += chunk[: max(KEPT_BYTES - len(kept), 0)]
