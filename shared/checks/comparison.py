"""Is the canary worse than the primary? A test on the counts of both, which may be looked at on every tick.

Every request goes to the canary with the same chance, its share of the traffic. If both versions fail equally often, so
does every *failed* request, however high that rate is and however it changes in the course of the day. So of the failed
requests, the canary's part must be its share of all requests. Against "the canary fails r times as often" stands a
likelihood ratio; the average of the ratios for several r is a martingale while nothing is wrong, and a martingale that
starts at 1 ever exceeds 1/a with a chance of at most a (Ville's inequality). Hence no number of looks makes the false
alarms more frequent, and a clear case needs no waiting. The other direction finds the canary better.

Sources: H. Robbins, "Statistical methods related to the law of the iterated logarithm" (1970); R. Johari, P. Koomen,
L. Pekelis, D. Walsh, "Always valid inference: continuous monitoring of A/B tests" (2022); A. Ramdas, P. Grünwald,
V. Vovk, G. Shafer, "Game-theoretic statistics and safe anytime-valid inference" (2023). See docs/comparison.md.

It must never call two versions the same for want of data: too few requests are a finding of their own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

RATIOS = (1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)
"""How many times as often the canary may fail; the average over them is what is tested. Close ones find small
differences in much traffic, far ones find big differences at once."""


class Outcome(StrEnum):
    """What the counts say of the canary."""

    BETTER = "better"
    SAME = "same"
    WORSE = "worse"
    TOO_FEW = "too few requests"


@dataclass(frozen=True, slots=True)
class Counts:
    """Requests of one side, and how many of them were bad. Prometheus extrapolates, so they need not be whole."""

    total: float
    bad: float

    @property
    def rate(self) -> float:
        """Bad ones in percent; 0 without requests."""
        return 100 * self.bad / self.total if self.total else 0.0


@dataclass(frozen=True, slots=True)
class Terms:
    """What is agreed beforehand: ``alarm`` is the chance of "worse" although nothing is (0.01).

    Below ``minimum`` requests on either side there is no "same" and no "better"; a difference of at most ``tolerance``
    percentage points is none.
    """

    minimum: int
    alarm: float
    tolerance: float = 0.0


@dataclass(frozen=True, slots=True)
class Finding:
    """``p`` is always valid: the smallest ``alarm`` at which this look would have said so."""

    outcome: Outcome
    p: float


def compare(canary: Counts, primary: Counts, terms: Terms) -> Finding:
    """What the counts since the step began say of the canary."""
    worse, better = _p_value(canary, primary), _p_value(primary, canary)
    difference = canary.rate - primary.rate
    if worse <= terms.alarm and difference > terms.tolerance:
        return Finding(Outcome.WORSE, worse)
    if min(canary.total, primary.total) < terms.minimum:
        return Finding(Outcome.TOO_FEW, worse)
    if better <= terms.alarm and -difference > terms.tolerance:
        return Finding(Outcome.BETTER, better)
    return Finding(Outcome.SAME, worse)


def explain(what: str, canary: Counts, primary: Counts, finding: Finding) -> str:
    """``canary 1.9% errors of 2,140, primary 0.4% of 19,300: worse, p=0.0004``, where ``what`` is ``errors``."""
    sides = f"canary {_write_rate(canary)}{what and f' {what}'} of {canary.total:,.0f}, primary {_write_rate(primary)}"
    return f"{sides} of {primary.total:,.0f}: {finding.outcome}, {_write_p(finding.p)}"


def _p_value(suspect: Counts, other: Counts) -> float:
    """The always-valid p-value against "the suspect fails no more often than the other"."""
    share = suspect.total / (suspect.total + other.total) if suspect.total > 0 else 0.0
    if not 0 < share < 1:
        return 1.0
    logs = [_log_ratio(ratio, share, suspect.bad, other.bad) for ratio in RATIOS]
    highest = max(logs)
    evidence = highest + math.log(sum(math.exp(value - highest) for value in logs) / len(RATIOS))
    return math.exp(min(0.0, -evidence))


def _log_ratio(ratio: float, share: float, bad: float, other: float) -> float:
    """How much likelier the failed requests are to fall like this if the suspect fails ``ratio`` times as often."""
    scale = share * ratio + (1 - share)
    return bad * math.log(ratio / scale) - other * math.log(scale)


def _write_rate(counts: Counts) -> str:
    rate = counts.rate
    return f"{rate:.0f}%" if rate in (0.0, 100.0) else f"{rate:.1f}%" if rate >= 0.1 else f"{rate:.2g}%"


def _write_p(p: float) -> str:
    return "p<0.0001" if p < 0.0001 else f"p={p:.1g}" if p < 0.1 else f"p={p:.2f}"
