"""The callers' honesty: requests go where the routes say, fail as the pods are told, and are lost where nobody is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.callers import MATCHING_SHARE, Callers
from infra.local.mesh import Behaviour, Rule, Side, State, Workload

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.local.series import Labels

PRIMARY, CANARY = Side.PRIMARY, Side.CANARY
HEALTHY = Workload(ready=2)


def split(primary: float, canary: float, **fields: object) -> Rule:
    return Rule(((PRIMARY, primary), (CANARY, canary)), **fields)  # type: ignore[arg-type]  # only fields of Rule


def state(*rules: Rule, primary: Workload = HEALTHY, canary: Workload = HEALTHY) -> State:
    return State(rules, {PRIMARY: primary, CANARY: canary})


def callers_of(state: State, requests: int = 2000, seed: int = 1) -> Callers:
    callers = Callers("test", "podinfo", seed)
    callers.follow(state)
    callers.send(requests)
    return callers


def requests_by(callers: Callers, *names: str) -> dict[tuple[str, ...], float]:
    """``istio_requests_total`` summed by some labels."""
    found: dict[tuple[str, ...], float] = {}
    for labels, value in totals(callers):
        key = tuple(dict(labels)[name] for name in names)
        found[key] = found.get(key, 0) + value
    return found


def totals(callers: Callers) -> Iterator[tuple[Labels, float]]:
    return ((labels, value) for labels, value in callers.samples() if ("__name__", "istio_requests_total") in labels)


def test_requests_follow_the_weights() -> None:
    counts = callers_of(state(split(70, 30))).counts
    assert counts.sent == counts.primary.requests + counts.canary.requests == 2000
    assert counts.canary.requests == pytest.approx(600, abs=60)


def test_nobody_calls_before_there_is_a_route() -> None:
    callers = callers_of(state())
    assert callers.counts.sent == 0
    assert list(callers.samples()) == []


def test_a_route_to_pods_that_are_not_ready_loses_requests() -> None:
    callers = callers_of(state(split(70, 30), canary=Workload(ready=0)))
    counts = callers.counts
    assert counts.lost == pytest.approx(600, abs=60)
    assert requests_by(callers, "reporter", "destination_workload", "response_code", "response_flags") == {
        ("source", "podinfo-primary", "200", "-"): counts.primary.requests,
        ("destination", "podinfo-primary", "200", "-"): counts.primary.requests,
        ("source", "unknown", "503", "UH"): counts.lost,
    }


def test_a_route_to_others_or_without_weights_loses_requests() -> None:
    for rule in (Rule(((None, 100),)), split(0, 0), Rule(())):
        assert callers_of(state(rule), requests=10).counts.lost == 10


def test_pods_fail_and_linger_as_they_are_told() -> None:
    faulty = Workload(2, Behaviour(error_rate=0.5, delay=1.0))
    counts = callers_of(state(split(50, 50), canary=faulty)).counts
    assert counts.primary.errors == 0
    assert counts.canary.errors == pytest.approx(counts.canary.requests / 2, rel=0.1)
    assert counts.primary.milliseconds / counts.primary.requests == pytest.approx(36, abs=2)
    assert counts.canary.milliseconds / counts.canary.requests == pytest.approx(1036, abs=2)


def test_nearly_all_healthy_answers_take_20_to_60_milliseconds() -> None:
    buckets = {}
    for labels, value in callers_of(state(split(100, 0))).samples():
        named = dict(labels)
        if named["__name__"].endswith("_bucket") and named["reporter"] == "destination":
            buckets[named["le"]] = value
    assert " ".join(buckets) == (
        "0.5 1 5 10 25 50 100 250 500 1000 2500 5000 10000 30000 60000 300000 600000 1800000 3600000 +Inf"
    )
    assert buckets["10"] == 0
    assert buckets["100"] == buckets["+Inf"] == 2000
    assert buckets["25"] < 300
    assert buckets["50"] > 1800


def test_without_pods_their_proxies_report_nothing_and_new_pods_count_from_zero() -> None:
    callers = callers_of(state(split(50, 50)))
    callers.follow(state(split(100, 0), canary=Workload(ready=0)))
    assert ("destination", "podinfo") not in requests_by(callers, "reporter", "destination_workload")
    callers.follow(state(split(100, 0)))
    by_workload = requests_by(callers, "reporter", "destination_workload")
    assert by_workload["destination", "podinfo"] == 0
    assert by_workload["source", "podinfo"] == callers.counts.canary.requests


def test_pods_of_the_old_template_answer_while_there_are_any() -> None:
    failing = Behaviour(error_rate=1.0)
    callers = callers_of(state(split(0, 100)))
    callers.follow(state(split(0, 100), canary=Workload(2, failing, settled=False)))
    callers.send(100)
    assert callers.counts.canary.errors == 0
    callers.follow(state(split(0, 100), canary=Workload(2, failing)))
    callers.send(100)
    assert callers.counts.canary.errors == 100


def test_a_mirror_copies_requests_and_loses_none() -> None:
    rule = split(100, 0, mirror=CANARY, mirror_share=0.5)
    callers = callers_of(state(rule))
    counts = callers.counts
    assert (counts.sent, counts.primary.requests, counts.lost) == (2000, 2000, 0)
    assert counts.canary.requests == pytest.approx(1000, abs=100)
    assert ("source", "podinfo") not in requests_by(callers, "reporter", "destination_workload")
    assert callers_of(state(rule, canary=Workload(ready=0))).counts.lost == 0


def test_a_conditional_route_takes_its_audience_and_the_last_one_all_others() -> None:
    counts = callers_of(state(split(0, 100, conditional=True), split(100, 0))).counts
    assert counts.canary.requests == pytest.approx(2000 * MATCHING_SHARE, rel=0.15)
    assert callers_of(state(split(100, 0, conditional=True))).counts.primary.requests == 2000


def test_one_seed_always_gives_the_same() -> None:
    rule = split(60, 40)
    assert callers_of(state(rule), seed=7).counts == callers_of(state(rule), seed=7).counts
    assert callers_of(state(rule), seed=7).counts != callers_of(state(rule), seed=8).counts


WORKLOADS = st.builds(
    Workload, st.integers(0, 2), st.builds(Behaviour, st.floats(0, 1), st.floats(0, 2)), settled=st.booleans()
)
STATES = st.builds(
    state, st.builds(split, st.integers(0, 100), st.integers(0, 100)), primary=WORKLOADS, canary=WORKLOADS
)


@given(st.lists(STATES, min_size=1, max_size=6))
def test_every_request_is_accounted_for_once(states: list[State]) -> None:
    callers = Callers("test", "podinfo", seed=0)
    for now in states:
        callers.follow(now)
        callers.send(20)
    counts = callers.counts
    assert counts.sent == 20 * len(states) == counts.lost + counts.primary.requests + counts.canary.requests
    assert requests_by(callers, "reporter")["source",] == counts.sent
