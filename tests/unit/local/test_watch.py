"""How readings become a picture: rates from counters, sides from Deployments, answers from a run's history."""

from __future__ import annotations

import pytest

from infra.local.callers import Counts, SideCounts
from infra.local.picture import Answer, Side
from infra.local.watch import Rates, answers, side
from shared.checks.verdict import CheckResult, Verdict
from shared.history import Entry
from shared.rollout import Phase
from tests.support.samples import NOW, canary

DEPLOYMENT = {
    "spec": {"template": {"spec": {"containers": [{"name": "podinfo", "image": "stefanprodan/podinfo:6.9.1"}]}}},
    "status": {"replicas": 3, "readyReplicas": 2, "updatedReplicas": 1},
}


def counts(primary: int, canary: int, errors: int = 0) -> Counts:
    """Counters of a moment."""
    return Counts(primary=SideCounts(primary), canary=SideCounts(canary, errors))


def entry(version: int, *results: CheckResult) -> dict[str, object]:
    """An entry of the history as the store gives it."""
    return Entry("000001", version, NOW, Phase.PROGRESSING, 10, results=results).to_dict()


def result(verdict: Verdict, value: float | None) -> CheckResult:
    """An answer about the success rate."""
    return CheckResult("request-success-rate", "metric", verdict, "", value, ">= 99")


def test_rates_are_what_the_counters_gained_lately() -> None:
    rates = Rates()
    for at, *so_far in [(0, 0, 0, 0), (10, 1000, 0, 0), (11, 1080, 20, 5), (12, 1160, 40, 10)]:
        rates.add(float(at), counts(*so_far))
    assert rates.primary() == (80.0, 0.0)
    assert rates.canary() == (20.0, 5.0)


def test_a_first_look_has_no_rate() -> None:
    rates = Rates()
    rates.add(5.0, counts(100, 10))
    assert rates.primary() == rates.canary() == (0.0, 0.0)


def test_a_side_is_what_its_deployment_says() -> None:
    assert side(DEPLOYMENT, 80.0, 0.5) == Side("6.9.1", pods=3, ready=2, updated=1, rate=80.0, errors=0.5)


@pytest.mark.parametrize("status", [{}, None])
def test_a_deployment_without_status_has_no_pods(status: object) -> None:
    assert side({**DEPLOYMENT, "status": status}, 0.0, 0.0) == Side("6.9.1")


def test_a_side_that_does_not_exist_is_empty() -> None:
    assert side(None, 0.0, 0.0) == Side()


def test_each_metric_of_the_canary_shows_its_last_answer_and_how_it_did_before() -> None:
    history = [
        entry(1),
        entry(2, result(Verdict.PASS, 100.0)),
        entry(3, result(Verdict.UNKNOWN, None)),
        entry(4, result(Verdict.FAIL, 51.5), CheckResult("load-test", "hook", Verdict.PASS)),
    ]
    trail = (Verdict.PASS, Verdict.UNKNOWN, Verdict.FAIL)
    assert answers(canary(), history) == (Answer("request-success-rate", 51.5, ">= 99", trail),)


def test_a_metric_that_was_not_asked_yet_is_there_without_a_verdict() -> None:
    (answer,) = answers(canary(), [entry(1)])
    assert answer == Answer("request-success-rate")
    assert answer.verdict is None
