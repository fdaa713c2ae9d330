"""Prometheus' own checker: of what is exposed to it, and of rules."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_SECONDS = 60


class PromtoolError(AssertionError):
    """promtool is not content; the text is what it said."""


@dataclass(frozen=True, slots=True)
class Promtool:
    """The program."""

    program: Path

    def complaints(self, exposition: str) -> list[str]:
        """What it does not like about metrics in the text format, a line each.

        Raises:
            PromtoolError: it cannot read them.
        """
        done = self._run("check", "metrics", stdin=exposition)
        if done.returncode not in (0, 3):  # 3: it read them all, and would name some otherwise
            raise PromtoolError(done.stderr)
        return done.stderr.splitlines()

    def check_rules(self, file: Path) -> str:
        """Check a file of rules; what it said.

        Raises:
            PromtoolError: something is wrong with them.
        """
        return self._succeed("check", "rules", "--lint=all", "--lint-fatal", str(file))

    def test_rules(self, file: Path) -> str:
        """Run a file of tests of rules; what it said.

        Raises:
            PromtoolError: a test fails.
        """
        return self._succeed("test", "rules", str(file))

    def _succeed(self, *arguments: str) -> str:
        done = self._run(*arguments)
        if done.returncode:
            raise PromtoolError(done.stdout + done.stderr)
        return done.stdout

    def _run(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        command = (str(self.program), *arguments)
        return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=_SECONDS)
