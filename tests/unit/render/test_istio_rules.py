"""The VirtualService of each strategy: golden rules, and what must hold for any of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.canary.model import Service, SessionAffinity
from shared.plan import HOME, Route
from shared.render.differences import up_to_date
from shared.render.istio import virtual_service
from shared.render.istio_live import live_route
from tests.unit.render.samples import canary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.canary.model import Canary
    from shared.json_types import Json, JsonObject

PATH: JsonObject = {"uri": {"prefix": "/api"}}
TENANT: JsonObject = {"headers": {"x-tenant": {"exact": "a"}}, "sourceLabels": {"app": "shop"}}
INSIDER: JsonObject = {"headers": {"cookie": {"regex": "^(.*?;)?(type=insider)(;.*)?$"}}}
TESTER: JsonObject = {"sourceLabels": {"app": "tester"}}
AFFINITY = SessionAffinity("side", max_age=600)
BOTH = replace(AFFINITY, primary_cookie_name="main", path="/app", secure=True)
HELD = r"(.*;)?\s*side=x1\s*(;.*)?"


def _to(primary: int, share: int) -> list[JsonObject]:
    return [
        {"destination": {"host": "podinfo-primary"}, "weight": primary},
        {"destination": {"host": "podinfo-canary"}, "weight": share},
    ]


def _giving(destination: JsonObject, cookie: str) -> JsonObject:
    return {**destination, "headers": {"response": {"add": {"Set-Cookie": cookie}}}}


def _holding(regex: str) -> list[JsonObject]:
    return [{"headers": {"cookie": {"regex": regex}}}]


def _canary(service: Service | None = None, **analysis: object) -> Canary:
    made = canary(service)
    return replace(made, analysis=replace(made.analysis, **analysis))  # type: ignore[arg-type]  # any of its fields


def rules(one: Canary, route: Route) -> Sequence[JsonObject]:
    made: Sequence[JsonObject] = virtual_service(one, route, 3)["spec"]["http"]
    return made


def test_only_those_who_match_are_shown_the_canary() -> None:
    assert rules(_canary(iterations=5, match=(INSIDER, TESTER)), Route(100, matching=True)) == [
        {"match": [INSIDER, TESTER], "route": _to(0, 100)},
        {"route": _to(100, 0)[:1]},
    ]


def test_a_match_is_combined_with_every_match_of_the_service() -> None:
    service = Service("podinfo", 9898, match=(PATH, TENANT), timeout="5s")
    first, last = rules(_canary(service, iterations=5, match=(INSIDER, TESTER)), Route(100, matching=True))
    assert first == {
        "match": [
            {**PATH, **INSIDER},
            {"headers": {**TENANT["headers"], **INSIDER["headers"]}, "sourceLabels": {"app": "shop"}},
            {**PATH, **TESTER},
            {"headers": TENANT["headers"], "sourceLabels": {"app": "tester"}},
        ],
        "timeout": "5s",
        "route": _to(0, 100),
    }
    assert last == {"match": [PATH, TENANT], "timeout": "5s", "route": _to(100, 0)[:1]}


def test_an_ab_test_at_rest_is_an_ordinary_route() -> None:
    assert rules(_canary(iterations=5, match=(INSIDER,)), HOME) == [{"route": _to(100, 0)}]


def test_users_whom_nobody_names_any_more_are_all_at_the_primary() -> None:
    assert rules(_canary(step_weight=10), Route(100, matching=True)) == [{"route": _to(100, 0)[:1]}]


def test_copies_go_to_the_canary_and_answers_come_from_the_primary() -> None:
    assert rules(_canary(mirror=True), Route(0, mirror=20)) == [
        {
            "route": _to(100, 0),
            "mirror": {"host": "podinfo-canary"},
            "mirrorPercentage": {"value": 20},
        }
    ]


def test_a_mirror_behind_a_gateway_names_its_port() -> None:
    service = Service("podinfo", 9898, gateways=("public/gateway",), port_discovery=True)
    (rule,) = rules(_canary(service, mirror=True), Route(0, mirror=100))
    assert rule["mirror"] == {"host": "podinfo-canary", "port": {"number": 9898}}


def test_a_user_of_the_canary_is_given_a_cookie_and_stays() -> None:
    primary, target = _to(70, 30)
    assert rules(_canary(session_affinity=AFFINITY), Route(30, cookie="side=x1")) == [
        {"name": "sticky-route", "match": _holding(HELD), "route": _to(0, 100)},
        {"route": [primary, _giving(target, "side=x1; Max-Age=600")]},
    ]


def test_a_user_of_the_primary_stays_for_one_interval() -> None:
    sticky, kept, drawn = rules(_canary(session_affinity=BOTH), Route(30, cookie="side=x1"))
    mine = drawn["route"][0]["headers"]["response"]["add"]["Set-Cookie"]
    name, _, attributes = mine.partition("; ")
    assert (sticky["name"], kept["name"]) == ("sticky-route", "sticky-route-primary")
    assert attributes == "Max-Age=60; Path=/app; Secure"
    assert kept["match"] == _holding(rf"(.*;)?\s*{name}\s*(;.*)?")
    assert kept["route"] == _to(100, 0)
    assert name.startswith("main=")


def test_a_new_weight_draws_the_primarys_users_anew() -> None:
    one = _canary(session_affinity=BOTH)
    matches = {
        str(rules(one, Route(weight, cookie=cookie))[1]["match"])
        for weight in (10, 20)
        for cookie in ("side=x1", "side=x2")
    }
    assert len(matches) == 4


def test_a_cookie_is_taken_back_once_the_canary_gets_nothing() -> None:
    primary, target = _to(100, 0)
    assert rules(_canary(session_affinity=BOTH), Route(0, cookie="side=x1")) == [
        {
            "name": "sticky-route",
            "match": _holding(HELD),
            "route": [_giving(primary, "side=x1; Max-Age=-1; Path=/app; Secure"), target],
        },
        {"route": [primary, target]},
    ]


def test_a_cookie_counts_only_where_the_service_matches() -> None:
    service = Service("podinfo", 9898, match=(PATH, TENANT), headers={"response": {"add": {"x-a": "b"}}})
    sticky, drawn = rules(_canary(service, session_affinity=AFFINITY), Route(30, cookie="side=x1"))
    holder = _holding(HELD)[0]
    assert sticky["match"] == [{**PATH, **holder}, {**TENANT, "headers": {**TENANT["headers"], **holder["headers"]}}]
    assert drawn["match"] == [PATH, TENANT]
    assert sticky["headers"] == drawn["headers"] == {"response": {"add": {"x-a": "b"}}}


def test_without_affinity_a_cookie_of_an_earlier_run_is_forgotten() -> None:
    assert rules(_canary(), Route(30, cookie="side=x1")) == [{"route": _to(70, 30)}]


def _live(*shown: Json) -> JsonObject:
    return {"spec": {"http": list(shown)}}


FLAGGERS = {
    "an A/B test under way": (
        _live({"match": [INSIDER], "route": _to(0, 100)}, {"route": _to(0, 0)[:1]}),
        Route(100, matching=True),
    ),
    "an A/B test at rest": (_live({"match": [INSIDER], "route": _to(100, 0)}, {"route": _to(100, 0)[:1]}), HOME),
    "an A/B test on its way home": (
        _live({"match": [INSIDER], "route": _to(60, 40)}, {"route": _to(60, 0)[:1]}),
        Route(40, matching=True),
    ),
    "copies": (
        _live({"route": _to(100, 0), "mirror": {"host": "podinfo-canary"}, "mirrorPercentage": {"value": 10.0}}),
        Route(0, mirror=10),
    ),
    "copies of everything": (_live({"route": _to(100, 0), "mirror": {"host": "podinfo-canary"}}), Route(0, mirror=100)),
    "copies for somebody else": (_live({"route": _to(100, 0), "mirror": {"host": "shadow"}}), HOME),
    "cookies": (
        _live({"name": "sticky-route", "match": _holding("x"), "route": _to(0, 100)}, {"route": _to(70, 30)}),
        Route(30),
    ),
    "rules of two minds": (
        _live({"route": _to(60, 40)}, {"match": [INSIDER], "route": _to(50, 50)}, {"route": _to(100, 0)}),
        None,
    ),
}


@pytest.mark.parametrize(("live", "route"), FLAGGERS.values(), ids=FLAGGERS.keys())
def test_what_flagger_left_is_read(live: JsonObject, route: Route | None) -> None:
    assert live_route(live, _canary(match=(INSIDER,))) == route


shares = st.integers(0, 100)
routes = st.one_of(
    st.builds(Route, shares, cookie=st.sampled_from(["", "side=x1"])),
    st.builds(Route, shares, matching=st.just(True)),
    st.builds(Route, st.just(0), mirror=shares),
)
canaries = st.builds(
    lambda service, match, affinity: _canary(service, match=match, session_affinity=affinity),
    st.builds(Service, st.just("podinfo"), st.just(9898), match=st.sampled_from([(), (PATH,), (PATH, TENANT)])),
    st.sampled_from([(INSIDER,), (INSIDER, TESTER)]),
    st.sampled_from([None, AFFINITY, BOTH]),
)


@given(canaries, routes)
def test_weights_of_every_rule_sum_to_a_hundred(one: Canary, route: Route) -> None:
    assert all(sum(entry["weight"] for entry in rule["route"]) == 100 for rule in rules(one, route))


@given(canaries, routes)
def test_what_is_rendered_is_read_back(one: Canary, route: Route) -> None:
    expected = replace(route, cookie="", matching=route.matching and bool(route.canary))
    assert live_route(virtual_service(one, route, 3), one) == expected


@given(canaries, routes, routes)
def test_a_live_object_is_up_to_date_only_if_it_shows_the_route(one: Canary, route: Route, other: Route) -> None:
    shown, wanted = virtual_service(one, route, 3), virtual_service(one, other, 4)
    assert up_to_date(shown, wanted) == (shown["spec"] == wanted["spec"])
