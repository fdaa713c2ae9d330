"""The HTTPRoute of a Canary: what it says for each field and each route, and what a live one tells."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.canary.model import Analysis, Canary, Metadata, Provider, Service, SessionAffinity
from shared.plan import Route
from shared.render.differences import up_to_date
from shared.render.original import keep_original, original_router
from shared.render.overlay import overlay
from shared.render.router import ROUTERS, router_of
from tests.unit.render.samples import OWNED
from tests.unit.render.samples import canary as istio_canary

if TYPE_CHECKING:
    from shared.json_types import Json, JsonObject

PUBLIC = {"name": "public", "namespace": "gateways"}
INSIDER = {"headers": {"x-user": {"exact": "insider"}}}
TESTER = {"headers": {"Cookie": {"regex": "^(.*;)?(t=1)(;.*)?$"}}, "queryParams": {"b": {"exact": "2"}}}
PATH = {"uri": {"prefix": "/shop"}, "method": {"exact": "GET"}}
TENANT = {"headers": {"x-tenant": {"regex": "a|b"}}, "uri": {"exact": "/"}}
AFFINITY = SessionAffinity(cookie_name="side", max_age=60)
BOTH = replace(AFFINITY, primary_cookie_name="home")
EVERYTHING = [{"path": {"type": "PathPrefix", "value": "/"}}]
ROUTER = ROUTERS[Provider.GATEWAY_API_V1]


def canary(provider: Provider = Provider.GATEWAY_API_V1, *, service: Json | None = None, **analysis: Any) -> Canary:
    made = istio_canary(Service("podinfo", 9898, gateway_refs=(PUBLIC,), **(service or {})))
    return replace(made, provider=provider, analysis=replace(Analysis(interval=60, threshold=5), **analysis))


def shown(one: Canary, route: Route, version: int = 3) -> JsonObject:
    router = router_of(one)
    assert router is not None
    return router.show(one, route, version)


def rules(one: Canary, route: Route) -> list[JsonObject]:
    found: list[JsonObject] = shown(one, route)["spec"]["rules"]
    return found


def backends(rule: Json) -> dict[str, int]:
    return {backend["name"]: backend["weight"] for backend in rule["backendRefs"]}


def cookies(rule: Json) -> list[str]:
    """The cookie that each backend's answers give; empty for none."""
    filters = [backend.get("filters", []) for backend in rule["backendRefs"]]
    added = [found[0]["responseHeaderModifier"]["add"][0] if found else {} for found in filters]
    assert {header["name"] for header in added if header} <= {"Set-Cookie"}
    return [header.get("value", "") for header in added]


@pytest.mark.parametrize(
    ("provider", "api_version"),
    [
        ("gatewayapi", "gateway.networking.k8s.io/v1"),
        ("gatewayapi:v1", "gateway.networking.k8s.io/v1"),
        ("gatewayapi:v1beta1", "gateway.networking.k8s.io/v1beta1"),
    ],
)
def test_an_http_route_with_every_default_written_out(provider: str, api_version: str) -> None:
    apex = Metadata({"team": "a"}, {"note": "n"})
    made = shown(canary(Provider(provider), service={"apex": apex, "hosts": ("shop.example.com",)}), Route(30), 12)
    side = {"group": "", "kind": "Service", "port": 9898}
    assert made == {
        "apiVersion": api_version,
        "kind": "HTTPRoute",
        "metadata": {
            "name": "podinfo",
            "namespace": "test",
            "labels": {"team": "a"},
            "annotations": {"note": "n", "serin.dev/version": "12", **OWNED},
        },
        "spec": {
            "parentRefs": [{"group": "gateway.networking.k8s.io", "kind": "Gateway", **PUBLIC}],
            "hostnames": ["shop.example.com"],
            "rules": [
                {
                    "matches": EVERYTHING,
                    "backendRefs": [
                        {**side, "name": "podinfo-primary", "weight": 70},
                        {**side, "name": "podinfo-canary", "weight": 30},
                    ],
                }
            ],
        },
    }


def test_a_parent_may_be_something_else_than_a_gateway() -> None:
    mesh = {"group": "", "kind": "Service", "name": "podinfo", "port": 9898}
    one = replace(canary(), service=Service("podinfo", 9898, gateway_refs=(PUBLIC, mesh)))
    assert shown(one, Route(0))["spec"]["parentRefs"][1] == mesh


MODIFIED = {
    "type": "RequestHeaderModifier",
    "requestHeaderModifier": {
        "set": [{"name": "a", "value": "1"}, {"name": "z", "value": "2"}],
        "add": [{"name": "b", "value": "3"}],
        "remove": ["c"],
    },
}
SHADOW = {
    "type": "RequestMirror",
    "requestMirror": {"backendRef": {"group": "", "kind": "Service", "name": "shadow", "port": 80}},
}
PART_SHADOW = {**SHADOW, "requestMirror": {**SHADOW["requestMirror"], "percent": 5}}  # type: ignore[dict-item]  # a sample
REHOSTED = {"type": "URLRewrite", "urlRewrite": {"hostname": "a.example"}}


@pytest.mark.parametrize(
    ("service", "field", "expected"),
    [
        (
            {"headers": {"request": {"set": {"z": "2", "a": "1"}, "add": {"b": "3"}, "remove": ["c"]}, "response": {}}},
            "filters",
            [MODIFIED],
        ),
        (
            {"headers": {"response": {"remove": ["server"]}}},
            "filters",
            [{"type": "ResponseHeaderModifier", "responseHeaderModifier": {"remove": ["server"]}}],
        ),
        (
            {"rewrite": {"uri": "/v2", "authority": "api.example.com"}},
            "filters",
            [
                {
                    "type": "URLRewrite",
                    "urlRewrite": {
                        "hostname": "api.example.com",
                        "path": {"type": "ReplaceFullPath", "replaceFullPath": "/v2"},
                    },
                }
            ],
        ),
        (
            {"rewrite": {"uri": "/", "type": "ReplacePrefixMatch"}},
            "filters",
            [{"type": "URLRewrite", "urlRewrite": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}}}],
        ),
        ({"rewrite": {}}, "filters", None),
        ({"rewrite": {"authority": "a.example"}}, "filters", [REHOSTED]),
        ({"mirror": ({"backendRef": {"name": "shadow", "port": 80}},)}, "filters", [SHADOW]),
        ({"mirror": ({"backendRef": {"name": "shadow", "port": 80}, "percent": 5},)}, "filters", [PART_SHADOW]),
        ({"timeout": "15s"}, "timeouts", {"request": "15s"}),
        ({"timeout": "15s", "backend_timeout": "2s"}, "timeouts", {"request": "15s", "backendRequest": "2s"}),
        (
            {"match": (PATH, TENANT)},
            "matches",
            [
                {"path": {"type": "PathPrefix", "value": "/shop"}, "method": "GET"},
                {
                    "path": {"type": "Exact", "value": "/"},
                    "headers": [{"type": "RegularExpression", "name": "x-tenant", "value": "a|b"}],
                },
            ],
        ),
        (
            {"match": ({"uri": {"regex": "/a.*"}},)},
            "matches",
            [{"path": {"type": "RegularExpression", "value": "/a.*"}}],
        ),
        (
            {"match": ({"queryParams": {"q": {"exact": "1"}}, "headers": {}, "name": "n"},)},
            "matches",
            [{**EVERYTHING[0], "queryParams": [{"type": "Exact", "name": "q", "value": "1"}]}],
        ),
    ],
)
def test_each_field_of_the_service_is_in_every_rule(service: Json, field: str, expected: object) -> None:
    for route in (Route(0), Route(30)):
        assert [rule.get(field) for rule in rules(canary(service=service), route)] == [expected]
    if field != "matches":
        one = canary(service=service, match=(INSIDER,))
        assert [rule.get(field) for rule in rules(one, Route(100, matching=True))] == [expected] * 2


def test_copies_come_after_the_permanent_mirrors() -> None:
    one = canary(service={"mirror": ({"backendRef": {"name": "shadow", "port": 80}},)})
    (rule,) = rules(one, Route(0, mirror=100))
    copied_to = [found["requestMirror"]["backendRef"] for found in rule["filters"]]
    service = {"group": "", "kind": "Service"}
    assert copied_to == [{**service, "name": "shadow", "port": 80}, {**service, "name": "podinfo-canary", "port": 9898}]
    assert backends(rule) == {"podinfo-primary": 100, "podinfo-canary": 0}


def test_an_ab_test_asks_for_what_the_service_asks_and_more() -> None:
    one = canary(service={"match": (PATH,)}, match=(INSIDER, TESTER))
    chosen, others = rules(one, Route(100, matching=True))
    path = {"path": {"type": "PathPrefix", "value": "/shop"}, "method": "GET"}
    assert chosen["matches"] == [
        {**path, "headers": [{"type": "Exact", "name": "x-user", "value": "insider"}]},
        {
            **path,
            "headers": [{"type": "RegularExpression", "name": "Cookie", "value": "^(.*;)?(t=1)(;.*)?$"}],
            "queryParams": [{"type": "Exact", "name": "b", "value": "2"}],
        },
    ]
    assert (others["matches"], backends(others)) == ([path], {"podinfo-primary": 100})
    assert backends(chosen) == {"podinfo-primary": 0, "podinfo-canary": 100}


def test_who_has_the_cookie_stays_and_who_is_drawn_gets_one() -> None:
    route = Route(25, cookie="side=x1")
    stuck, home, drawn = rules(canary(session_affinity=BOTH), route)
    (header,) = stuck["matches"][0]["headers"]
    assert (header["name"], header["value"]) == ("cookie", r"^(.*;)?\s*side=x1\s*(;.*)?$")
    assert not any("filters" in rule for rule in (stuck, home, drawn)), "no copies while requests are split"
    assert [backends(rule)["podinfo-canary"] for rule in (stuck, home, drawn)] == [100, 0, 25]
    assert cookies(stuck) == cookies(home) == ["", ""]
    primary, target = cookies(drawn)
    assert primary.startswith("home=")
    assert primary.endswith("Max-Age=60")
    assert target == "side=x1; Max-Age=60"


def test_a_cookie_is_taken_back_when_the_canary_gets_no_traffic() -> None:
    service = {"headers": {"response": {"set": {"a": "1"}}}}
    stuck, drawn = rules(canary(service=service, session_affinity=AFFINITY), Route(0, cookie="side=x1"))
    assert cookies(stuck) == ["side=x1; Max-Age=-1", ""]
    assert [one["type"] for one in stuck["filters"]] == ["ResponseHeaderModifier"], "a rule may have but one"
    assert cookies(drawn) == ["", ""]


shares = st.integers(0, 100)
routes = st.one_of(
    st.builds(Route, shares, cookie=st.sampled_from(["", "side=x1"])),
    st.builds(Route, shares, matching=st.just(True)),
    st.builds(Route, st.just(0), mirror=st.sampled_from([0, 100])),
)
canaries = st.builds(
    lambda service, match, affinity: canary(service={"match": service}, match=match, session_affinity=affinity),
    st.sampled_from([(), (PATH,), (PATH, TENANT)]),
    st.sampled_from([(INSIDER,), (INSIDER, TESTER)]),
    st.sampled_from([None, AFFINITY, BOTH]),
)


@given(canaries, routes)
def test_weights_of_every_rule_sum_to_a_hundred(one: Canary, route: Route) -> None:
    assert all(sum(backends(rule).values()) == 100 for rule in rules(one, route))


@given(canaries, routes)
def test_what_is_rendered_is_read_back(one: Canary, route: Route) -> None:
    expected = replace(route, cookie="", matching=route.matching and bool(route.canary))
    assert ROUTER.read(shown(one, route), one) == expected


@given(canaries, routes, routes)
def test_a_live_object_is_up_to_date_only_if_it_shows_the_route(one: Canary, route: Route, other: Route) -> None:
    live, wanted = shown(one, route, 3), shown(one, other, 4)
    assert up_to_date(live, wanted) == (live["spec"] == wanted["spec"])


def split(primary: int, target: int, **more: object) -> JsonObject:
    sides = {"podinfo-primary": primary, "podinfo-canary": target}
    return {"backendRefs": [{"name": name, "weight": weight} for name, weight in sides.items()], **more}


FLAGGERS = {"matches": [{"headers": [{"type": "RegularExpression", "name": "Cookie", "value": ".*side.*QwErTy.*"}]}]}


@pytest.mark.parametrize(
    ("live", "analysis", "expected"),
    [
        ([split(70, 30)], {}, Route(30)),
        ([split(70, 20)], {}, None),
        ([split(70, 30), split(60, 40)], {}, None),
        ([{"backendRefs": [{"name": "podinfo-canary"}]}], {}, Route(100)),
        ([{"backendRefs": [{"name": "podinfo-primary"}, {"name": "podinfo-canary"}]}], {}, None),
        ([{"backendRefs": [{"name": "podinfo", "weight": 1}]}], {}, None),
        ([split(0, 100), {"backendRefs": [{"name": "podinfo-primary", "weight": 100}]}], {}, None),
        (
            [split(0, 100), {"backendRefs": [{"name": "podinfo-primary", "weight": 100}]}],
            {"match": (INSIDER,)},
            Route(100, matching=True),
        ),
        ([split(0, 100, **FLAGGERS), split(75, 25)], {"session_affinity": AFFINITY}, Route(25)),
        ([split(100, 0), split(100, 0)], {"session_affinity": AFFINITY}, Route(0)),
        (
            [split(100, 0, filters=[{"requestMirror": {"backendRef": {"name": "podinfo-canary"}}}])],
            {},
            Route(0, mirror=100),
        ),
    ],
)
def test_a_live_route_is_read_or_not_believed(
    live: list[JsonObject], analysis: dict[str, Any], expected: Route | None
) -> None:
    assert ROUTER.read({"spec": {"rules": live}}, canary(**analysis)) == expected


def answered(*conditions: Json, parent: Json = PUBLIC) -> JsonObject:
    """The route at generation 4, and what the controller of one of its two parents says."""
    live = deepcopy(shown(replace(canary(), service=Service("podinfo", 1, gateway_refs=(PUBLIC,))), Route(0)))
    live["metadata"]["generation"] = 4
    live["status"] = {"parents": [{"parentRef": dict(parent), "conditions": list(conditions)}]}
    return live


def accepted(status: str = "True", generation: int = 4, **more: str) -> JsonObject:
    return {"type": "Accepted", "status": status, "observedGeneration": generation, **more}


@pytest.mark.parametrize(
    ("live", "expected"),
    [
        (answered(accepted()), ""),
        (answered({"type": "ResolvedRefs", "status": "False"}, accepted()), ""),
        (answered(accepted(generation=3)), "is not accepted by Gateway public yet"),
        (answered(), "is not accepted by Gateway public yet"),
        (answered(accepted(), parent={"name": "public"}), "is not accepted by Gateway public yet"),
        (answered(accepted(), parent={**PUBLIC, "sectionName": "http"}), "is not accepted by Gateway public yet"),
        (
            answered(accepted("False", reason="NoMatchingParent", message="no listener")),
            "is not accepted by Gateway public: NoMatchingParent no listener",
        ),
        (answered(accepted("False")), "is not accepted by Gateway public:"),
        (answered(accepted("False"), accepted()), ""),
    ],
)
def test_a_route_is_in_force_once_its_parents_accepted_it_as_it_is(live: Json, expected: str) -> None:
    assert ROUTER.pending(live) == expected


def test_every_parent_has_to_accept_a_route() -> None:
    live = answered(accepted())
    live["spec"]["parentRefs"].append({"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "second"})
    assert ROUTER.pending(live) == "is not accepted by Gateway second yet"
    live["spec"]["parentRefs"][1] = {"name": "third"}
    assert ROUTER.pending(live) == "is not accepted by Gateway third yet", "a Gateway is what parents are by default"


def test_a_parent_is_the_same_whether_its_namespace_is_written_out_or_not() -> None:
    live = answered(accepted(), parent={**PUBLIC, "namespace": "test"})
    live["spec"]["parentRefs"] = [{"name": "public"}]
    live["status"]["parents"][0]["parentRef"] = {"name": "public", "namespace": "test"}
    assert ROUTER.pending(live) == ""
    live["status"]["parents"][0]["parentRef"]["namespace"] = "elsewhere"
    assert ROUTER.pending(live) == "is not accepted by Gateway public yet"


def test_it_says_where_the_requests_of_every_rule_go() -> None:
    spec = {"rules": [{"backendRefs": [{"name": "a"}, {"name": "b"}]}, {}, {"backendRefs": [{"name": "c"}]}]}
    assert list(ROUTER.destinations(spec)) == ["a", "b", "c"]


def test_a_route_that_was_there_before_survives_the_takeover_and_the_way_back() -> None:
    spec = {"parentRefs": [PUBLIC], "hostnames": ["a.example.com"], "rules": [{"backendRefs": [{"name": "podinfo"}]}]}
    metadata = {"name": "podinfo", "namespace": "test", "resourceVersion": "7", "annotations": {"note": "n"}}
    before = {"apiVersion": ROUTER.api_version, "kind": "HTTPRoute", "metadata": metadata, "spec": spec}
    held = overlay(before, keep_original(shown(canary(), Route(0)), before))
    assert backends(held["spec"]["rules"][0])["podinfo-primary"] == 100
    assert original_router(held, canary(), ROUTER) == before
    assert original_router(shown(canary(), Route(0)), canary(), ROUTER) is None
