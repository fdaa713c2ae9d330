"""Values against bounds: verdicts, and the predecessor's sentences."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.canary.model import Bounds, Metric, OnNoData
from shared.checks.judge import judge_metric, show_bounds
from shared.checks.verdict import CheckResult, Verdict
from tests.support.canaries import CUSTOM, LATENCY, OLD_LATENCY, OLD_SUCCESS_RATE, SUCCESS_RATE, canary

HALT = "Halt podinfo.test advancement"
NO_VALUES = (
    "Halt advancement no values found for metric request-success-rate probably backend.test is not receiving traffic"
)


def judge(metric: Metric, *values: float) -> CheckResult:
    return judge_metric(canary(), metric, values, "the query")


@pytest.mark.parametrize(
    ("metric", "value", "sentence"),
    [
        (SUCCESS_RATE, 62.5, "success rate 62.50% < 99%"),
        (OLD_SUCCESS_RATE, 0.0, "success rate 0.00% < 99%"),
        (SUCCESS_RATE, 98.999, "success rate 98.999% < 99%"),
        (SUCCESS_RATE, 98.99999, "success rate 98.99999% < 99%"),
        (replace(SUCCESS_RATE, bounds=Bounds(min=99.5)), 99.25, "success rate 99.25% < 99.5%"),
        (replace(SUCCESS_RATE, bounds=Bounds(max=50.0)), 100.0, "success rate 100.00% > 50%"),
        (LATENCY, 2415.0, "request duration 2.415s > 500ms"),
        (OLD_LATENCY, 1515.4, "request duration 1.515s > 500ms"),
        (LATENCY, 500.4, "request duration 500.4ms > 500ms"),
        (LATENCY, 61000.1, "request duration 1m1s > 500ms"),
        (replace(LATENCY, bounds=Bounds(max=0.25)), 0.4, "request duration 400µs > 250µs"),
        (replace(LATENCY, bounds=Bounds(max=0.25)), 1.6, "request duration 2ms > 250µs"),
        (replace(LATENCY, bounds=Bounds(min=20.0)), 3.0, "request duration 3ms < 20ms"),
        (CUSTOM, 7.0, "error ratio 7.00 > 5"),
        (replace(CUSTOM, bounds=Bounds(min=0.5)), 0.25, "error ratio 0.25 < 0.5"),
        (replace(CUSTOM, bounds=Bounds(max=0.001)), 0.0012, "error ratio 0.0012 > 0.001"),
    ],
)
def test_a_crossed_bound_fails_in_the_predecessors_words(metric: Metric, value: float, sentence: str) -> None:
    result = judge(metric, value)
    assert result == CheckResult(
        metric.name, "metric", Verdict.FAIL, f"{HALT} {sentence}", value, show_bounds(metric.bounds), "the query"
    )


@pytest.mark.parametrize(
    ("bounds", "value"),
    [
        (Bounds(min=99.0), 99.0),
        (Bounds(max=5.0), 5.0),
        (Bounds(min=-1.0, max=-1.0), -1.0),
        (Bounds(), -7.5),
        (Bounds(min=99.0), 98.99999999999999),  # what rates in floating point make of 99
        (Bounds(max=5.0), 5.000000000000001),
    ],
)
def test_bounds_are_inclusive_and_may_be_open(bounds: Bounds, value: float) -> None:
    result = judge(replace(CUSTOM, bounds=bounds), value)
    assert (result.verdict, result.text, result.value) == (Verdict.PASS, "", value)


@pytest.mark.parametrize(
    ("on_no_data", "verdict"),
    [(OnNoData.FAIL, Verdict.FAIL), (OnNoData.HOLD, Verdict.UNKNOWN), (OnNoData.PASS, Verdict.PASS)],
)
@pytest.mark.parametrize("values", [(), (math.nan,), (math.inf, -math.inf)])
def test_no_data_means_what_the_metric_says(on_no_data: OnNoData, verdict: Verdict, values: tuple[float, ...]) -> None:
    result = judge(replace(SUCCESS_RATE, on_no_data=on_no_data), *values)
    assert (result.verdict, result.value) == (verdict, None)
    assert result.text == ("" if verdict is Verdict.PASS else NO_VALUES)


@pytest.mark.parametrize(
    ("values", "verdict", "decisive"),
    [
        ((1.0, 2.0, 3.0), Verdict.PASS, 3.0),
        ((9.0, 2.0), Verdict.FAIL, 9.0),  # the last one alone would pass
        ((2.0, 9.0), Verdict.FAIL, 9.0),
        ((math.nan, 2.0, math.inf), Verdict.PASS, 2.0),
        ((9.0, math.nan), Verdict.FAIL, 9.0),
    ],
)
def test_several_values_all_have_to_be_inside(values: tuple[float, ...], verdict: Verdict, decisive: float) -> None:
    result = judge(CUSTOM, *values)
    assert (result.verdict, result.value) == (verdict, decisive)


@pytest.mark.parametrize(
    ("bounds", "text"),
    [
        (Bounds(min=99.0), ">= 99"),
        (Bounds(max=500.0), "<= 500"),
        (Bounds(min=0.5, max=1e21), ">= 0.5 and <= 1e+21"),
        (Bounds(), ""),
    ],
)
def test_bounds_are_shown_as_people_read_them(bounds: Bounds, text: str) -> None:
    assert show_bounds(bounds) == text


ANY_BOUND = st.none() | st.floats(allow_nan=False, allow_infinity=False)


@given(
    st.lists(st.floats(), max_size=4),
    st.builds(Bounds, min=ANY_BOUND, max=ANY_BOUND),
    st.sampled_from([SUCCESS_RATE, LATENCY, CUSTOM]),
)
@example([1.7e308], Bounds(max=1.6e308), LATENCY)
@example([5e-324], Bounds(max=0.0), SUCCESS_RATE)
def test_only_finite_values_inside_the_bounds_pass(values: list[float], bounds: Bounds, metric: Metric) -> None:
    result = judge(replace(metric, bounds=bounds), *values)
    finite = [value for value in values if math.isfinite(value)]
    inside = all(
        (bounds.min is None or value >= bounds.min or math.isclose(value, bounds.min))
        and (bounds.max is None or value <= bounds.max or math.isclose(value, bounds.max))
        for value in finite
    )
    assert (result.verdict is Verdict.PASS) == (bool(finite) and inside)
    assert (result.text == "") == (result.verdict is Verdict.PASS)
    assert result.value is None or math.isfinite(result.value)
