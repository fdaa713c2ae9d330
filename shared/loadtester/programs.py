"""The programs that may run, and of each the options that may be given to it.

A table says what is allowed, because a list of what is dangerous is never complete: ``hey -D``, ``wrk -s`` and
``ghz --config`` read files of this machine, ``hey -x`` goes around the allowed hosts. An option that is not here is
refused. ``emit`` writes a command again in one form that only its program can read as it was understood here, so that
no value is ever taken for an option.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_WORKERS = 1000
"""Connections that one command may open at the same time."""


class Shown(StrEnum):
    """How much of a value people may read in logs."""

    ALL = "all"
    NAME = "name"
    """Of ``Name: value`` only the name."""
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Option:
    """One option: its name as the program knows it, and what its value has to look like; None is for switches."""

    name: str
    pattern: re.Pattern[str] | None = None
    most: int | None = None
    """The largest number, where the value is one."""
    shown: Shown = Shown.ALL
    host: bool = False
    """Whether the value names a host, which then has to be an allowed one."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program: ``options`` by every spelling, ``target`` what its last argument looks like (with the groups ``host``
    and ``port``), ``refused`` why options that people know are not here, and ``always`` what is added.
    """

    options: Mapping[str, Option]
    target: re.Pattern[str]
    refused: Mapping[str, str]
    always: tuple[str, ...] = ()


_TEXT = re.compile(r"[^\x00-\x1f\x7f]{0,8192}")
_WORD = re.compile(r"[A-Za-z]{1,20}")
_COUNT = re.compile(r"[0-9]{1,9}")
_RATE = re.compile(r"[0-9]{1,9}(\.[0-9]{1,6})?")
_TIME = re.compile(r"([0-9]{1,9}(\.[0-9]{1,6})?(us|ms|s|m|h))+")
_HEADER = re.compile(r"[A-Za-z0-9-]+:[^\x00-\x1f\x7f]{0,8192}")
_HOST = r"(?P<host>[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:.]+\])(?::(?P<port>[0-9]{1,5}))?"
PLACE = re.compile(_HOST)
"""A host, perhaps with a port: the groups ``host`` and ``port``."""

_URL = re.compile(rf"(?P<scheme>https?)://{_HOST}(?:[/?][!-\[\]-~]*)?")  # no user, no backslash, nothing unprintable


def _spelt(*entries: tuple[str, Option]) -> Mapping[str, Option]:
    return MappingProxyType({name: option for names, option in entries for name in names.split()})


_NO_FILES = "reads a file of the load tester"
_HEY = Program(
    options=_spelt(
        ("-n", Option("-n", _COUNT)),
        ("-c", Option("-c", _COUNT, most=MOST_WORKERS)),
        ("-q", Option("-q", _RATE)),
        ("-z", Option("-z", _TIME)),
        ("-t", Option("-t", _COUNT)),
        ("-o", Option("-o", re.compile("csv"))),
        ("-m", Option("-m", _WORD)),
        ("-H", Option("-H", _HEADER, shown=Shown.NAME)),
        ("-A", Option("-A", _TEXT)),
        ("-d", Option("-d", _TEXT)),
        ("-T", Option("-T", _TEXT)),
        ("-U", Option("-U", _TEXT)),
        ("-a", Option("-a", _TEXT, shown=Shown.NOTHING)),
        ("-h2", Option("-h2")),
        ("-host", Option("-host", PLACE, host=True)),
        ("-cpus", Option("-cpus", _COUNT, most=64)),
        ("-disable-compression", Option("-disable-compression")),
        ("-disable-keepalive", Option("-disable-keepalive")),
        ("-disable-redirects", Option("-disable-redirects")),
    ),
    target=_URL,
    always=("-disable-redirects",),
    refused=MappingProxyType({"-D": _NO_FILES, "-x": "goes around the allowed hosts"}),
)
_WRK = Program(
    options=_spelt(
        ("-c --connections", Option("--connections", _COUNT, most=MOST_WORKERS)),
        ("-d --duration", Option("--duration", _TIME)),
        ("-t --threads", Option("--threads", _COUNT, most=64)),
        ("-H --header", Option("--header", _HEADER, shown=Shown.NAME)),
        ("--timeout", Option("--timeout", _TIME)),
        ("--latency", Option("--latency")),
    ),
    target=_URL,
    refused=MappingProxyType(dict.fromkeys(("-s", "--script"), "runs a file of the load tester")),
)
_GHZ = Program(
    options=_spelt(
        ("-c --concurrency", Option("--concurrency", _COUNT, most=MOST_WORKERS)),
        ("-n --total", Option("--total", _COUNT)),
        ("-r --rps", Option("--rps", _COUNT)),
        ("-z --duration", Option("--duration", _TIME)),
        ("-t --timeout", Option("--timeout", _TIME)),
        ("-d --data", Option("--data", _TEXT)),
        ("-m --metadata", Option("--metadata", _TEXT, shown=Shown.NOTHING)),
        ("--call", Option("--call", re.compile(r"[A-Za-z0-9_./]+"))),
        ("--connections", Option("--connections", _COUNT, most=MOST_WORKERS)),
        ("--cpus", Option("--cpus", _COUNT, most=64)),
        ("--authority", Option("--authority", PLACE, host=True)),
        ("--insecure", Option("--insecure")),
        ("--skipTLS", Option("--skipTLS")),
    ),
    target=PLACE,
    refused=MappingProxyType(
        dict.fromkeys(("--proto", "--protoset", "-D", "--data-file", "-B", "--binary-file", "--config"), _NO_FILES)
        | dict.fromkeys(("-o", "--output"), "writes a file")
    ),
)
PROGRAMS: Mapping[str, Program] = MappingProxyType({"hey": _HEY, "wrk": _WRK, "ghz": _GHZ})
"""What is known by name. Only those of the setting run."""


def emit(option: Option, value: str | None) -> str:
    """One argument that holds the option and its value."""
    return option.name if value is None else f"{option.name}={value}"


def mask(option: Option, value: str | None) -> tuple[str, ...]:
    """The option and its value as people may read them."""
    match option.shown:
        case _ if value is None:
            return (option.name,)
        case Shown.NAME:
            return option.name, f"{value.partition(':')[0]}: ***"
        case Shown.NOTHING:
            return option.name, "***"
        case Shown.ALL:
            return option.name, value
