"""Runs steps, talks to whoever started it, and stops at the first failure.

Ctrl-C is told to what is running, once, and then waited for: Terraform finishes what it has begun and writes its state
down, where a killed one would forget what it has made.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

from infra.deploy.errors import Declined, DeployError, Interrupted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import FrameType

    from infra.deploy.step import Command, Step

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_QUIET = {"CLOUDSDK_CORE_DISABLE_PROMPTS": "1", "TF_IN_AUTOMATION": "1", "TF_INPUT": "0"}
"""Every question is asked here, before anything is done."""


@dataclass(slots=True)
class Runner:
    """``yes`` answers each question beforehand. ``secrets`` are variables for every command that are never shown."""

    yes: bool = False
    secrets: Mapping[str, str] = field(default_factory=dict)
    source: TextIO = field(default_factory=lambda: sys.stdin)
    sink: TextIO = field(default_factory=lambda: sys.stdout)
    _done: list[Step] = field(default_factory=list)

    def say(self, *lines: str) -> None:
        """Tell something."""
        print(*lines, sep="\n", file=self.sink, flush=True)

    def agree(self, question: str) -> None:
        """Go on only after a yes. Declined is raised after anything else."""
        if self.yes:
            self.say(f"{question} Yes, by YES=1.")
        elif self.read(f"{question} [y/N] ").lower() not in ("y", "yes"):
            raise Declined("Nothing was changed from here on.")

    def read(self, question: str) -> str:
        """What is typed; nothing at the end of the input."""
        print(question, end="", file=self.sink, flush=True)
        return self.source.readline().strip()

    def run(self, step: Step) -> int:
        """Run a step before the user's eyes; its exit status, one of its ``answers``.

        Raises:
            DeployError: it ended otherwise.
            Interrupted: somebody asked to stop while it ran.
        """
        self.say("", f"# {step.why}", f"$ {step.command}")
        status, _ = self._execute(step, capture=False)
        self._done.append(step)
        return status

    def ask(self, step: Step) -> str:
        """Run a step that only prints something; what it printed. Raises as ``run`` does."""
        return self._execute(step, capture=True)[1]

    def compare(self, step: Step) -> int:
        """Run a step whose exit status is the answer, and its output too long to be read. Raises as ``run`` does."""
        return self._execute(step, capture=True)[0]

    def _execute(self, step: Step, *, capture: bool) -> tuple[int, str]:
        status, printed = self._pipe(step.command, capture=capture)
        if status not in step.answers:
            raise DeployError("\n".join([f"{step.command}\nended with {status}. {step.advice}", *self._ways_back()]))
        return status, printed

    def _ways_back(self) -> list[str]:
        undone = dict.fromkeys(step.undo for step in reversed(self._done) if step.undo)
        title = ["What was done before is taken back, if you want that, by:"] if undone else []
        return [*title, *(f"  {each}" for each in undone)]

    def _pipe(self, command: Command, *, capture: bool) -> tuple[int, str]:
        given = ""
        if command.reads is not None:
            status, given = self._pipe(command.reads, capture=True)
            if status:
                return status, ""
        return self._start(command, given, capture=capture)

    def _start(self, command: Command, given: str, *, capture: bool) -> tuple[int, str]:
        try:
            process = subprocess.Popen(
                command.argv,
                env={**os.environ, **_QUIET, **self.secrets, **command.environment},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE if capture else None,
                text=True,
                process_group=0,  # a terminal's Ctrl-C reaches only us, who pass it on
            )
        except FileNotFoundError:
            raise DeployError(f"{command.argv[0]} is not on the PATH any more: nothing can go on without it") from None
        with _passed_on(process) as heard:
            printed, _ = process.communicate(given)
        if heard:
            raise Interrupted(f"{command.argv[0]} has ended, with {process.returncode}.")
        return process.returncode, printed or ""


@contextmanager
def _passed_on(process: subprocess.Popen[str]) -> Iterator[list[int]]:
    """While the block lasts, signals go to a process and interrupt nothing here; those that came."""
    heard: list[int] = []

    def hand_over(number: int, _frame: FrameType | None) -> None:
        heard.append(number)
        if process.poll() is None:
            os.killpg(process.pid, number)

    before = {number: signal.signal(number, hand_over) for number in _SIGNALS}
    try:
        yield heard
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
