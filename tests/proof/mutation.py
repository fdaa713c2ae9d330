"""Mutants of what decides and what renders: the code is broken in one place after another, and some test has to notice.

mutmut (https://mutmut.readthedocs.io) makes them, ``[tool.mutmut]`` in pyproject.toml says of which modules and for
which tests. What survives stands in ``survivors.toml`` with the reason why that is right, by the line that it changed:
a mutant has no name that outlives the next edit.

It must never count as killed what only took too long.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.figures import ROOT, Section, Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

BOUND = 90.0
"""Percent of the mutants that have to be killed."""

MUTANTS = ROOT / "mutants"
REASONS = Path(__file__).with_name("survivors.toml")

KILLED = frozenset({1, 3, 37})
"""Exit codes that mutmut keeps: the tests failed, they could not even be collected, the type checker refused it."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One place that was changed. ``change`` is what a diff shows of it, on one line."""

    module: str
    name: str
    killed: bool
    change: str = ""


def measure() -> Section:
    """Make all mutants, run the tests against each, and look for a reason for every one that lives."""
    subprocess.run([sys.executable, "-m", "mutmut", "run"], cwd=ROOT, check=True)
    return judge(list(_mutants()), read_reasons())


def judge(mutants: Sequence[Mutant], reasons: Mapping[str, Mapping[str, str]]) -> Section:
    """The section: how many were killed, and what lives for which reason."""
    killed = 100 * sum(mutant.killed for mutant in mutants) / len(mutants)
    living = [mutant for mutant in mutants if not mutant.killed]
    unexplained = [mutant for mutant in living if mutant.change not in reasons.get(mutant.module, {})]
    too_few = (f"{killed:.1f}% of the mutants were killed, {BOUND:.0f}% have to be",) if killed < BOUND else ()
    return Section(
        title="Mutants of the engine, the plan and the rendering",
        words=(f"{len(mutants):,} mutants, of which {killed:.1f} % were killed; {BOUND:.0f} % have to be.",),
        tables=(_counts(mutants), _survivors(living, reasons)),
        broken=(*too_few, *(f"{one.module}: a mutant lives for no reason: {one.change}" for one in unexplained)),
    )


def read_reasons() -> Mapping[str, Mapping[str, str]]:
    """Why what lives may live: for each module, the reason by the change."""
    kept: Mapping[str, Sequence[Mapping[str, object]]] = tomllib.loads(REASONS.read_text(encoding="utf-8"))
    return {
        module: {change: str(entry["reason"]) for entry in entries for change in _strings(entry["changes"])}
        for module, entries in kept.items()
    }


def _strings(value: object) -> list[str]:
    return list(value) if isinstance(value, list) else [str(value)]


def _mutants() -> Iterator[Mutant]:
    from mutmut.mutation.diff_apply import get_diff_for_mutant  # noqa: PLC0415  a tool that only this section needs

    for kept in sorted(MUTANTS.glob("shared/**/*.py.meta")):
        module = kept.relative_to(MUTANTS).as_posix().removesuffix(".meta")
        for name, code in json.loads(kept.read_text(encoding="utf-8"))["exit_code_by_key"].items():
            if code in KILLED:
                yield Mutant(module, name, killed=True)
            else:
                diff = get_diff_for_mutant(name, path=module)
                yield Mutant(module, name, killed=False, change=_one_line(diff))


def _one_line(diff: str) -> str:
    changed = [line for line in diff.splitlines()[2:] if line.startswith(("+", "-"))]
    return " ".join(f"{line[0]} {line[1:].strip()}" for line in changed)


def _counts(mutants: Sequence[Mutant]) -> Table:
    rows = []
    for module, group in groupby(mutants, key=lambda mutant: mutant.module):
        ours = Counter(mutant.killed for mutant in group)
        killed = f"{100 * ours[True] / ours.total():.1f} %"
        rows.append((f"`{module}`", f"{ours.total():,}", f"{ours[False]:,}", killed))
    return Table(("module", "mutants", "living", "killed"), tuple(rows))


def _survivors(living: Sequence[Mutant], reasons: Mapping[str, Mapping[str, str]]) -> Table:
    why = Counter((mutant.module, reasons.get(mutant.module, {}).get(mutant.change, "none")) for mutant in living)
    rows = tuple((f"`{module}`", str(count), reason) for (module, reason), count in sorted(why.items()))
    return Table(("module", "living", "why no test should kill them"), rows, "What lives:")
