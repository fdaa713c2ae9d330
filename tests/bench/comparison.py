"""How often the comparison with the primary is wrong, and how soon it is right: by simulation, with fixed seeds.

Each simulated step is looked at after every ``requests`` requests, as a tick would.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from math import log, log1p

from shared.checks.comparison import Counts, Outcome, Terms, compare
from tests.support.figures import Section, Table

TERMS = Terms(minimum=500, alarm=0.01)
STEPS = 1_000
"""Simulated steps for each row."""


@dataclass(frozen=True, slots=True)
class Case:
    """Error rates of both sides in percent, the canary's share of the traffic, requests from look to look."""

    primary: float
    canary: float
    share: float
    requests: int
    looks: int = 30

    @property
    def cells(self) -> tuple[str, ...]:
        """As in the table."""
        rates = f"{self.primary:.2f}%", f"{self.canary:.2f}%"
        return *rates, f"{100 * self.share:.0f}%", f"{self.requests:,}", str(self.looks)


@dataclass(frozen=True, slots=True)
class Result:
    """Shares of steps that were ever found worse, or better, and the look at which half of the worse ones were."""

    worse: float
    better: float
    median_look: int | None

    @property
    def cells(self) -> tuple[str, ...]:
        """As in the table."""
        look = "-" if self.median_look is None else str(self.median_look)
        return f"{100 * self.worse:.1f}%", f"{100 * self.better:.1f}%", look


HEALTHY = (
    Case(0.5, 0.5, 0.1, 200),
    Case(0.5, 0.5, 0.1, 2_000),
    Case(0.5, 0.5, 0.5, 2_000),
    Case(5.0, 5.0, 0.1, 2_000),
    Case(0.05, 0.05, 0.1, 20_000),
    Case(30.0, 30.0, 0.2, 1_000),
    Case(0.5, 0.5, 0.1, 500, looks=200),
)
WORSE = (
    Case(0.5, 1.0, 0.1, 2_000),
    Case(0.5, 2.0, 0.1, 2_000),
    Case(0.5, 5.0, 0.1, 200),
    Case(0.5, 50.0, 0.1, 200),
    Case(0.05, 0.2, 0.1, 20_000),
    Case(5.0, 7.0, 0.2, 2_000),
    Case(0.5, 2.0, 0.5, 400),
)
BETTER = (Case(2.0, 0.2, 0.2, 2_000),)

_WORDS = """{steps} simulated steps a row: error rates, the canary's share, requests from look to look, how many looks,
and in how many steps the canary was *ever* found worse or better; the last column is the look at which half of the
worse ones were found. The minimum is {minimum} requests a side, and {alarm:.0%} of false alarms is agreed."""


def simulate(case: Case, steps: int = STEPS, seed: int = 1) -> Result:
    """Many steps of one case."""
    source = random.Random(f"{case.cells}{seed}")  # noqa: S311  a simulation
    worse: list[int] = []
    better = 0
    for _ in range(steps):
        outcomes = _outcomes(case, source)
        worse += [outcomes.index(Outcome.WORSE) + 1] if Outcome.WORSE in outcomes else []
        better += Outcome.BETTER in outcomes
    middle = sorted(worse)[len(worse) // 2] if worse else None
    return Result(len(worse) / steps, better / steps, middle)


def _outcomes(case: Case, source: random.Random) -> list[Outcome]:
    """What each look of one step finds."""
    sums = [0, 0, 0, 0]
    found = []
    for _ in range(case.looks):
        here = _binomial(source, case.requests, case.share)
        there = case.requests - here
        drawn = (here, _binomial(source, here, case.canary / 100), there, _binomial(source, there, case.primary / 100))
        sums = [total + more for total, more in zip(sums, drawn, strict=True)]
        found.append(compare(Counts(sums[0], sums[1]), Counts(sums[2], sums[3]), TERMS).outcome)
    return found


def _binomial(source: random.Random, count: int, chance: float) -> int:
    """Successes of ``count`` tries: exact by waiting times where they are rare, else by the normal curve."""
    if chance > 0.5:
        return count - _binomial(source, count, 1 - chance)
    if count * chance > 200:
        drawn = round(source.gauss(count * chance, (count * chance * (1 - chance)) ** 0.5))
        return min(max(drawn, 0), count)
    return _count_rare(source, count, chance)


def _count_rare(source: random.Random, count: int, chance: float) -> int:
    successes, position = 0, 0
    while chance:
        position += int(log(1 - source.random()) / log1p(-chance)) + 1
        if position > count:
            break
        successes += 1
    return successes


def measure() -> Section:
    """Simulate every case; a bound is broken where healthy steps are found worse more often than agreed."""
    results = {case: simulate(case) for case in (*HEALTHY, *WORSE, *BETTER)}
    header = ("primary", "canary", "share", "requests", "looks", "worse", "better", "look")
    false_alarms = [case for case in HEALTHY if results[case].worse > TERMS.alarm]
    return Section(
        title="Comparison with the primary",
        words=(_WORDS.format(steps=STEPS, minimum=TERMS.minimum, alarm=TERMS.alarm),),
        tables=(Table(header, tuple(case.cells + result.cells for case, result in results.items())),),
        broken=tuple(f"a healthy step is found worse too often: {', '.join(case.cells)}" for case in false_alarms),
    )
