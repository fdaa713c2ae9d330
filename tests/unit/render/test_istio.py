"""The Istio objects: golden VirtualServices, and reading live ones."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.canary.model import Metadata, Service
from shared.plan import Route
from shared.render.istio import destination_rules, live_version, same_routing, virtual_service
from shared.render.istio_live import live_route
from tests.unit.render.samples import OWNED, V1ALPHA3, V1BETA1, canary

if TYPE_CHECKING:
    from shared.json_types import JsonObject

GATEWAY = "public-gateway.istio-system.svc.cluster.local"
PORT = {"port": {"number": 9898}}
REGEX = {"headers": {"cookie": {"regex": "^(.*?;)?(type=insider)(;.*)?$"}}}


def _to(primary: int, canary_weight: int, port: JsonObject | None = None, name: str = "podinfo") -> list[JsonObject]:
    return [
        {"destination": {"host": f"{name}-primary", **(port or {})}, "weight": primary},
        {"destination": {"host": f"{name}-canary", **(port or {})}, "weight": canary_weight},
    ]


GOLDEN = {
    "defaults": (
        V1BETA1,
        Service("podinfo", 9898),
        {"hosts": ["podinfo"], "gateways": ["mesh"], "http": [{"route": _to(70, 30)}]},
    ),
    "another apex name": (
        V1BETA1,
        Service("backend", 9898),
        {"hosts": ["backend"], "gateways": ["mesh"], "http": [{"route": _to(70, 30, name="backend")}]},
    ),
    "behind a gateway": (
        V1BETA1,
        Service("podinfo", 9898, gateways=(GATEWAY,), hosts=("app.example.com",)),
        {"hosts": ["app.example.com", "podinfo"], "gateways": [GATEWAY], "http": [{"route": _to(70, 30)}]},
    ),
    "gateway and mesh, apex among the hosts": (
        V1BETA1,
        Service("podinfo", 9898, gateways=(GATEWAY, "mesh"), hosts=("podinfo", "app.example.com")),
        {"hosts": ["podinfo", "app.example.com"], "gateways": [GATEWAY, "mesh"], "http": [{"route": _to(70, 30)}]},
    ),
    "every host": (
        V1BETA1,
        Service("podinfo", 9898, gateways=(GATEWAY,), hosts=("*",)),
        {"hosts": ["*"], "gateways": [GATEWAY], "http": [{"route": _to(70, 30)}]},
    ),
    "port discovery behind a gateway": (
        V1BETA1,
        Service("podinfo", 9898, gateways=(GATEWAY,), port_discovery=True),
        {"hosts": ["podinfo"], "gateways": [GATEWAY], "http": [{"route": _to(70, 30, PORT)}]},
    ),
    "port discovery in the mesh": (
        V1BETA1,
        Service("podinfo", 9898, gateways=("mesh", GATEWAY), port_discovery=True),
        {"hosts": ["podinfo"], "gateways": ["mesh", GATEWAY], "http": [{"route": _to(70, 30)}]},
    ),
    "delegation": (V1BETA1, Service("podinfo", 9898, delegation=True), {"http": [{"route": _to(70, 30)}]}),
    "delegation with port discovery": (
        V1BETA1,
        Service("podinfo", 9898, delegation=True, port_discovery=True),
        {"http": [{"route": _to(70, 30, PORT)}]},
    ),
    "everything that Istio has": (
        V1BETA1,
        Service(
            "podinfo",
            9898,
            match=({"uri": {"prefix": "/"}}, REGEX),
            rewrite={"uri": "/v2", "authority": "podinfo", "type": "ReplacePrefixMatch"},
            timeout="15s",
            retries={"attempts": 3, "perTryTimeout": "1s", "retryOn": "gateway-error"},
            headers={"request": {"add": {"x-envoy-upstream-rq-timeout-ms": "15000"}}},
            cors_policy={"allowOrigins": [{"exact": "example.com"}], "maxAge": "24h"},
        ),
        {
            "hosts": ["podinfo"],
            "gateways": ["mesh"],
            "http": [
                {
                    "match": [{"uri": {"prefix": "/"}}, REGEX],
                    "rewrite": {"uri": "/v2", "authority": "podinfo"},
                    "timeout": "15s",
                    "retries": {"attempts": 3, "perTryTimeout": "1s", "retryOn": "gateway-error"},
                    "headers": {"request": {"add": {"x-envoy-upstream-rq-timeout-ms": "15000"}}},
                    "corsPolicy": {"allowOrigins": [{"exact": "example.com"}], "maxAge": "24h"},
                    "route": _to(70, 30),
                }
            ],
        },
    ),
    "tcp": (
        V1BETA1,
        Service("podinfo", 9898, app_protocol="TCP", timeout="15s"),
        {"hosts": ["podinfo"], "gateways": ["mesh"], "tcp": [{"route": _to(70, 30)}]},
    ),
    "tcp on certain ports": (
        V1BETA1,
        Service("podinfo", 9898, app_protocol="tcp", match=({"port": 9898}, {"port": 9999, "gateways": ["mesh"]})),
        {
            "hosts": ["podinfo"],
            "gateways": ["mesh"],
            "tcp": [{"match": [{"port": 9898}, {"port": 9999}], "route": _to(70, 30)}],
        },
    ),
    "tcp on any port": (
        V1BETA1,
        Service("podinfo", 9898, app_protocol="tcp", match=({"port": 9898}, {"gateways": ["mesh"]})),
        {"hosts": ["podinfo"], "gateways": ["mesh"], "tcp": [{"route": _to(70, 30)}]},
    ),
    "as Flagger 0.6 made it": (
        V1ALPHA3,
        Service("podinfo", 9898, gateways=(GATEWAY,), hosts=("app.example.com",), rewrite={"uri": "/"}),
        {
            "hosts": ["app.example.com", "podinfo"],
            "gateways": [GATEWAY, "mesh"],
            "http": [{"route": _to(70, 30, PORT), "rewrite": {"uri": "/"}}],
        },
    ),
    "as Flagger 0.6 made it, without its duplicates": (
        V1ALPHA3,
        Service("podinfo", 9898, gateways=("mesh",), hosts=("podinfo",)),
        {"hosts": ["podinfo"], "gateways": ["mesh"], "http": [{"route": _to(70, 30, PORT)}]},
    ),
}


@pytest.mark.parametrize(("api_version", "service", "spec"), GOLDEN.values(), ids=GOLDEN.keys())
def test_virtual_service(api_version: str, service: Service, spec: JsonObject) -> None:
    made = virtual_service(canary(service, api_version), Route(canary=30), 12)
    assert made["spec"] == spec
    assert (made["apiVersion"], made["kind"]) == ("networking.istio.io/v1beta1", "VirtualService")
    assert made["metadata"]["name"] == service.name


def test_metadata_carries_the_fence_and_what_the_canary_wants_on_the_apex() -> None:
    apex = Metadata(labels={"team": "a"}, annotations={"note": "n", "serin.dev/version": "99"})
    made = virtual_service(canary(Service("podinfo", 9898, apex=apex)), Route(canary=0), 12)
    assert made["metadata"] == {
        "name": "podinfo",
        "namespace": "test",
        "labels": {"team": "a"},
        "annotations": {"note": "n", "serin.dev/version": "12", **OWNED},
    }
    assert live_version(made) == 12


@pytest.mark.parametrize("text", ["", "x", "-3", "1.5", "²"])
def test_a_version_that_serin_did_not_write_fences_nothing(text: str) -> None:
    assert live_version({"metadata": {"annotations": {"serin.dev/version": text}}}) == 0
    assert live_version({"metadata": {}}) == 0


def test_destination_rules_carry_the_traffic_policy_for_both_sides() -> None:
    policy = {"tls": {"mode": "ISTIO_MUTUAL"}}
    rules = destination_rules(canary(Service("backend", 80, traffic_policy=policy)))
    assert [rule["metadata"]["name"] for rule in rules] == ["backend-canary", "backend-primary"]
    assert rules[1] == {
        "apiVersion": "networking.istio.io/v1beta1",
        "kind": "DestinationRule",
        "metadata": {"name": "backend-primary", "namespace": "test", "annotations": OWNED},
        "spec": {"host": "backend-primary", "trafficPolicy": policy},
    }
    assert [rule["spec"] for rule in destination_rules(canary())] == [
        {"host": "podinfo-canary"},
        {"host": "podinfo-primary"},
    ]


def _http(*routes: list[JsonObject]) -> JsonObject:
    return {"spec": {"http": [{"route": list(route)} for route in routes]}}


@pytest.mark.parametrize(
    ("live", "share"),
    [
        (_http(_to(70, 30)), 30),
        ({"spec": {"tcp": [{"route": _to(0, 100)}]}}, 100),
        (_http(_to(100, 0)[:1]), 0),
        (_http([{"destination": {"host": "podinfo-primary"}}]), 0),
        (_http([{"destination": {"host": "podinfo-canary"}}]), 100),
        (
            _http(
                [
                    {"destination": {"host": "podinfo-primary"}, "weight": 100},
                    {"destination": {"host": "podinfo-canary"}},
                ]
            ),
            0,
        ),
        (_http([{"destination": {"host": "legacy"}, "weight": 100}], _to(60, 40)), 40),
        (_http(_to(60, 40), _to(60, 40)), 40),
        (_http(_to(60, 40), _to(100, 0)), None),
        (_http(_to(60, 30)), None),
        (_http(_to(0, 0)), None),
        (_http(_to(-20, 120)), None),
        (_http([*_to(50, 30), {"destination": {"host": "legacy"}, "weight": 20}]), None),
        (_http([{"destination": {"host": "podinfo"}, "weight": 100}]), None),
        (_http(), None),
        ({"spec": {"hosts": ["podinfo"]}}, None),
    ],
)
def test_a_live_route_is_read_only_if_it_is_clear(live: JsonObject, share: int | None) -> None:
    route = live_route(live, canary())
    assert route == (None if share is None else Route(canary=share))


SERVICES = st.builds(
    Service,
    st.sampled_from(["podinfo", "backend"]),
    st.just(9898),
    port_discovery=st.booleans(),
    app_protocol=st.sampled_from([None, "tcp", "http"]),
    gateways=st.sampled_from([(), ("mesh",), (GATEWAY,)]),
    hosts=st.sampled_from([(), ("*",), ("app.example.com",)]),
    delegation=st.booleans(),
    match=st.sampled_from([(), (REGEX,)]),
)


@given(SERVICES, st.sampled_from([V1ALPHA3, V1BETA1]), st.integers(0, 100), st.integers(0, 2**40))
def test_what_is_written_is_read_back(service: Service, api_version: str, weight: int, version: int) -> None:
    owner, route = canary(service, api_version), Route(canary=weight)
    made = virtual_service(owner, route, version)
    assert live_route(made, owner) == route
    assert live_version(made) == version
    assert same_routing(made, virtual_service(owner, route, version + 1))


def _edited(**spec: Any) -> JsonObject:
    live: dict[str, Any] = deepcopy(virtual_service(canary(), Route(canary=30), 7))
    live["spec"].update(spec)
    return live


@pytest.mark.parametrize(
    "live",
    [
        _edited(http=[{"route": _to(60, 40)}]),
        _edited(http=[{"route": list(reversed(_to(70, 30)))}]),
        _edited(http=[{"route": _to(70, 30)}, {"route": _to(70, 30)}]),
        _edited(http=[{"route": _to(70, 30), "timeout": "1s"}]),
        _edited(http=[{"route": _to(70, 30, PORT)}]),
        _edited(http=[{"route": _to(70, 30)[:1]}]),
        _edited(hosts=["podinfo", "evil.example.com"]),
        _edited(gateways=[GATEWAY]),
        _edited(tcp=[{"route": _to(70, 30)}]),
        _edited(http=None),
    ],
)
def test_any_drift_of_the_routing_is_seen(live: JsonObject) -> None:
    assert not same_routing(virtual_service(canary(), Route(canary=30), 7), live)


def test_what_others_added_is_no_drift() -> None:
    live = _edited(exportTo=["."], tcp=None)
    live["metadata"]["labels"] = {"team": "a"}
    live["spec"]["http"][0]["route"][0]["weight"] = 70.0
    assert same_routing(virtual_service(canary(), Route(canary=30), 8), live)


def test_rendering_shares_nothing_with_the_canary() -> None:
    service = Service(
        "podinfo", 9898, match=({"uri": {"prefix": "/"}},), retries={"attempts": 3}, traffic_policy={"a": {}}
    )
    before = deepcopy(service)
    http = virtual_service(canary(service), Route(canary=0), 1)["spec"]["http"][0]
    http["match"][0]["uri"]["prefix"] = http["retries"]["attempts"] = "changed"
    destination_rules(canary(service))[0]["spec"]["trafficPolicy"]["a"]["b"] = "changed"
    assert service == before
