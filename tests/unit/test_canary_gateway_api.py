"""What a Canary of the Gateway API has to say, may not say, and says for nothing."""

from __future__ import annotations

import pytest

from shared.canary import parse_canary, warnings
from shared.canary.model import Provider
from shared.errors import InvalidCanary, Problem
from tests.support.manifests import good
from tests.support.paths import edit

SERVICE, MATCH = "spec.service", "spec.analysis.match"
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")
PREFIX_REWRITE = {"type": "ReplacePrefixMatch", "uri": "/"}
ROUTED = {"spec.provider": "gatewayapi:v1", f"{SERVICE}.gatewayRefs": [{"name": "public", "namespace": "gateways"}]}


def problems_of(changes: dict[str, object]) -> list[str]:
    try:
        parse_canary(edit(good("podinfo"), {**ROUTED, **changes}))
    except InvalidCanary as error:
        return [f"{problem.path} {problem.message}" for problem in error.problems]
    return []


@pytest.mark.parametrize("provider", ["gatewayapi", "gatewayapi:v1", "gatewayapi:v1beta1"])
def test_every_version_is_taken_with_all_that_an_http_route_can_say(provider: str) -> None:
    asked = {"headers": {"x": {"exact": "1"}}, "queryParams": {"q": {"regex": "a.*"}}, "method": {"exact": "GET"}}
    fields = {
        "spec.provider": provider,
        f"{SERVICE}.hosts": ["shop.example.com", "*.example.com"],
        f"{SERVICE}.match": [{"uri": {"prefix": "/shop"}, "name": "shop"}, {"uri": {"regex": ".*x"}}],
        f"{SERVICE}.timeout": "15s",
        f"{SERVICE}.backendTimeout": "500ms",
        f"{SERVICE}.mirror": [{"backendRef": {"name": "shadow", "port": 80}}],
        f"{SERVICE}.rewrite": {"uri": "/v2"},
        MATCH: [asked],
    }
    found = parse_canary(edit(good("podinfo"), {**ROUTED, **fields}))
    assert (found.provider, found.provider.is_gateway_api) == (provider, True)
    assert (found.has_router, found.has_mesh) == (True, False)
    assert found.service.gateway_refs == ({"name": "public", "namespace": "gateways"},)
    assert (found.service.timeout, found.service.backend_timeout) == ("15s", "500ms")
    assert found.service.mirror == ({"backendRef": {"name": "shadow", "port": 80}},)
    assert found.analysis.match == (asked,)


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        (
            f"{SERVICE}.gatewayRefs",
            [],
            "is required with provider gatewayapi: name the Gateway that routes the requests",
        ),
        (f"{SERVICE}.gatewayRefs", [{"namespace": "x"}], "[0].name is required"),
        (
            f"{SERVICE}.hosts",
            ["*"],
            "[0] cannot be * with the Gateway API: without hosts, a route is for all of its Gateway's",
        ),
        (
            MATCH,
            [{"sourceLabels": {"app": "x"}}],
            "[0].sourceLabels is not a condition of the Gateway API: it would let all requests in",
        ),
        (
            f"{SERVICE}.match",
            [{"withoutHeaders": {"x": {"exact": "1"}}}],
            "[0].withoutHeaders is not a condition of the Gateway API: it would let all requests in",
        ),
        (
            MATCH,
            [{"headers": {"x": {"prefix": "1"}}}],
            "[0].headers.x must have exact or regex with the Gateway API",
        ),
        (MATCH, [{"name": "all", "headers": {}}], "[0] is empty: say which requests the canary gets"),
        (MATCH, [{"headers": {"x": {}}}], "[0].headers.x must have exact or regex with the Gateway API"),
        (MATCH, [{"method": {"regex": "GET|PUT"}}], "[0].method must have exact with the Gateway API"),
        (
            MATCH,
            [{"method": {"exact": "Get"}}],
            f'[0].method.exact must be {" or ".join(METHODS)}, not "Get"',
        ),
        (
            f"{SERVICE}.match",
            [{"uri": {"prefix": "shop"}}],
            "[0].uri.prefix must start with / with the Gateway API",
        ),
        (
            f"{SERVICE}.timeout",
            "1.5s",
            'must be whole numbers with h, m, s or ms for the Gateway API, not "1.5s"',
        ),
        (f"{SERVICE}.mirror", [{}], "[0].backendRef is required"),
        (f"{SERVICE}.mirror", [{"backendRef": {"port": 1}}], "[0].backendRef.name is required"),
        (f"{SERVICE}.mirror", [{"backendRef": {"name": "shadow"}}], "[0].backendRef.port is required"),
        (
            f"{SERVICE}.appProtocol",
            "TCP",
            "cannot be tcp with the Gateway API: an HTTPRoute is for requests",
        ),
    ],
)
def test_what_an_http_route_cannot_say_is_refused(path: str, value: object, problem: str) -> None:
    expected = f"{path}{problem}" if problem.startswith("[") else f"{path} {problem}"
    assert problems_of({path: value}) == [expected]


def test_a_part_of_a_request_takes_no_longer_than_the_whole() -> None:
    assert problems_of({f"{SERVICE}.timeout": "2s", f"{SERVICE}.backendTimeout": "1m"}) == [
        f"{SERVICE}.backendTimeout must not be longer than timeout, which it is a part of"
    ]


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({}, False),
        ({f"{SERVICE}.match": [{"uri": {"prefix": "/a"}}]}, False),
        ({f"{SERVICE}.match": [{"uri": {"exact": "/a"}}]}, True),
        ({f"{SERVICE}.match": [{"uri": {"prefix": "/a"}}, {"uri": {"prefix": "/b"}}]}, True),
        ({MATCH: [{"headers": {"x": {"exact": "1"}}}, {"headers": {"x": {"exact": "2"}}}]}, True),
        ({f"{SERVICE}.rewrite": {"uri": "/"}, f"{SERVICE}.match": [{"uri": {"exact": "/a"}}]}, False),
    ],
)
def test_a_prefix_is_only_replaced_where_one_was_matched(changes: dict[str, object], refused: bool) -> None:
    found = problems_of({f"{SERVICE}.rewrite": PREFIX_REWRITE, **changes})
    assert [problem.partition(" ")[0] for problem in found] == [f"{SERVICE}.rewrite.type"] * refused


def test_what_an_http_route_has_nothing_for_is_told() -> None:
    idle = {
        f"{SERVICE}.gateways": ["mesh"],
        f"{SERVICE}.retries": {"attempts": 3},
        f"{SERVICE}.corsPolicy": {"maxAge": "1h"},
        f"{SERVICE}.trafficPolicy": {"tls": {"mode": "DISABLE"}},
        "spec.analysis.mirror": True,
        "spec.analysis.mirrorWeight": 10,
    }
    found = warnings(edit(good("podinfo"), {**ROUTED, **idle}))
    assert [problem.path for problem in found] == [path for path in idle if path != "spec.analysis.mirror"]
    assert all(problem.message.startswith("has no effect: ") for problem in found)


@pytest.mark.parametrize("provider", [Provider.ISTIO, Provider.KUBERNETES])
def test_what_only_an_http_route_has_is_told_elsewhere(provider: Provider) -> None:
    only = {
        f"{SERVICE}.gatewayRefs": [{"name": "public"}],
        f"{SERVICE}.backendTimeout": "2s",
        f"{SERVICE}.mirror": [{"backendRef": {"name": "shadow"}}],
    }
    found = warnings(edit(good("podinfo"), {"spec.provider": provider, **only}))
    told = Problem(f"{SERVICE}.gatewayRefs", "has no effect: it is for provider gatewayapi:v1")
    assert told in found
    assert {problem.path for problem in found} >= set(only)
