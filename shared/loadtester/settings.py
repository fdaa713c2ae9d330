"""Every setting of the load tester, from the environment, read and checked once at start. A wrong value stops the start
and names its variable.

They are not Serin's: this is a program of its own, with a login of its own and none of Serin's credentials.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from shared.canary.durations import parse_duration
from shared.errors import InvalidSettings, Problem
from shared.loadtester.hosts import CLUSTER
from shared.loadtester.login import SHORTEST
from shared.loadtester.programs import PROGRAMS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PREFIX = "LOADTESTER_"

_TOKEN = re.compile(r"[A-Za-z0-9._~-]+")  # RFC 3986: what needs no escaping in a URL


@dataclass(frozen=True, slots=True)
class Settings:
    """What an installation can choose; the variable of each is ``LOADTESTER_`` and its name in capitals."""

    tokens: tuple[str, ...] = field(default=(), repr=False)
    """Tokens that let a caller in, separated by commas; empty: only callers on loopback come in."""
    programs: tuple[str, ...] = ("hey",)
    """Programs that commands may start, separated by commas: ``hey``, ``wrk``, ``ghz``."""
    hosts: tuple[str, ...] = (CLUSTER,)
    """Hosts that load may be sent to, separated by commas: names, ``*.suffix``, addresses, ``cluster`` (every Service),
    ``*``. Metadata servers and link-local addresses never.
    """
    namespaces: tuple[str, ...] = ()
    """Namespaces whose Canaries are served, separated by commas, such as ``test,team-*``; empty: all."""
    most_running: int = 10
    """Commands that may run at the same time, 1 to 100."""
    command_timeout: float = 3600.0
    """How long a command may run (``30s``, ``1h``)."""
    log_output: bool = True
    """Whether the output of commands that ended well is logged."""
    gate_timeout: float = 3600.0
    """How long a gate stays open after its run last asked (``30s``, ``1h``)."""
    gate_file: str = "loadtester.db"
    """File of the open gates."""


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Settings from an environment. InvalidSettings with every problem found."""
    values: dict[str, object] = {}
    problems: list[Problem] = []
    given = {name: text for name, text in environment.items() if name.startswith(PREFIX) and text}
    for variable, text in sorted(given.items()):
        name = variable.removeprefix(PREFIX).lower()
        read = _READERS.get(name)
        if read is None:
            problems.append(Problem(variable, "is not a setting of the load tester"))
            continue
        try:
            values[name] = read(text)
        except ValueError as error:
            problems.append(Problem(variable, str(error)))
    if problems:
        raise InvalidSettings("environment", tuple(problems))
    return Settings(**values)  # type: ignore[arg-type]  # each reader gives its field's type


def find_programs(settings: Settings, search: str) -> Mapping[str, Path]:
    """The files of the programs that may run, found in ``search`` (as PATH). InvalidSettings if one is missing."""
    found = {name: shutil.which(name, path=search) for name in settings.programs}
    missing = [name for name, file in found.items() if file is None]
    if missing:
        raise InvalidSettings(
            "environment", tuple(Problem(f"{PREFIX}PROGRAMS", f"{name} is not on the PATH") for name in missing)
        )
    return {name: Path(file).absolute() for name, file in found.items() if file is not None}


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _tokens(text: str) -> tuple[str, ...]:
    tokens = _list(text)
    if not tokens or not all(len(token) >= SHORTEST and _TOKEN.fullmatch(token) for token in tokens):
        raise ValueError(f"each token must have at least {SHORTEST} characters, all of them letters, digits or -._~")
    return tokens


def _programs(text: str) -> tuple[str, ...]:
    names = _list(text)
    if not set(names) <= PROGRAMS.keys():
        raise ValueError(f"may hold {', '.join(sorted(PROGRAMS))}, got {text!r}")
    return names


def _count(text: str) -> int:
    if not re.fullmatch("[0-9]{1,3}", text) or not 1 <= int(text) <= 100:
        raise ValueError(f"must be a whole number from 1 to 100, got {text!r}")
    return int(text)


def _duration(text: str) -> float:
    seconds = parse_duration(text)
    if seconds is None or not 1 <= seconds <= 7 * 24 * 3600:
        raise ValueError(f"must be a duration such as 30s or 1h, from 1s to a week, got {text!r}")
    return seconds


def _switch(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(f"must be true or false, got {text!r}")
    return text == "true"


def _text(text: str) -> str:
    return text


_READERS: Mapping[str, Callable[[str], object]] = {
    "tokens": _tokens,
    "programs": _programs,
    "hosts": _list,
    "namespaces": _list,
    "most_running": _count,
    "command_timeout": _duration,
    "log_output": _switch,
    "gate_timeout": _duration,
    "gate_file": _text,
}
