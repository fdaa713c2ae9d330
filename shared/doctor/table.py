"""Findings as people read them, area by area as they come, and as JSON for programs.

Commands stand on lines of their own and are never broken, so that they can be copied.
"""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING

from shared.doctor.finding import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from shared.doctor.finding import Finding

_WORDS = {Verdict.OK: "ok", Verdict.WARNING: "warn", Verdict.BAD: "BAD", Verdict.UNKNOWN: "?"}
_COLOURS = {Verdict.OK: "32", Verdict.WARNING: "33", Verdict.BAD: "31;1", Verdict.UNKNOWN: "36"}
_NARROWEST_SUBJECT, _WIDEST_SUBJECT = 22, 34
_NARROWEST = 40


def write_area(findings: Sequence[Finding], width: int, *, colour: bool) -> Iterator[str]:
    """The lines of one area: its name, then a row for each finding, with its remedy below."""
    longest = max(len(each.subject) for each in findings)
    subjects = min(max(longest, _NARROWEST_SUBJECT), _WIDEST_SUBJECT)
    yield findings[0].area
    for each in findings:
        yield from _write_row(each, subjects, width, colour=colour)


def write_summary(findings: Iterable[Finding]) -> str:
    """How many there are of each kind: ``41 ok, 1 warning, 2 bad, 3 not checked``."""
    counts = Counter(each.verdict for each in findings)
    warnings = f"{counts[Verdict.WARNING]} warning{'s' if counts[Verdict.WARNING] != 1 else ''}"
    return f"{counts[Verdict.OK]} ok, {warnings}, {counts[Verdict.BAD]} bad, {counts[Verdict.UNKNOWN]} not checked"


def write_json(findings: Iterable[Finding]) -> str:
    """A list of objects with the fields of :class:`Finding`."""
    return json.dumps([asdict(each) for each in findings], indent=2, ensure_ascii=False)


def _write_row(finding: Finding, subjects: int, width: int, *, colour: bool) -> Iterator[str]:
    word = f"{_WORDS[finding.verdict]:<4}"
    shown = f"\x1b[{_COLOURS[finding.verdict]}m{word}\x1b[0m" if colour else word
    margin = " " * (4 + len(word) + subjects)
    room = max(width - len(margin), _NARROWEST)
    first, *more = _wrap(finding.seen, room)
    if len(finding.subject) > subjects:
        yield f"  {shown} {finding.subject}"
        more = [first, *more]
    else:
        yield f"  {shown} {finding.subject:<{subjects}} {first}".rstrip()
    yield from (f"{margin}{line}" for line in more)
    yield from (f"{margin}{line}" for line in _advice(finding, room))


def _advice(finding: Finding, room: int) -> Iterator[str]:
    if finding.remedy:
        first, *more = _wrap(finding.remedy, room - 2)
        yield f"→ {first}"
        yield from (f"  {line}" for line in more)
    yield from (f"  {line}" for line in finding.command.splitlines())


def _wrap(text: str, room: int) -> list[str]:
    return textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False) or [""]
