"""The verdict on the demo's endings: only the right ones pass, and each wrong one is named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from infra.local.callers import Counts, SideCounts
from infra.local.errors import DemoError
from infra.local.judgement import (
    demand,
    describe,
    promotion_problems,
    rollback_problems,
    settled,
    traffic_problems,
)
from infra.local.picture import Picture, Scene, Side

PRIMARY = Side("6.9.1", pods=2, ready=2, updated=2)
PROMOTED = Picture(Scene(2, 3, "", ""), phase="Succeeded", weight=0, primary=PRIMARY, canary=Side("6.9.1"))
ROLLED_BACK = replace(PROMOTED, phase="Failed", canary=Side("6.9.2"))
BEFORE = Counts(sent=1000, primary=SideCounts(950), canary=SideCounts(50, errors=25))
AFTER = replace(BEFORE, sent=1100, primary=SideCounts(1050))


def test_the_right_endings_have_no_problem() -> None:
    assert promotion_problems(PROMOTED, "6.9.1") == ()
    assert rollback_problems(ROLLED_BACK, "6.9.1") == ()
    assert traffic_problems(BEFORE, AFTER) == ()
    demand("The promotion", ())


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (replace(PROMOTED, phase="Failed"), "the phase is Failed, not Succeeded"),
        (replace(PROMOTED, phase=""), "the phase is empty, not Succeeded"),
        (replace(PROMOTED, primary=replace(PRIMARY, version="6.9.0")), "the primary's image is 6.9.0, not 6.9.1"),
        (replace(PROMOTED, primary=replace(PRIMARY, updated=1)), "only 1 of 2 primary pods run it"),
        (replace(PROMOTED, primary=replace(PRIMARY, ready=1)), "only 1 of 2 primary pods are ready"),
        (replace(PROMOTED, weight=50), "the canary still gets 50 % of the traffic"),
        (replace(PROMOTED, weight=None), "the router has no clear route"),
        (replace(PROMOTED, lost=1), "lost requests: 1"),
    ],
)
def test_a_promotion_that_is_none_is_named(wrong: Picture, problem: str) -> None:
    assert promotion_problems(wrong, "6.9.1") == (problem,)


def test_a_rollback_is_one_only_with_the_good_version_at_the_primary() -> None:
    assert rollback_problems(PROMOTED, "6.9.1") == ("the phase is Succeeded, not Failed",)
    other = replace(ROLLED_BACK, primary=replace(PRIMARY, version="6.9.2"))
    assert rollback_problems(other, "6.9.1") == ("the primary's image is 6.9.2, not 6.9.1",)


def test_a_primary_without_pods_serves_nobody() -> None:
    problems = rollback_problems(replace(ROLLED_BACK, primary=Side("6.9.1")), "6.9.1")
    assert problems == ("only 0 of 0 primary pods run it", "only 0 of 0 primary pods are ready")


@pytest.mark.parametrize(
    ("after", "problem"),
    [
        (replace(AFTER, lost=2), "lost requests: 2"),
        (replace(AFTER, primary=SideCounts(1050, errors=3)), "requests that failed at the primary: 3"),
        (replace(AFTER, canary=SideCounts(54, errors=27)), "requests that reached the canary after the rollback: 4"),
        (replace(AFTER, canary=SideCounts(50, errors=0)), "no bad answer came from the canary"),
        (replace(AFTER, primary=BEFORE.primary), "no request reached the primary after the rollback"),
    ],
)
def test_requests_tell_whether_the_rollback_was_one(after: Counts, problem: str) -> None:
    assert traffic_problems(BEFORE, after) == (problem,)


def test_a_demo_in_which_nobody_met_the_canary_has_shown_nothing() -> None:
    untouched = Counts(sent=10, primary=SideCounts(10))
    problems = traffic_problems(untouched, replace(untouched, primary=SideCounts(20)))
    assert problems == ("no request ever reached the canary", "no bad answer came from the canary")


def test_all_problems_are_said_at_once() -> None:
    with pytest.raises(DemoError, match="The rollback did not end as it must: this; that"):
        demand("The rollback", ("this", "that"))


@pytest.mark.parametrize(
    ("picture", "still"),
    [
        (PROMOTED, True),
        (replace(PROMOTED, canary=Side("6.9.1", pods=1)), False),
        (replace(PROMOTED, primary=replace(PRIMARY, ready=1)), False),
        (replace(PROMOTED, primary=replace(PRIMARY, updated=1)), False),
        (replace(PROMOTED, primary=Side()), False),
    ],
)
def test_things_are_settled_when_the_canary_is_gone_and_the_primary_is_whole(picture: Picture, still: bool) -> None:
    assert settled(picture) is still


def test_where_things_stand_is_said_in_words() -> None:
    assert describe(Picture(Scene(1, 3, "", ""))) == (
        "not started without a route, with 0 of 0 primary pods ready (version none) and 0 of 0 canary pods"
    )
