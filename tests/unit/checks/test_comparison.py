"""The comparison of the canary with the primary: what it finds, how often it errs, and how it says so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from shared.canary.fields import Field
from shared.canary.metrics import read_metrics
from shared.canary.model import Comparison
from shared.checks.comparison import Counts, Finding, Outcome, Terms, compare, explain
from tests.bench.comparison import BETTER, HEALTHY, TERMS, WORSE, Case, simulate

DOCS = Path(__file__).parents[3] / "docs"
PERFORMANCE = (DOCS / "performance.md").read_text()

TOTALS = st.integers(0, 10**6)
SHARES = st.floats(0, 1)


def sides(total: int, share: float) -> Counts:
    return Counts(total, total * share)


COUNTS = st.builds(sides, TOTALS, SHARES)


@pytest.mark.parametrize("case", HEALTHY[:5], ids=str)
def test_a_healthy_canary_is_found_worse_no_more_often_than_agreed(case: Case) -> None:
    found = simulate(case, steps=150, seed=2)
    assert found.worse <= TERMS.alarm + 0.01
    assert found.better <= TERMS.alarm + 0.01


def test_many_looks_make_no_more_false_alarms() -> None:
    assert simulate(Case(0.5, 0.5, 0.1, 500, looks=200), steps=60, seed=3).worse <= 1 / 60


def test_a_canary_that_is_better_than_the_primary_is_not_found_worse() -> None:
    assert simulate(Case(2.0, 0.5, 0.1, 1_000), steps=60, seed=4).worse == 0


@pytest.mark.parametrize("case", WORSE[1:], ids=str)
def test_a_bad_canary_is_found_out(case: Case) -> None:
    found = simulate(case, steps=40, seed=2)
    assert found.worse >= 0.95
    assert found.better == 0


@pytest.mark.parametrize("case", WORSE[:2], ids=str)
def test_a_bad_canary_is_found_out_as_soon_as_the_page_says(case: Case) -> None:
    assert f"| {' | '.join(case.cells + simulate(case).cells)} |" in PERFORMANCE


def test_a_good_canary_is_found_out() -> None:
    assert simulate(BETTER[0], steps=40, seed=2).better >= 0.95


@pytest.mark.parametrize(
    ("canary", "primary", "outcome"),
    [
        (Counts(2_140, 41), Counts(19_300, 77), Outcome.WORSE),
        (Counts(2_140, 9), Counts(19_300, 77), Outcome.SAME),
        (Counts(5_000, 1), Counts(19_300, 77), Outcome.BETTER),
        (Counts(499, 0), Counts(19_300, 0), Outcome.TOO_FEW),
        (Counts(5_000, 0), Counts(499, 0), Outcome.TOO_FEW),
        (Counts(500, 0), Counts(500, 0), Outcome.SAME),
        (Counts(20, 20), Counts(200, 0), Outcome.WORSE),  # a clear case needs no minimum
        (Counts(0, 0), Counts(0, 0), Outcome.TOO_FEW),
        (Counts(1_000, 1_000), Counts(0, 0), Outcome.TOO_FEW),
    ],
)
def test_the_counts_decide(canary: Counts, primary: Counts, outcome: Outcome) -> None:
    assert compare(canary, primary, TERMS).outcome is outcome


def test_a_difference_within_the_tolerance_is_none() -> None:
    canary, primary = Counts(10**6, 2_000), Counts(10**6, 1_000)
    assert compare(canary, primary, Terms(500, 0.01)).outcome is Outcome.WORSE
    assert compare(canary, primary, Terms(500, 0.01, tolerance=0.1)).outcome is Outcome.SAME
    assert compare(primary, canary, Terms(500, 0.01, tolerance=0.1)).outcome is Outcome.SAME


@given(COUNTS, COUNTS)
def test_p_is_a_probability_and_a_lower_rate_is_never_worse(canary: Counts, primary: Counts) -> None:
    found = compare(canary, primary, TERMS)
    assert 0 <= found.p <= 1
    if canary.rate <= primary.rate:
        assert found.outcome is not Outcome.WORSE
    if found.outcome is Outcome.WORSE:
        assert compare(primary, canary, TERMS).outcome is not Outcome.WORSE


@given(COUNTS, COUNTS, st.integers(1, 1000))
def test_more_bad_requests_never_speak_for_the_canary(canary: Counts, primary: Counts, more: int) -> None:
    worse = Counts(canary.total, min(canary.bad + more, canary.total))
    assert compare(worse, primary, TERMS).outcome is not Outcome.BETTER or (
        compare(canary, primary, TERMS).outcome is Outcome.BETTER
    )
    if compare(canary, primary, TERMS).outcome is Outcome.WORSE:
        assert compare(worse, primary, TERMS).outcome is Outcome.WORSE


def test_a_finding_is_a_sentence() -> None:
    canary, primary = Counts(2140.2, 41), Counts(19_300, 77)
    assert explain("errors", canary, primary, Finding(Outcome.WORSE, 0.00041)) == (
        "canary 1.9% errors of 2,140, primary 0.4% of 19,300: worse, p=0.0004"
    )
    assert explain("", Counts(600, 0), Counts(10**6, 12), Finding(Outcome.SAME, 0.4)) == (
        "canary 0% of 600, primary 0.0012% of 1,000,000: same, p=0.40"
    )
    assert explain("", canary, primary, Finding(Outcome.WORSE, 1e-9)).endswith(": worse, p<0.0001")


def test_the_table_is_of_these_cases() -> None:
    assert [case for case in (*HEALTHY, *WORSE, *BETTER) if f"| {' | '.join(case.cells)} |" not in PERFORMANCE] == []


def test_the_guides_example_is_read() -> None:
    guide = (DOCS / "comparison.md").read_text()
    (example,) = re.findall(r"^```yaml\n(.*?)^```", guide, re.DOTALL | re.MULTILINE)
    field = Field(yaml.safe_load(example)["analysis"]["metrics"], "", [])
    rate, slow, own = read_metrics(field, "test")
    assert (field.problems, rate.comparison) == ([], Comparison())
    assert slow.comparison == Comparison(slower_than=500.0)
    assert own.comparison is not None
    assert own.comparison.total_query.startswith("sum(increase(orders_total")
