"""Plans: whatever the numbers, weights rise to ``maxWeight`` and come home to zero."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from shared.canary.model import Analysis
from shared.plan import make_plan, nearest_step

equal_steps = st.builds(
    Analysis,
    interval=st.just(60.0),
    threshold=st.just(5),
    max_weight=st.integers(1, 100),
    step_weight=st.integers(1, 100),
    step_weight_promotion=st.integers(0, 100),
)
free_steps = st.builds(
    Analysis,
    interval=st.just(60.0),
    threshold=st.just(5),
    step_weights=st.lists(st.integers(1, 100), min_size=1, max_size=20, unique=True).map(sorted).map(tuple),
    step_weight_promotion=st.integers(0, 100),
)
analyses = equal_steps | free_steps


def weights(analysis: Analysis) -> list[int]:
    return [route.canary for route in make_plan(analysis).steps]


def test_the_guides_canary_goes_in_steps_of_five_to_fifty() -> None:
    assert weights(Analysis(interval=15, threshold=10, max_weight=50, step_weight=5)) == list(range(5, 51, 5))


def test_a_step_that_does_not_divide_the_maximum_ends_at_the_maximum() -> None:
    assert weights(Analysis(interval=15, threshold=10, max_weight=50, step_weight=15)) == [15, 30, 45, 50]


def test_a_step_above_the_maximum_is_one_step() -> None:
    assert weights(Analysis(interval=15, threshold=10, max_weight=50, step_weight=70)) == [50]


@given(analyses)
def test_weights_rise_to_the_maximum_and_never_pass_it(analysis: Analysis) -> None:
    rising = weights(analysis)
    assert all(0 < one < other <= 100 for one, other in pairwise([*rising, 101]) if other != 101)
    assert rising[-1] == (analysis.step_weights[-1] if analysis.step_weights else analysis.max_weight)


@given(analyses)
def test_the_way_home_falls_to_zero(analysis: Analysis) -> None:
    plan = make_plan(analysis)
    falling = [plan.steps[-1].canary, *(route.canary for route in plan.homeward)]
    assert all(one > other for one, other in pairwise(falling))
    assert falling[-1] == 0


@given(analyses, st.integers(0, 100))
def test_the_nearest_step_never_raises_the_weight(analysis: Analysis, weight: int) -> None:
    plan = make_plan(analysis)
    step = nearest_step(plan, weight)
    assert step == -1 or plan.steps[step].canary <= weight
    assert step + 1 == len(plan.steps) or plan.steps[step + 1].canary > weight
