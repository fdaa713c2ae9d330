"""Session cookies: what they are made of, and who is recognised by one."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from shared.canary.model import SessionAffinity
from shared.cookies import give, known_cookie, pattern, primary_cookie, shown_cookies, with_cookie
from shared.plan import HOME, Route
from tests.support.samples import canary, rollout

if TYPE_CHECKING:
    from shared.rollout import Rollout

AFFINITY = SessionAffinity("side")


def before_steps(run: int) -> Rollout:
    """A run that has not sent anybody to the canary yet."""
    return rollout(weight=0, step=-1, runs=run, cookie="side=of-an-earlier-run")


def test_a_run_has_one_cookie_at_every_weight_and_no_other_run_has_it() -> None:
    sticky = canary(session_affinity=AFFINITY)
    cookies = [with_cookie(Route(weight), sticky, before_steps(run)).cookie for run in (1, 2) for weight in (10, 20)]
    assert cookies[0] == cookies[1] != cookies[2] == cookies[3]
    assert with_cookie(Route(10), replace(sticky, uid="another"), before_steps(1)).cookie not in cookies
    assert re.fullmatch(r"side=[0-9a-f]{10}", cookies[0])


def test_a_cookie_that_users_have_is_kept_while_the_canary_has_traffic() -> None:
    running = rollout(weight=10, cookie="side=from-flagger")
    assert with_cookie(Route(20), canary(session_affinity=AFFINITY), running).cookie == "side=from-flagger"
    renamed = canary(session_affinity=SessionAffinity("other"))
    assert with_cookie(Route(20), renamed, running).cookie.startswith("other=")


@pytest.mark.parametrize(
    ("route", "analysis"),
    [
        (HOME, {"session_affinity": AFFINITY}),
        (Route(0, mirror=100), {"session_affinity": AFFINITY}),
        (Route(100, matching=True), {"session_affinity": AFFINITY}),
        (Route(100), {"session_affinity": AFFINITY, "iterations": 5}),
        (Route(50), {}),
    ],
    ids=["home", "copies", "A/B testing", "blue/green", "not wanted"],
)
def test_nobody_is_given_a_cookie_where_nobody_is_drawn(route: Route, analysis: dict[str, object]) -> None:
    assert with_cookie(route, canary(**analysis), before_steps(1)) == route


def test_everything_about_a_cookie_is_given() -> None:
    every = SessionAffinity("side", "", 600, "example.com", True, True, "/app", "None", True)
    given = "side=x; Max-Age=600; Domain=example.com; HttpOnly; Partitioned; Path=/app; SameSite=None; Secure"
    assert give(every, "side=x", every.max_age) == given
    assert give(AFFINITY, "side=x", -1) == "side=x; Max-Age=-1"


@pytest.mark.parametrize(
    ("header", "holds"),
    [
        ("a.b=x1", True),
        ("first=1; a.b=x1", True),
        ("a.b=x1; last=1", True),
        ("first=1;a.b=x1;last=1", True),
        ("a.b=x12", False),
        ("za.b=x1", False),
        ("acb=x1", False),
        ("a.b=other; x1", False),
        ("", False),
    ],
)
def test_only_whole_cookies_are_recognised(header: str, holds: bool) -> None:
    assert bool(re.fullmatch(pattern("a.b=x1"), header)) == holds


def test_the_status_shows_the_cookie_in_use_or_the_one_that_is_taken_back() -> None:
    both = replace(AFFINITY, primary_cookie_name="main")
    using = Route(20, cookie="side=x")
    assert shown_cookies(both, using) == {
        "sessionAffinityCookie": "side=x",
        "primarySessionAffinityCookie": primary_cookie(both, using),
        "previousSessionAffinityCookie": "",
    }
    assert shown_cookies(both, Route(0, cookie="side=x")) == {
        "sessionAffinityCookie": "",
        "primarySessionAffinityCookie": "",
        "previousSessionAffinityCookie": "side=x",
    }
    assert "primarySessionAffinityCookie" not in shown_cookies(AFFINITY, using)


@pytest.mark.parametrize(
    ("status", "cookie"),
    [
        ({"sessionAffinityCookie": "a=1", "previousSessionAffinityCookie": "a=0"}, "a=1"),
        ({"sessionAffinityCookie": "", "previousSessionAffinityCookie": "a=0"}, "a=0"),
        ({"phase": "Succeeded"}, ""),
    ],
)
def test_a_cookie_is_known_again_from_a_status(status: dict[str, str], cookie: str) -> None:
    assert known_cookie(status) == cookie
