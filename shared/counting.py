"""Counts what a decision means for a rollout's metrics: how a run ended, what the checks answered, what was measured.

Pure, and taken from the difference between the rollout before and after: the phases need not know that they are
counted, and a decision that lost its commit is never counted.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from shared.plan import make_plan
from shared.rollout import RESTING, Phase
from shared.tally import Ending, Judgement, Outcome, Reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from shared.canary.model import Canary
    from shared.checks.verdict import CheckResult
    from shared.rollout import Rollout
    from shared.tally import Tally

IN_RUN = frozenset({Phase.PROGRESSING, Phase.PROMOTING, Phase.FINALISING})
"""Phases of a run."""


def counted(canary: Canary, before: Rollout, after: Rollout, results: tuple[CheckResult, ...], now: datetime) -> Tally:
    """The tally after the decision that led from ``before`` to ``after`` on these ``results``."""
    tally = replace(
        after.tally,
        target=canary.target.name,
        strategy=make_plan(canary).strategy,
        checks=_with(after.tally.checks, (str(result.verdict) for result in results)),
        readings=_readings(canary, after.tally.readings, results),
    )
    if after.phase is Phase.PROGRESSING and after.runs != before.runs:
        return replace(tally, began=now)
    outcome = _outcome(before, after)
    return tally if outcome is None else _ended(tally, outcome, skipped=after.skipped, now=now)


def _outcome(before: Rollout, after: Rollout) -> Outcome | None:
    if before.phase not in IN_RUN or after.phase not in RESTING:
        return None
    match after.phase:
        case Phase.SUCCEEDED:
            return Outcome.SUCCEEDED
        case Phase.FAILED:
            return Outcome.FAILED
        case _:
            return Outcome.WITHDRAWN


def _ended(tally: Tally, outcome: Outcome, *, skipped: bool, now: datetime) -> Tally:
    ending = Ending(outcome, tally.strategy, Judgement.SKIPPED if skipped else Judgement.COMPLETED)
    took = tally.took if tally.began is None else round((now - tally.began).total_seconds(), 3)
    return replace(tally, endings=_with(tally.endings, (str(ending),)), began=None, took=took)


def _readings(canary: Canary, last: tuple[Reading, ...], results: tuple[CheckResult, ...]) -> tuple[Reading, ...]:
    """What was measured now; a metric without an answer keeps the value that it had."""
    asked = {result.name: result.value for result in results if result.kind == "metric"}
    if not asked:
        return last
    values = {reading.metric: reading.value for reading in last}
    values |= {name: value for name, value in asked.items() if value is not None}
    bounds = {metric.name: metric.bounds for metric in canary.analysis.metrics}
    return tuple(Reading(name, values.get(name), bound.min, bound.max) for name, bound in bounds.items())


def _with(counts: Mapping[str, int], names: Iterable[str]) -> Mapping[str, int]:
    """The counts with one more for each of ``names``."""
    total = dict(counts)
    for name in names:
        total[name] = total.get(name, 0) + 1
    return total
