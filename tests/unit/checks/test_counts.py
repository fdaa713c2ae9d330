"""What is asked for a comparison, and what its answer means."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.canary.model import Bounds, Comparison, OnNoData, Provider
from shared.checks.comparison import Counts
from shared.checks.counts import read_counts, write_counts
from shared.checks.judge import judge_comparison
from shared.checks.questions import Questions
from shared.checks.verdict import Verdict
from shared.errors import CheckUnavailable
from tests.support.canaries import CUSTOM, LATENCY, SUCCESS_RATE, canary

RATE = replace(SUCCESS_RATE, comparison=Comparison())
SLOW = replace(LATENCY, comparison=Comparison(slower_than=500.0))
OWN = replace(
    CUSTOM,
    bounds=Bounds(),
    query='bad{app="{{ target }}"}[{{ interval }}]',
    comparison=Comparison(total_query='all{app="{{ target }}"}[{{ interval }}]'),
)
BAD, MANY = Counts(2_140, 41), Counts(19_300, 77)
NOTHING = Counts(0, 0)


def test_both_sides_are_asked_for_at_once_over_the_step() -> None:
    query = write_counts(canary(), RATE, 137.4)
    assert query.count("[137s]") == query.count("unless") == 4
    for name in ("canary total", "canary part", "primary total", "primary part"):
        assert query.count(f'"serin", "{name}", "", "")') == 1
    assert query.count('destination_workload="backend-primary"') == query.count('destination_workload="backend"') == 8
    assert 'response_code=~"5.*"' in query


def test_without_a_mesh_the_app_is_asked_by_its_pods() -> None:
    app = replace(canary(), provider=Provider.KUBERNETES)
    assert 'http_request_duration_seconds_count{kubernetes_namespace="test"' in write_counts(app, RATE, 60)
    query = write_counts(app, SLOW, 60)
    assert 'kubernetes_pod_name=~"backend\\\\-primary-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)",le=~"0[.]5"' in query


def test_a_query_of_its_own_is_asked_for_either_side_and_the_whole_step() -> None:
    query = write_counts(canary(), OWN, 90)
    for part in ('sum(bad{app="backend"}[90s])', 'sum(all{app="backend-primary"}[90s])'):
        assert part in query


@pytest.mark.parametrize(("bound", "shown"), [(500.0, "500([.]0)?"), (2.5, "2[.]5")])
def test_the_bucket_is_named_as_either_client_writes_it(bound: float, shown: str) -> None:
    slow = replace(LATENCY, comparison=Comparison(slower_than=bound))
    assert f'le=~"{shown}"' in write_counts(canary(), slow, 60)


def test_errors_that_nobody_counted_are_none_and_a_bucket_that_is_missing_is_no_answer() -> None:
    found = {"canary total": 100.0, "primary total": 900.0, "primary part": 9.0}
    assert read_counts(found, RATE) == (Counts(100.0, 0.0), Counts(900.0, 9.0))
    with pytest.raises(CheckUnavailable, match="no bucket of 500ms: slowerThan has to be a bucket's bound"):
        read_counts(found, SLOW)
    assert read_counts({**found, "canary part": 60.0}, SLOW) == (Counts(100.0, 40.0), Counts(900.0, 891.0))
    assert read_counts({}, SLOW) == (NOTHING, NOTHING)


def test_a_worse_canary_fails_and_the_sentence_has_the_numbers() -> None:
    found = judge_comparison(canary(), RATE, (BAD, MANY), Questions(age=60))
    assert (found.verdict, found.kind) == (Verdict.FAIL, "comparison")
    assert found.text == (
        "Halt podinfo.test advancement request-success-rate canary 1.9% errors of 2,140, primary 0.4% of 19,300: "
        "worse, p<0.0001"
    )


def test_the_same_and_better_pass_and_say_why() -> None:
    found = judge_comparison(canary(), SLOW, (Counts(2_140, 9), MANY), Questions(age=60))
    assert found.verdict is Verdict.PASS
    assert found.text == "request-duration canary 0.4% over 500ms of 2,140, primary 0.4% of 19,300: same, p=1.00"
    assert judge_comparison(canary(), RATE, (Counts(9_000, 1), MANY), Questions()).verdict is Verdict.PASS


def test_too_few_requests_wait_and_then_the_canary_says_what_they_mean() -> None:
    early = judge_comparison(canary(), RATE, (Counts(20, 1), MANY), Questions(age=60))
    assert (early.verdict, early.text) == (
        Verdict.WAIT,
        "Waiting for 500 requests to podinfo.test and to its primary to compare request-success-rate",
    )
    expected = {OnNoData.FAIL: Verdict.FAIL, OnNoData.HOLD: Verdict.UNKNOWN, OnNoData.PASS: Verdict.PASS}
    for choice, verdict in expected.items():
        metric = replace(RATE, comparison=Comparison(on_too_few=choice))
        late = judge_comparison(canary(), metric, (Counts(20, 1), MANY), Questions(age=1800))
        assert late.verdict is verdict
        assert "canary 5.0% errors of 20, primary 0.4% of 19,300: too few requests" in late.text


def test_while_traffic_is_at_home_an_answer_is_enough() -> None:
    assert judge_comparison(canary(), RATE, (NOTHING, MANY), Questions(blind=True)).verdict is Verdict.PASS
