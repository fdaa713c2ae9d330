"""Measurements as people read them: sections of tables, printed, and kept in a page between two marks.

``make bench`` and ``make proof`` are lists of sections. Each is measured on its own, since some take an hour, and
writes its own part of the page only. It must never round a broken bound away: a section that found one says so.
"""

from __future__ import annotations

import os
import platform
import re
import sys
from argparse import ArgumentParser
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under a header; a cell that is a number or a measure is aligned to the right."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """What one measurement found. ``words`` are paragraphs above the tables, ``notes`` below them.

    ``broken`` are sentences, one for each bound that does not hold.
    """

    title: str
    words: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """A page and the sections that are measured for it: ``package``.NAME has ``measure() -> Section``."""

    file: Path
    package: str
    names: tuple[str, ...]
    command: str


def run(page: Page, arguments: Sequence[str]) -> int:
    """Measure what was asked for, print it and, with ``--write``, put it into the page. 1 if a bound is broken."""
    parser = ArgumentParser(prog=page.command, description=f"Measures the tables of {page.file.name}.")
    parser.add_argument("sections", nargs="*", help=f"all by default: {', '.join(page.names)}")
    parser.add_argument("--write", action="store_true", help="put the tables into the page")
    asked = parser.parse_args(arguments)
    if unknown := set(asked.sections) - set(page.names):
        parser.error(f"no such section: {', '.join(sorted(unknown))}; there are {', '.join(page.names)}")
    broken: list[str] = []
    for name in asked.sections or page.names:
        measure: Callable[[], Section] = import_module(f"{page.package}.{name}").measure
        section = measure()
        print(as_text(section), flush=True)
        broken += section.broken
        if asked.write:
            write(page, name, section)
    for sentence in broken:
        print(f"BROKEN: {sentence}", file=sys.stderr)
    return int(bool(broken))


def write(page: Page, name: str, section: Section) -> None:
    """Replace the section's part of its page."""
    command = f"{page.command} ARGS={name}"
    measured = f"*`{command}`, {datetime.now(UTC):%Y-%m-%d}, {machine()}.*"
    text = page.file.read_text(encoding="utf-8")
    page.file.write_text(replaced(text, name, f"{as_markdown(section)}\n\n{measured}"), encoding="utf-8")


def replaced(text: str, name: str, part: str) -> str:
    """``text`` with another part between the marks of ``name``; ValueError if it has no such marks."""
    begin, end = marks(name)
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"the page has no part for section {name}: add the lines {begin} and {end}")
    return pattern.sub(lambda _: f"{begin}\n{part}\n{end}", text)


def marks(name: str) -> tuple[str, str]:
    """The lines around a section's part of the page."""
    return f"<!-- begin {name} -->", f"<!-- end {name} -->"


def as_markdown(section: Section) -> str:
    """The section for the page."""
    tables = [part for table in section.tables for part in (table.caption, _markdown_table(table))]
    broken = [f"**Broken:** {sentence}" for sentence in section.broken]
    return "\n\n".join(filter(None, (f"## {section.title}", *section.words, *tables, *section.notes, *broken)))


def as_text(section: Section) -> str:
    """The section for a terminal."""
    tables = [part for table in section.tables for part in (table.caption, _text_table(table))]
    underlined = f"{section.title}\n{'=' * len(section.title)}"
    return "\n\n".join(filter(None, (underlined, *section.words, *tables, *section.notes))) + "\n"


def machine() -> str:
    """The machine in a few words."""
    model = next(iter(re.findall(r"^model name\s*: (.*)$", _read("/proc/cpuinfo"), re.MULTILINE)), platform.machine())
    memory = next(iter(re.findall(r"^MemTotal:\s*(\d+)", _read("/proc/meminfo"), re.MULTILINE)), "0")
    gigabytes = round(int(memory) / 2**20)
    return f"{os.cpu_count()} cores ({model}), {gigabytes} GiB, {platform.system()}, Python {platform.python_version()}"


def _read(path: str) -> str:
    file = Path(path)
    return file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""


def _is_measure(cell: str) -> bool:
    return bool(re.fullmatch(r"[-+<>]?[\d,.]+\s?(%|s|ms|h|MiB|KiB|/s)?|-?", cell))


def _alignments(table: Table) -> list[str]:
    columns = zip(*table.rows, strict=True) if table.rows else [()] * len(table.header)
    return [">" if all(map(_is_measure, column)) else "<" for column in columns]


def _markdown_table(table: Table) -> str:
    rules = ["---:" if side == ">" else "---" for side in _alignments(table)]
    escaped = [tuple(cell.replace("|", "\\|") for cell in row) for row in table.rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (table.header, rules, *escaped))


def _text_table(table: Table) -> str:
    lines = (table.header, *table.rows)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    shapes = list(zip(_alignments(table), widths, strict=True))
    aligned = ("  ".join(f"{c:{side}{width}}" for c, (side, width) in zip(line, shapes, strict=True)) for line in lines)
    return "\n".join(f"  {line}".rstrip() for line in aligned)
