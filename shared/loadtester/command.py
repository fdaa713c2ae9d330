"""A command of a Canary, taken apart and judged before anything runs: program, options, and where it sends its load.

No shell ever sees it. It is split as a shell would, every part is looked up in the program's table, and it is put
together again in the form of that table.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from shared.loadtester.answer import RefusedRequest
from shared.loadtester.programs import PLACE, PROGRAMS, Option, Program, emit, mask

if TYPE_CHECKING:
    import re
    from collections.abc import Mapping
    from pathlib import Path

    from shared.loadtester.hosts import Hosts

LONGEST = 16 * 1024
"""Characters of a command."""

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Command:
    """What is run, ``argv``, and what people read of it: header values and passwords are not in ``shown``."""

    argv: tuple[str, ...] = field(repr=False)
    shown: str


@dataclass(frozen=True, slots=True)
class Rules:
    """``programs`` are the files of those that may run, by name."""

    programs: Mapping[str, Path]
    hosts: Hosts

    def read(self, text: str) -> Command:
        """The command in ``text``. RefusedRequest says which part of it is not allowed."""
        name, *arguments = _split(text)
        if name not in self.programs:
            allowed = ", ".join(sorted(self.programs)) or "none"
            raise RefusedRequest(400, f"{_show(name)} is not a program that this load tester runs (it runs: {allowed})")
        program = PROGRAMS[name]
        *options, target = arguments or [""]
        place = program.target.fullmatch(target)
        if place is None:
            raise RefusedRequest(400, f"the command has to end with the address that {name} sends its load to")
        given = _read_options(name, program, options)
        self._check_hosts(place, given)
        always = [option for option in program.always if option not in {each.name for each, _ in given}]
        words = (*(emit(*each) for each in given), *always, target)
        shown = (name, *chain.from_iterable(mask(*each) for each in given), target.partition("?")[0])
        return Command((str(self.programs[name]), *words), shlex.join(shown))

    def _check_hosts(self, place: re.Match[str], given: list[tuple[Option, str | None]]) -> None:
        port = int(place["port"] or _PORTS.get(place.groupdict().get("scheme") or "", 443))
        if not 0 < port < 65536:
            raise RefusedRequest(400, f"there is no port {port}")
        self.hosts.check_target(place["host"].strip("[]"), port)
        headers = (PLACE.fullmatch(value) for option, value in given if option.host and value is not None)
        for header in filter(None, headers):
            self.hosts.check_header(header["host"].strip("[]"))


def _split(text: str) -> list[str]:
    if len(text) > LONGEST:
        raise RefusedRequest(400, f"the command has more than {LONGEST} characters")
    try:
        words = shlex.split(text)
    except ValueError:
        raise RefusedRequest(400, "the command has a quotation that does not end") from None
    if not words:
        raise RefusedRequest(400, "the command is empty")
    return words


def _read_options(name: str, program: Program, words: list[str]) -> list[tuple[Option, str | None]]:
    """Options and their values, in their order."""
    found: list[tuple[Option, str | None]] = []
    rest = iter(words)
    for word in rest:
        spelling, equals, value = word.partition("=")
        option = _look_up(name, program, spelling)
        if option.pattern is not None:
            found.append((option, _check_value(name, option, value if equals else next(rest, ""))))
        elif equals:
            raise RefusedRequest(400, f"{name} {option.name} takes no value")
        else:
            found.append((option, None))
    return found


def _look_up(name: str, program: Program, spelling: str) -> Option:
    for known in (spelling, spelling.removeprefix("-")):  # Go's own flags may have two dashes
        if known in program.options:
            return program.options[known]
        if known in program.refused:
            raise RefusedRequest(400, f"{name} {known} {program.refused[known]}: it is not allowed")
    if not spelling.startswith("-"):
        raise RefusedRequest(400, f"{_show(spelling)} stands between the options of {name}: its address has to be last")
    raise RefusedRequest(400, f"{_show(spelling)} is not an option of {name} that is allowed")


def _check_value(name: str, option: Option, value: str) -> str:
    if option.pattern is None or not option.pattern.fullmatch(value):
        raise RefusedRequest(400, f"the value of {name} {option.name} is missing or cannot be used")
    if option.most is not None and int(value) > option.most:
        raise RefusedRequest(400, f"{name} {option.name} may be at most {option.most}")
    return value


def _show(word: str) -> str:
    return repr(word[:80])
