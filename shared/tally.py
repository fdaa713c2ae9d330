"""What a rollout counts and measures for its metrics, for as long as its document lives.

A scrape may be answered by any instance, so nothing is counted in a process: totals are part of the rollout, go up in
the same commit as what they count, and are read with it. A rollout that is made anew starts at zero, which Prometheus
takes for the restart of a counter.

It must never hold text that can grow: names, numbers and a moment only.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from shared.json_types import of_fields
from shared.plan import Strategy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.json_types import Json

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds in seconds: those of Flagger's ``flagger_canary_duration_seconds`` (the Go client's defaults)."""


class Outcome(StrEnum):
    """How a run ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"
    """The target went back to the revision that the primary serves."""


class Judgement(StrEnum):
    """``analysis_status`` of Flagger's counters."""

    COMPLETED = "completed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Ending:
    """The kind of end of a run that is counted."""

    outcome: Outcome
    strategy: Strategy = Strategy.CANARY
    judgement: Judgement = Judgement.COMPLETED

    def __str__(self) -> str:
        """``succeeded/canary/completed``, as documents keep it."""
        return f"{self.outcome}/{self.strategy}/{self.judgement}"

    @classmethod
    def parse(cls, text: str) -> Ending:
        """The inverse of ``str``; ValueError for anything else."""
        outcome, strategy, judgement = text.split("/")
        return cls(Outcome(outcome), Strategy(strategy), Judgement(judgement))


@dataclass(frozen=True, slots=True)
class Histogram:
    """Durations in seconds: how many fell into each of BUCKETS and beyond (not cumulated), and their sum."""

    counts: tuple[int, ...] = (0,) * (len(BUCKETS) + 1)
    sum: float = 0.0

    def observe(self, seconds: float) -> Histogram:
        """With one more."""
        place = bisect_left(BUCKETS, seconds)
        counts = (*self.counts[:place], self.counts[place] + 1, *self.counts[place + 1 :])
        return Histogram(counts, _add(self.sum, seconds))


@dataclass(frozen=True, slots=True)
class Reading:
    """A metric of the analysis: its last value, and the bounds that it was held to, in the metric's own unit."""

    metric: str
    value: float | None = None
    min: float | None = None
    max: float | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """See the module. ``target`` is empty until the Canary was read for the first time."""

    target: str = ""
    """Name of the Canary's target, by which Flagger's metrics are labelled."""
    strategy: Strategy = Strategy.CANARY
    ticks: int = 0
    seconds: float = 0.0
    """What all ticks together took, from their first look at the rollout to the decision."""
    held: int = 0
    """Ticks that could not be done because something did not answer; they are not among ``ticks``."""
    analysis: Histogram = field(default_factory=Histogram)
    """The ticks of runs."""
    checks: Mapping[str, int] = field(default_factory=dict)
    """Answers by verdict."""
    endings: Mapping[str, int] = field(default_factory=dict)
    """Ends of runs, by the text of their Ending."""
    readings: tuple[Reading, ...] = ()
    """The metrics that were last asked, in the order of the Canary."""
    began: datetime | None = None
    """The start of the run that is under way."""
    took: float | None = None
    """Seconds from start to end of the last run."""

    def ticked(self, seconds: float, in_run: bool) -> Tally:
        """After one more tick, of a rollout that was in a run or not."""
        analysis = self.analysis.observe(seconds) if in_run else self.analysis
        return replace(self, ticks=self.ticks + 1, seconds=_add(self.seconds, seconds), analysis=analysis)

    def held_up(self) -> Tally:
        """After one more tick that could not be done."""
        return replace(self, held=self.held + 1)


def tally_from_dict(document: Json) -> Tally:
    """The tally in a rollout's document; fields that it lacks take their defaults, those it does not know go."""
    known = of_fields(Tally, document)
    if "strategy" in known:
        known["strategy"] = Strategy(known["strategy"])
    if "analysis" in known:
        known["analysis"] = _histogram(known["analysis"])
    if "readings" in known:
        known["readings"] = tuple(Reading(r["metric"], r["value"], r["min"], r["max"]) for r in known["readings"])
    if known.get("began"):
        known["began"] = datetime.fromisoformat(known["began"])
    return Tally(**known)


def _histogram(value: Json) -> Histogram:
    """One with other buckets than today's cannot be gone on with."""
    counts = tuple(value["counts"])
    return Histogram(counts, value["sum"]) if len(counts) == len(BUCKETS) + 1 else Histogram()


def _add(total: float, seconds: float) -> float:
    """To the microsecond: what is finer is noise of floating point, and makes documents longer."""
    return round(total + seconds, 6)
