"""What a decision adds to the totals of its rollout, and what a document of another Serin does to them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from shared.canary.model import Bounds, Metric
from shared.checks.verdict import CheckResult, Verdict
from shared.counting import counted
from shared.rollout import Phase
from shared.schema import from_dict, to_dict
from shared.tally import BUCKETS, Histogram, Reading, Tally
from tests.support.samples import NOW, canary, resting, result, rollout

if TYPE_CHECKING:
    from shared.rollout import Rollout

CANARY = canary()


def after(before: Rollout, *results: CheckResult, **changes: object) -> Tally:
    """The tally after a decision that changed ``before`` so."""
    return counted(CANARY, before, replace(before, **changes), results, NOW)  # type: ignore[arg-type]  # any field


@pytest.mark.parametrize(
    ("phase", "changes", "ending"),
    [
        (Phase.FINALISING, {"phase": Phase.SUCCEEDED}, "succeeded/canary/completed"),
        (Phase.FINALISING, {"phase": Phase.SUCCEEDED, "skipped": True}, "succeeded/canary/skipped"),
        (Phase.PROGRESSING, {"phase": Phase.FAILED}, "failed/canary/completed"),
        (Phase.PROMOTING, {"phase": Phase.FAILED}, "failed/canary/completed"),
        (Phase.PROGRESSING, {"phase": Phase.INITIALIZED}, "withdrawn/canary/completed"),
    ],
)
def test_the_end_of_a_run_is_counted_with_how_it_ended(phase: Phase, changes: dict[str, object], ending: str) -> None:
    running = rollout(phase=phase, tally=Tally(began=NOW - timedelta(seconds=90), endings={ending: 2}))
    tally = after(running, **changes)
    assert tally.endings == {ending: 3}
    assert (tally.began, tally.took) == (None, 90.0)


@pytest.mark.parametrize(
    ("before", "changes"),
    [
        (rollout(), {"weight": 20}),
        (rollout(phase=Phase.PROMOTING), {"phase": Phase.FINALISING}),
        (resting(), {"replicas": None}),
        (resting(phase=Phase.FAILED), {"phase": Phase.PROGRESSING, "runs": 2}),
        (rollout(phase=Phase.INITIALIZING), {"phase": Phase.INITIALIZED}),
        (rollout(), {"phase": Phase.TERMINATING}),
    ],
)
def test_nothing_else_is_the_end_of_a_run(before: Rollout, changes: dict[str, object]) -> None:
    assert after(before, **changes).endings == {}


def test_a_run_counts_for_the_strategy_that_its_canary_asks_for() -> None:
    blue_green, running = canary(iterations=3), rollout(phase=Phase.FINALISING)
    tally = counted(blue_green, running, replace(running, phase=Phase.SUCCEEDED), (), NOW)
    assert tally.endings == {"succeeded/blue-green/completed": 1}
    assert tally.strategy == "blue-green"


def test_a_run_is_timed_from_its_own_start_also_when_it_replaces_another() -> None:
    assert after(resting(), phase=Phase.PROGRESSING, runs=2).began == NOW
    long_ago = Tally(began=NOW - timedelta(hours=1))
    assert after(rollout(tally=long_ago), runs=2).began == NOW
    assert after(rollout(tally=long_ago), weight=20).began == long_ago.began


def test_answers_are_counted_by_verdict() -> None:
    before = rollout(tally=Tally(checks={"pass": 5}))
    tally = after(before, result(Verdict.PASS), result(Verdict.UNKNOWN), result(Verdict.UNKNOWN))
    assert tally.checks == {"pass": 6, "unknown": 2}
    assert tally.target == "frontend"


def test_a_metric_keeps_its_last_value_until_it_is_answered_again_and_goes_with_its_canary() -> None:
    metrics = (Metric("latency", "1m", Bounds(max=500)), Metric("errors", "1m", Bounds(min=1, max=2)))
    asked = canary(metrics=metrics)
    known = (Reading("latency", 120.0), Reading("gone", 1.0))
    answers = (
        CheckResult("latency", "metric", Verdict.UNKNOWN),
        CheckResult("errors", "metric", Verdict.PASS, value=1.5),
    )
    before = rollout(tally=Tally(readings=known))
    assert counted(asked, before, before, answers, NOW).readings == (
        Reading("latency", 120.0, None, 500),
        Reading("errors", 1.5, 1, 2),
    )
    assert counted(asked, before, before, (), NOW).readings == known


def test_ticks_of_runs_alone_are_analysis() -> None:
    tally = Tally().ticked(0.2, in_run=False).ticked(0.3, in_run=True).held_up()
    assert (tally.ticks, tally.seconds, tally.held) == (2, 0.5, 1)
    assert tally.analysis == Histogram().observe(0.3)


def test_a_duration_on_a_bound_is_in_its_bucket() -> None:
    counts = Histogram().observe(0.005).observe(10.0).observe(10.1).counts
    assert (counts[0], counts[len(BUCKETS) - 1], counts[len(BUCKETS)]) == (1, 1, 1)


def test_a_rollout_written_before_there_were_tallies_starts_at_zero() -> None:
    document = to_dict(rollout())
    del document["tally"]
    assert from_dict(document).tally == Tally()
    document["tally"] = {"ticks": 3, "analysis": {"counts": [1, 2], "sum": 3.0}, "of a newer one": 1}
    assert from_dict(document).tally == Tally(ticks=3)
