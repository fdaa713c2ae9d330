"""Every strategy walked by the engine, from the first step to the end of the run, and what may happen on the way."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from shared.canary.model import Provider, SessionAffinity
from shared.checks.verdict import Verdict
from shared.engine import decide, look_for, what_to_ask
from shared.observed import Look
from shared.plan import HOME, Route
from shared.revision import revision_mark
from shared.rollout import Phase, Verb
from tests.support.samples import NEW, OLD, canary, command, result, rollout, seen, situation, workload

if TYPE_CHECKING:
    from shared.canary.model import Canary
    from shared.engine import Decision, Situation
    from shared.rollout import Rollout

INSIDER = ({"headers": {"x-user": {"exact": "insider"}}},)
ROUNDS: dict[str, object] = {"step_weight": 0, "iterations": 2}
STEPS: dict[str, object] = {"step_weight": 25, "max_weight": 50}
ADVANCE = "Advance frontend.test canary"
COPYING = "Copying frontend.test template spec to frontend-primary.test"
START = "Starting canary analysis for frontend.test"


def texts(decision: Decision) -> list[str]:
    return [line.text for line in decision.lines]


def starting(one: Canary) -> Situation:
    """A run whose canary is up and whose first step is next."""
    return situation(canary=one, rollout=rollout(weight=0, step=-1))


def later(moment: Situation, after: Rollout, **changes: object) -> Situation:
    """The situation an interval after what was decided in ``moment``."""
    then = replace(after, version=after.version + 1)
    return replace(moment, rollout=then, now=moment.now + timedelta(seconds=10), **changes)  # type: ignore[arg-type]


def walk(start: Situation, phase: Phase) -> list[tuple[Route, list[str]]]:
    """What the router shows and what is said after each tick, up to the one that enters ``phase``."""
    seen_so_far = []
    for _ in range(20):
        decision = decide(start)
        seen_so_far.append((decision.rollout.route, texts(decision)))
        if decision.rollout.phase is phase:
            return seen_so_far
        start = later(start, decision.rollout)
    raise AssertionError(f"no {phase} in {seen_so_far}")


def _all(share: int) -> Route:
    return Route(canary=share)


def _insiders(share: int) -> Route:
    return Route(canary=share, matching=True)


COPIES = Route(canary=0, mirror=100)
RUNS: dict[str, tuple[dict[str, object], list[tuple[Route, str]]]] = {
    "weights": (STEPS, [(_all(25), "weight 25"), (_all(50), "weight 50")]),
    "one round of copies, then weights": (
        {**STEPS, "mirror": True},
        [(COPIES, "weight 0"), (_all(25), "weight 25"), (_all(50), "weight 50")],
    ),
    "A/B testing": (
        {**ROUNDS, "match": INSIDER},
        [(_insiders(100), "iteration 1/2"), (_insiders(100), "iteration 2/2")],
    ),
    "weights among some users": (
        {**STEPS, "match": INSIDER},
        [(_insiders(25), "weight 25"), (_insiders(50), "weight 50")],
    ),
    "blue/green": (ROUNDS, [(HOME, "iteration 1/2"), (HOME, "iteration 2/2"), (_all(100), "")]),
    "blue/green with copies": (
        {**ROUNDS, "mirror": True},
        [(COPIES, "iteration 1/2"), (COPIES, "iteration 2/2"), (_all(100), "")],
    ),
}


@pytest.mark.parametrize(("analysis", "steps"), RUNS.values(), ids=RUNS.keys())
def test_a_run_makes_every_step_of_its_strategy_and_is_promoted(
    analysis: dict[str, object], steps: list[tuple[Route, str]]
) -> None:
    made = walk(starting(canary(**analysis)), Phase.PROMOTING)
    assert [route for route, _ in made] == [*(route for route, _ in steps), steps[-1][0]]
    assert made[0][1][0] == START
    assert made[-1][1] == [COPYING]
    said = [lines[-1] for _, lines in made[:-1]]
    assert [line for line in said if line.startswith(ADVANCE)] == [f"{ADVANCE} {step}" for _, step in steps if step]


def test_blue_green_says_that_everybody_is_switched() -> None:
    assert walk(starting(canary(**ROUNDS)), Phase.PROMOTING)[2][1] == ["Routing all traffic to canary"]
    mirrored = walk(starting(canary(**ROUNDS, mirror=True)), Phase.PROMOTING)[2][1]
    assert mirrored == ["Stop traffic mirroring and route all traffic to canary"]


def test_without_a_router_no_traffic_moves_from_the_first_round_to_the_end() -> None:
    bare = canary(provider=Provider.KUBERNETES, **ROUNDS)
    made = walk(starting(bare), Phase.PROMOTING)
    assert {route for route, _ in made} == {HOME}
    assert [lines[-1] for _, lines in made] == [f"{ADVANCE} iteration 1/2", f"{ADVANCE} iteration 2/2", COPYING]
    done = decide(situation(canary=bare, rollout=promoted(weight=0), seen=seen(carried=revision_mark(NEW))))
    assert (done.rollout.phase, done.rollout.route, texts(done)) == (Phase.FINALISING, HOME, [])


def promoted(**changes: object) -> Rollout:
    """The primary has taken over the new revision, and is ready."""
    return replace(rollout(phase=Phase.PROMOTING, promoted=NEW, step=1), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("share", [100, 60])
def test_insiders_come_home_in_steps_and_nobody_else_is_moved(share: int) -> None:
    one = canary(**ROUNDS, match=INSIDER, step_weight_promotion=40)
    moment = situation(canary=one, rollout=promoted(weight=share, matching=True))
    decision = decide(moment)
    assert decision.rollout.route == _insiders(share - 40)
    assert texts(decision) == [f"Advance frontend.test primary weight {140 - share}"]


def test_a_match_that_is_removed_on_the_way_home_shows_the_canary_to_nobody_new() -> None:
    one = canary(**ROUNDS, step_weight_promotion=40)
    decision = decide(situation(canary=one, rollout=promoted(weight=100, matching=True)))
    assert decision.rollout.route == _insiders(60)


def test_a_primary_that_never_gets_ready_leaves_all_users_at_the_canary_not_only_insiders() -> None:
    moment = situation(
        canary=canary(**ROUNDS, match=INSIDER, progress_deadline=1.0),
        rollout=promoted(weight=100, matching=True, waiting_since=situation().now - timedelta(seconds=5)),
        seen=seen(primary=workload("frontend-primary", ready=0)),
    )
    after = decide(moment).rollout
    assert (after.phase, after.route) == (Phase.FAILED, _all(100))


FAILED = (result(Verdict.FAIL),)
UNDER_WAY = {
    "weights": ({}, {"weight": 20, "step": 1, "strategy": "canary"}),
    "copies": ({"mirror": True}, {"weight": 0, "mirror": 100, "step": 0, "strategy": "canary"}),
    "A/B testing": (
        {**ROUNDS, "match": INSIDER},
        {"weight": 100, "matching": True, "step": 0, "strategy": "ab-testing"},
    ),
    "blue/green": (ROUNDS, {"weight": 0, "step": 1, "strategy": "blue-green"}),
    "after the switch": (ROUNDS, {"weight": 100, "step": 2, "strategy": "blue-green"}),
}


@pytest.mark.parametrize(("analysis", "state"), UNDER_WAY.values(), ids=UNDER_WAY.keys())
class TestAnyRunUnderWay:
    def test_every_step_is_checked_before_the_next(self, analysis: dict[str, object], state: dict[str, object]) -> None:
        assert what_to_ask(situation(canary=canary(**analysis), rollout=rollout(**state), results=())).metrics

    def test_a_failure_keeps_the_route_and_the_threshold_brings_everything_home(
        self, analysis: dict[str, object], state: dict[str, object]
    ) -> None:
        first = decide(situation(canary=canary(**analysis), rollout=rollout(**state), results=FAILED)).rollout
        assert (first.route, first.step, first.failed) == (rollout(**state).route, state["step"], 1)
        second = decide(situation(canary=canary(**analysis), rollout=first, results=FAILED, now=first.step_at)).rollout
        assert (second.phase, second.route, second.step) == (Phase.FAILED, HOME, -1)

    def test_abort_brings_everything_home_at_once(self, analysis: dict[str, object], state: dict[str, object]) -> None:
        asked = rollout(commands=(command(Verb.ABORT),), **state)
        after = decide(situation(canary=canary(**analysis), rollout=asked)).rollout
        assert (after.phase, after.route) == (Phase.FAILED, HOME)

    def test_a_new_revision_restarts_the_run_at_home(
        self, analysis: dict[str, object], state: dict[str, object]
    ) -> None:
        moved = seen(revision=replace(NEW, template="v1-newer"))
        after = decide(situation(canary=canary(**analysis), rollout=rollout(**state), seen=moved)).rollout
        assert (after.phase, after.route, after.step, after.runs) == (Phase.PROGRESSING, HOME, -1, 2)

    def test_nothing_reaches_a_canary_without_ready_pods(
        self, analysis: dict[str, object], state: dict[str, object]
    ) -> None:
        gone = seen(target=workload(ready=0))
        after = decide(situation(canary=canary(**analysis), rollout=rollout(**state), seen=gone)).rollout
        assert after.route == HOME

    def test_an_emergency_skips_the_rest_from_anywhere(
        self, analysis: dict[str, object], state: dict[str, object]
    ) -> None:
        skipping = canary(skip_analysis=True, **analysis)
        assert decide(situation(canary=skipping, rollout=rollout(**state))).rollout.phase is Phase.PROMOTING


SWITCHES = {
    "weights to blue/green": ({}, ROUNDS, {"weight": 20, "step": 1}),
    "weights to A/B testing": ({}, {**ROUNDS, "match": INSIDER}, {"weight": 20, "step": 1}),
    "weights to some users' weights": ({}, {"match": INSIDER}, {"weight": 20, "step": 1}),
    "A/B testing to weights": ({**ROUNDS, "match": INSIDER}, {}, {"weight": 100, "matching": True, "step": 1}),
    "A/B testing to blue/green": ({**ROUNDS, "match": INSIDER}, ROUNDS, {"weight": 100, "matching": True, "step": 1}),
    "blue/green to weights": (ROUNDS, {}, {"weight": 0, "step": 1}),
    "a finished blue/green to weights": (ROUNDS, {}, {"weight": 100, "step": 2}),
}


@pytest.mark.parametrize(("before", "after", "state"), SWITCHES.values(), ids=SWITCHES.keys())
def test_another_strategy_sends_traffic_home_and_starts_over(
    before: dict[str, object], after: dict[str, object], state: dict[str, object]
) -> None:
    old, new = (situation(canary=canary(**one), rollout=rollout(weight=0, step=-1)) for one in (before, after))
    strategies = [decide(one).rollout.strategy for one in (old, new)]
    running = rollout(strategy=strategies[0], failed=1, unknown=2, **state)
    assert not what_to_ask(replace(new, rollout=running)), "nobody is asked about a step that is given up"
    decision = decide(replace(new, rollout=running))
    assert texts(decision) == [
        f"Strategy changed from {strategies[0]} to {strategies[1]}! Restarting analysis for frontend.test"
    ]
    rest = decision.rollout
    assert (rest.phase, rest.route, rest.step, rest.runs) == (Phase.PROGRESSING, HOME, -1, 1)
    assert (rest.failed, rest.unknown) == (0, 0)
    assert texts(decide(later(new, rest)))[0] == START


def test_a_run_of_an_older_serin_is_no_switch() -> None:
    assert decide(situation(rollout=rollout(strategy=""))).rollout.weight == 20


@pytest.mark.parametrize(
    ("analysis", "state", "route"),
    [
        ({"step_weight": 0, "step_weights": (5, 25, 80), "max_weight": 80}, {"weight": 20, "step": 1}, _all(25)),
        ({"mirror": True}, {"weight": 20, "step": 1}, _all(30)),
        ({}, {"weight": 0, "mirror": 100, "step": 0}, _all(10)),
        ({**ROUNDS, "mirror": True, "mirror_weight": 5}, {"weight": 0, "step": 0}, Route(0, mirror=5)),
        ({"step_weight": 0, "iterations": 9}, {"weight": 0, "step": 1}, HOME),
        ({"step_weight": 0, "iterations": 3}, {"weight": 0, "step": 7}, _all(100)),
    ],
    ids=["other weights", "copies too late", "no copies any more", "copies from now on", "more rounds", "fewer rounds"],
)
def test_an_edit_goes_on_from_the_nearest_step_that_is_not_higher(
    analysis: dict[str, object], state: dict[str, object], route: Route
) -> None:
    assert decide(situation(canary=canary(**analysis), rollout=rollout(**state))).rollout.route == route


def test_fewer_rounds_than_were_made_are_enough() -> None:
    fewer = canary(step_weight=0, iterations=1, match=INSIDER)
    made = rollout(weight=100, matching=True, step=3, strategy="ab-testing")
    assert decide(situation(canary=fewer, rollout=made)).rollout.phase is Phase.PROMOTING


def test_a_users_cookie_lasts_the_run_and_is_known_until_the_next() -> None:
    sticky = canary(session_affinity=SessionAffinity("side"), **STEPS)
    first = decide(starting(sticky)).rollout
    assert first.cookie.startswith("side=")
    second = decide(later(starting(sticky), first)).rollout
    assert second.cookie == first.cookie
    failed = decide(situation(canary=sticky, rollout=replace(second, failed=1), results=FAILED, now=second.step_at))
    assert failed.rollout.route == Route(0, cookie=first.cookie)
    again = decide(starting(sticky)).rollout
    assert again.cookie == first.cookie
    another = replace(starting(sticky).rollout, runs=2, cookie=first.cookie)
    assert decide(replace(starting(sticky), rollout=another)).rollout.cookie != first.cookie


def test_a_run_looks_at_its_configs_before_the_last_step_is_left() -> None:
    rounds = canary(**ROUNDS)
    looks = [Look.CONFIGS in look_for(rounds, rollout(step=step, promoted=OLD)) for step in range(3)]
    assert looks == [False, False, True]
