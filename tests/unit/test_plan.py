"""Plans: what each strategy shows, step by step, and how a run goes on in a plan that was edited."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.canary.model import Analysis, Canary, Provider
from shared.plan import Plan, Route, Strategy, make_plan, nearest_step
from tests.support.samples import canary

INSIDER = ({"headers": {"x-user": {"exact": "insider"}}},)
COPIES = Route(canary=0, mirror=100)


def _weights(*shares: int) -> list[Route]:
    return [Route(canary=share) for share in shares]


def _insiders(*shares: int) -> list[Route]:
    return [Route(canary=share, matching=True) for share in shares]


def _analysis(**fields: object) -> Analysis:
    return replace(Analysis(interval=15, threshold=10), **fields)  # type: ignore[arg-type]  # any of its fields


def _plan(**fields: object) -> Plan:
    return make_plan(replace(canary(), analysis=_analysis(**fields)))


STRATEGIES = {
    "equal steps": ({"step_weight": 10, "max_weight": 50}, Strategy.CANARY, _weights(10, 20, 30, 40, 50)),
    "a step that does not divide the maximum": (
        {"step_weight": 15, "max_weight": 50},
        Strategy.CANARY,
        _weights(15, 30, 45, 50),
    ),
    "a step above the maximum": ({"step_weight": 70, "max_weight": 50}, Strategy.CANARY, _weights(50)),
    "free steps": ({"step_weights": (1, 2, 10, 80), "max_weight": 80}, Strategy.CANARY, _weights(1, 2, 10, 80)),
    "one round of copies before the first weight": (
        {"step_weight": 25, "max_weight": 50, "mirror": True},
        Strategy.CANARY,
        [COPIES, *_weights(25, 50)],
    ),
    "fewer copies": (
        {"step_weight": 50, "max_weight": 50, "mirror": True, "mirror_weight": 5},
        Strategy.CANARY,
        [Route(canary=0, mirror=5), *_weights(50)],
    ),
    "A/B testing": ({"iterations": 3, "match": INSIDER}, Strategy.AB_TESTING, _insiders(100, 100, 100)),
    "A/B testing copies nothing": (
        {"iterations": 2, "match": INSIDER, "mirror": True},
        Strategy.AB_TESTING,
        _insiders(100, 100),
    ),
    "weights for some users": (
        {"step_weight": 50, "max_weight": 100, "match": INSIDER},
        Strategy.AB_TESTING,
        _insiders(50, 100),
    ),
    "blue/green": ({"iterations": 3}, Strategy.BLUE_GREEN, _weights(0, 0, 0, 100)),
    "blue/green with copies": (
        {"iterations": 2, "mirror": True},
        Strategy.BLUE_GREEN,
        [COPIES, COPIES, *_weights(100)],
    ),
}


@pytest.mark.parametrize(("fields", "strategy", "routes"), STRATEGIES.values(), ids=STRATEGIES.keys())
def test_strategy(fields: dict[str, object], strategy: Strategy, routes: list[Route]) -> None:
    plan = _plan(**fields)
    assert (plan.strategy, [step.route for step in plan.steps]) == (strategy, routes)


def test_without_a_router_nothing_is_switched() -> None:
    bare = replace(canary(), analysis=_analysis(iterations=2), provider=Provider.KUBERNETES)
    assert [step.route for step in make_plan(bare).steps] == _weights(0, 0)


@pytest.mark.parametrize(
    ("fields", "lines"),
    [
        (
            {"step_weight": 50, "mirror": True},
            [
                "Advance frontend.test canary weight 0",
                "Advance frontend.test canary weight 50",
                "Advance frontend.test canary weight 100",
            ],
        ),
        (
            {"iterations": 2, "match": INSIDER},
            ["Advance frontend.test canary iteration 1/2", "Advance frontend.test canary iteration 2/2"],
        ),
        ({"iterations": 1}, ["Advance frontend.test canary iteration 1/1", "Routing all traffic to canary"]),
        (
            {"iterations": 1, "mirror": True},
            ["Advance frontend.test canary iteration 1/1", "Stop traffic mirroring and route all traffic to canary"],
        ),
    ],
    ids=["weights", "A/B testing", "blue/green", "blue/green with copies"],
)
def test_every_step_is_said_in_flaggers_words(fields: dict[str, object], lines: list[str]) -> None:
    plan = _plan(**fields)
    assert [plan.announce(index) for index in range(len(plan.steps))] == lines


@pytest.mark.parametrize(
    ("fields", "rounds"),
    [
        ({"step_weight": 50}, [0, 0, 0]),
        ({"iterations": 2, "match": INSIDER}, [0, 1, 2]),
        ({"iterations": 2}, [0, 1, 2, 3]),
    ],
    ids=["weights", "A/B testing", "blue/green"],
)
def test_rounds_are_counted_as_in_flaggers_status(fields: dict[str, object], rounds: list[int]) -> None:
    plan = _plan(**fields)
    assert [plan.round_of(index) for index in range(-1, len(plan.steps))] == rounds


@pytest.mark.parametrize(
    ("fields", "shares"),
    [
        ({"step_weight": 50, "max_weight": 50}, (0,)),
        ({"step_weight": 50, "max_weight": 50, "step_weight_promotion": 20}, (30, 10, 0)),
        ({"iterations": 2, "match": INSIDER, "step_weight_promotion": 50}, (50, 0)),
        ({"iterations": 2, "step_weight_promotion": 40}, (60, 20, 0)),
    ],
    ids=["in one go", "in steps", "A/B testing", "blue/green"],
)
def test_the_way_home(fields: dict[str, object], shares: tuple[int, ...]) -> None:
    assert _plan(**fields).homeward == shares


@pytest.mark.parametrize(
    ("route", "told"),
    [
        (Route(25), "25 % canary, 75 % primary"),
        (Route(0, mirror=20), "0 % canary, 100 % primary, copies of 20 % for the canary"),
        (Route(100, matching=True), "100 % canary for those who match"),
    ],
)
def test_people_are_told_who_gets_what(route: Route, told: str) -> None:
    assert route.told == told


EDITS = {
    "the same weights": ({"step_weights": (10, 20, 30)}, 1, 20, 1),
    "a weight between two": ({"step_weights": (10, 20, 30)}, 1, 25, 1),
    "a weight below all": ({"step_weights": (10, 20, 30)}, 1, 5, -1),
    "a weight above all": ({"step_weights": (10, 20, 30)}, 1, 80, 2),
    "the same weight elsewhere": ({"step_weights": (5, 10, 15, 20)}, 0, 10, 1),
    "copies before the weights": ({"step_weights": (10, 20), "mirror": True}, 0, 10, 1),
    "no copies any more": ({"step_weights": (10, 20)}, 0, 0, -1),
    "the round of copies": ({"step_weights": (10, 20), "mirror": True}, 0, 0, 0),
    "the same rounds": ({"iterations": 5, "match": INSIDER}, 2, 100, 2),
    "fewer rounds than were made": ({"iterations": 2, "match": INSIDER}, 4, 100, 1),
    "rounds of blue/green": ({"iterations": 5}, 2, 0, 2),
    "fewer rounds of blue/green than were made": ({"iterations": 2}, 4, 0, 1),
    "more rounds after the switch": ({"iterations": 9}, 3, 100, 9),
    "before the first round": ({"iterations": 5}, -1, 0, -1),
}


@pytest.mark.parametrize(("fields", "step", "share", "nearest"), EDITS.values(), ids=EDITS.keys())
def test_an_edited_plan_goes_on_at_the_nearest_step_that_is_not_higher(
    fields: dict[str, object], step: int, share: int, nearest: int
) -> None:
    assert nearest_step(_plan(**fields), step, share) == nearest


equal_steps = st.builds(
    Analysis,
    interval=st.just(60.0),
    threshold=st.just(5),
    max_weight=st.integers(1, 100),
    step_weight=st.integers(1, 100),
    step_weight_promotion=st.integers(0, 100),
    mirror=st.booleans(),
)
free_steps = st.builds(
    Analysis,
    interval=st.just(60.0),
    threshold=st.just(5),
    step_weights=st.lists(st.integers(1, 100), min_size=1, max_size=20, unique=True).map(sorted).map(tuple),
    step_weight_promotion=st.integers(0, 100),
    match=st.sampled_from([(), INSIDER]),
)
rounds = st.builds(
    Analysis,
    interval=st.just(60.0),
    threshold=st.just(5),
    iterations=st.integers(1, 20),
    match=st.sampled_from([(), INSIDER]),
    mirror=st.booleans(),
    step_weight_promotion=st.integers(0, 100),
)
canaries: st.SearchStrategy[Canary] = st.builds(
    lambda analysis: replace(canary(), analysis=analysis), equal_steps | free_steps | rounds
)


@given(canaries)
def test_shares_never_fall_on_the_way_and_end_where_the_analysis_says(one: Canary) -> None:
    analysis = one.analysis
    shares = [step.route.canary for step in make_plan(one).steps]
    assert shares == sorted(shares)
    top = 100 if analysis.iterations else analysis.max_weight
    assert shares[-1] == (analysis.step_weights[-1] if analysis.step_weights else top)


@given(canaries)
def test_a_plan_is_either_for_all_users_or_for_some(one: Canary) -> None:
    assert {step.route.matching for step in make_plan(one).steps} == {bool(one.analysis.match)}


@given(canaries)
def test_the_way_home_falls_to_zero(one: Canary) -> None:
    plan = make_plan(one)
    falling = [plan.steps[-1].route.canary, *plan.homeward]
    assert all(share > other for share, other in pairwise(falling))
    assert falling[-1] == 0


@given(canaries, st.integers(-1, 30), st.integers(0, 100))
def test_the_nearest_step_never_raises_the_share_and_skips_nothing(one: Canary, step: int, share: int) -> None:
    plan = make_plan(one)
    nearest = nearest_step(plan, step, share)
    assert nearest == -1 or plan.steps[nearest].route.canary <= share
    skipped = plan.steps[step + 1 : nearest] if nearest > step else ()
    assert all(other.route.canary < share for other in skipped)
