"""Pages of docs/ as something that is done: their commands in the order of the page, and what it says that they print.

A block of commands is fenced as ``sh``; a word after that, which readers do not see, tells a test what is special about
it. A plain fence right after it holds the output. What differs from one time to the next is taken out before outputs
are compared: times, ages, addresses, measured values, how often a line was repeated, and the lines that say that pods
or metrics were not there yet. A line of the page that is an ellipsis stands for any lines.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ROOT = Path(__file__).parents[2]
_SECONDS = 90
_BLOCK = re.compile(
    r"^```sh ?(?P<mark>\S*)\n(?P<commands>.*?)^```\n(?:\n?^```\n(?P<prints>.*?)^```\n)?", re.MULTILINE | re.DOTALL
)
_ELLIPSIS = "…"
_VARIES = (
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "TIME"),
    (re.compile(r"LAST DEPLOYED: .*"), "TIME"),
    (re.compile(r"\b(\d+[dhms])+(?=\s)"), "AGE"),
    (re.compile(r"\b\d+\.\d+\.\d+\.\d+\b"), "ADDRESS"),
    (re.compile(r"[\d.]+(ms|%) (?=[<>])"), "VALUE "),
)
_NOT_THERE_YET = re.compile(r"waiting for rollout to finish|no values found for metric")


@dataclass(frozen=True, slots=True)
class Block:
    """Commands that are given together. ``prints`` is their output by the page; empty, it says nothing about it."""

    commands: str
    mark: str = ""
    prints: str = ""


@dataclass(frozen=True, slots=True)
class Shell:
    """Somebody at the root of the project, who keeps the variables that were set in one block for the next.

    ``home`` is a folder of this shell alone.
    """

    home: Path
    environment: Mapping[str, str]

    def run(self, commands: str) -> str:
        """What the commands printed. The first one that fails fails the test, with everything that was said."""
        variables = self.home / "variables"
        variables.touch()
        script = f"set -a\n. {variables}\n{commands}\nexport -p > {variables}\n"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            env={"HOME": str(self.home), **self.environment},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
        )
        assert done.returncode == 0, commands + done.stdout + done.stderr
        return done.stdout


def make_shell(home: Path, kubeconfig: Path, **programs: Path) -> Shell:
    """The shell of whoever the configuration makes him, with these programs before all others."""
    (home / "bin").mkdir()
    for name, program in programs.items():
        (home / "bin" / name).symlink_to(program)
    return Shell(home, {"KUBECONFIG": str(kubeconfig), "PATH": f"{home / 'bin'}:{os.environ['PATH']}"})


def blocks_of(page: str) -> list[Block]:
    """The blocks of commands of a page in docs/, in their order."""
    found = _BLOCK.finditer((ROOT / "docs" / page).read_text(encoding="utf-8"))
    return [Block(each["commands"], each["mark"], each["prints"] or "") for each in found]


def is_as_shown(printed: str, shown: str) -> bool:
    """Whether commands printed what the page shows, but for what differs each time."""
    pattern = "".join(r"(?:.*\n)*" if line == _ELLIPSIS else f"{re.escape(line)}\n" for line in essence(shown))
    return bool(re.fullmatch(pattern, "".join(f"{line}\n" for line in essence(printed))))


def essence(text: str) -> list[str]:
    """The lines of an output, each once, without what differs each time."""
    lines = (" ".join(_constant(line).split()) for line in text.splitlines() if not _NOT_THERE_YET.search(line))
    return _each_once(line for line in lines if line)


def _constant(line: str) -> str:
    for pattern, word in _VARIES:
        line = pattern.sub(word, line)
    return line


def _each_once(lines: Iterable[str]) -> list[str]:
    """In the order of their first appearance; every ellipsis is kept."""
    seen: list[str] = []
    for line in lines:
        if line == _ELLIPSIS or line not in seen:
            seen.append(line)
    return seen
