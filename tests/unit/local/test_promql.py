"""PromQL by hand: numbers that can be worked out, edges of windows, and what is refused."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.promql import BadQueryError, QueryError, Sample, evaluate
from infra.local.promql.answers import format_number
from infra.local.series import Store

NOW = 1_000_000
MINUTE = 60


def store_of(name: str, values: list[float], every: float = 1.0) -> Store:
    """A series whose last value is of NOW."""
    store = Store()
    for index, value in enumerate(values):
        store.add(name, {}, value, at=NOW - (len(values) - 1 - index) * every)
    return store


def number(query: str, store: Store, at: float = NOW) -> float:
    """The value of the only sample."""
    result = evaluate(query, store, round(at * 1000))
    assert isinstance(result, list)
    (sample,) = result
    return sample.value


class TestRates:
    def test_a_window_full_of_samples_is_taken_as_it_is(self) -> None:
        store = store_of("hits", [1000 + 5 * second for second in range(11)])
        assert number("increase(hits[10s])", store) == 50
        assert number("rate(hits[10s])", store) == 5

    def test_growth_is_stretched_to_the_edges_that_are_an_interval_away(self) -> None:
        store = store_of("hits", [1000 + 5 * second for second in range(11)])
        assert number("increase(hits[10s])", store, at=NOW + 0.5) == pytest.approx(50)

    def test_growth_is_stretched_by_half_an_interval_where_the_edge_is_further(self) -> None:
        store = store_of("hits", [1000, 1010, 1020], every=2)
        assert number("increase(hits[1m])", store, at=NOW + 20) == pytest.approx(20 * (4 + 1 + 1) / 4)

    def test_growth_is_not_stretched_to_before_the_counter_was_zero(self) -> None:
        store = store_of("hits", [1, 11, 21], every=10)
        assert number("increase(hits[29s])", store) == pytest.approx(20 * (20 + 1) / 20)

    def test_a_fall_is_a_restart_from_zero(self) -> None:
        store = store_of("hits", [100, 110, 4, 9])
        assert number("increase(hits[3s])", store) == 10 + 4 + 5
        assert number("irate(hits[3s])", store) == 5

    def test_one_sample_is_no_rate(self) -> None:
        assert evaluate("rate(hits[10s])", store_of("hits", [7]), NOW * 1000) == []

    @given(st.lists(st.floats(0, 1e6), min_size=2, max_size=30), st.integers(1, 40))
    def test_a_counter_never_grows_by_less_than_nothing(self, values: list[float], window: int) -> None:
        result = evaluate(f"increase(hits[{window}s])", store_of("hits", values), NOW * 1000)
        assert isinstance(result, list)
        assert all(sample.value >= 0 for sample in result)


class TestWindows:
    def test_both_ends_of_a_range_belong_to_it(self) -> None:
        """As in every Prometheus before 3.0."""
        store = store_of("hits", [0, 5, 10])
        assert number("increase(hits[2s])", store) == 10

    def test_a_sample_is_current_for_five_minutes(self) -> None:
        store = store_of("up", [1])
        assert number("up", store, at=NOW + 5 * MINUTE) == 1
        assert evaluate("up", store, (NOW + 5 * MINUTE) * 1000 + 1) == []

    def test_the_future_is_not_seen(self) -> None:
        assert evaluate("up", store_of("up", [1]), NOW * 1000 - 1) == []


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("avg_over_time(up[1m])", "avg_over_time()"),
        ("sum(label_replace(up, 'a', '$1', 'b', '(.*)'))", "label_replace()"),
        ("quantile(0.9, up)", "quantile()"),
        ("topk(1, sum(predict_linear(up[1m], 1)))", "topk(), the function predict_linear()"),
        ("up atan2 up", "atan2"),
        ("rate(up[5m:1m])", "subqueries"),
        ("up + fill(0) up", "fill()"),
        ('up{a="b" or c="d"}', "'or' between matchers"),
        ('up{a=~"[[:alpha:]]+"}', "[[:alpha:]]"),
        ('up{a=~"x{,3}"}', "x{,3}"),
        (r'up{a=~"\\pL"}', r"\pL"),
    ],
)
def test_what_is_not_understood_is_refused_by_name_though_there_is_no_data(query: str, named: str) -> None:
    with pytest.raises(BadQueryError) as refused:
        evaluate(query, Store(), 0)
    assert named in str(refused.value)


@pytest.mark.parametrize("query", ["", "sum(", "nothing()", "rate(up)", "up[1m] + 1", "1 > 2", 'up{a=~"("}'])
def test_what_is_not_promql_is_a_parse_error(query: str) -> None:
    with pytest.raises(BadQueryError, match="parse error"):
        evaluate(query, Store(), 0)


@pytest.mark.parametrize("query", ["(" * 1500 + "1" + ")" * 1500, "1+" * 1500 + "1", "up or " * 5000 + "up"])
def test_a_query_that_could_exhaust_the_stack_is_refused(query: str) -> None:
    with pytest.raises(BadQueryError, match=r"nested too deeply|characters"):
        evaluate(query, Store(), 0)


def test_samples_that_would_become_one_are_an_execution_error() -> None:
    store = Store()
    store.add("a", {}, 1, at=NOW)
    store.add("b", {}, 2, at=NOW)
    with pytest.raises(QueryError, match="same labelset"):
        evaluate('-{__name__=~"a|b"}', store, NOW * 1000)


@given(st.dictionaries(st.tuples(st.sampled_from("ab"), st.sampled_from("xyz")), st.integers(-1000, 1000)))
def test_a_sum_is_the_sum_of_its_parts(values: dict[tuple[str, str], int]) -> None:
    store = Store()
    for (zone, app), value in values.items():
        store.add("load", {"zone": zone, "app": app}, value, at=NOW)
    at = NOW * 1000
    whole = evaluate("sum(load)", store, at)
    assert whole == ([Sample((), sum(values.values()))] if values else [])
    assert evaluate("sum(sum by (zone) (load))", store, at) == whole
    assert evaluate("sum(sum without (zone) (load))", store, at) == whole


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1"),
        (-0.0, "-0"),
        (94.74, "94.74"),
        (1e21, "1000000000000000000000"),
        (1e-7, "0.0000001"),
        (0.1 + 0.2, "0.30000000000000004"),
        (math.nan, "NaN"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
    ],
)
def test_numbers_are_printed_without_an_exponent(value: float, text: str) -> None:
    assert format_number(value) == text
