"""The Gateway API's HTTPRoute on an API server: everything that Serin renders is taken as it is, and its rules bite.

Rules in CEL bite on the real API server alone: the embedded one does not evaluate them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from shared.canary.model import Analysis, Metadata, Provider, Service, SessionAffinity
from shared.plan import Route
from shared.render.router import router_of
from tests.support.api import ApiError
from tests.support.gateways import ROUTES
from tests.support.paths import REMOVED, edit
from tests.unit.render.samples import canary

if TYPE_CHECKING:
    from shared.json_types import Json, JsonObject
    from tests.support.cluster import Cluster
    from tests.support.real_cluster import RealCluster

SERVICE = Service(
    "podinfo",
    9898,
    gateway_refs=({"name": "public", "namespace": "gateways", "sectionName": "https"}, {"name": "inner", "port": 80}),
    hosts=("shop.example.com", "*.shop.example.com"),
    match=(
        {"uri": {"prefix": "/shop"}, "method": {"exact": "GET"}, "queryParams": {"b": {"exact": "2"}}},
        {"uri": {"regex": "/[a-z]+"}, "headers": {"x-tenant": {"regex": "a|b"}}},
    ),
    rewrite={"uri": "/v2", "authority": "api.example.com"},
    timeout="15s",
    backend_timeout="5s",
    mirror=({"backendRef": {"name": "shadow", "port": 80}, "percent": 5},),
    headers={
        "request": {"set": {"z": "2", "a": "1"}, "add": {"b": "3"}, "remove": ["c"]},
        "response": {"add": {"x-side": "some"}},
    },
    apex=Metadata({"team": "a"}, {"note": "n"}),
)
COOKIES = SessionAffinity(cookie_name="side", primary_cookie_name="home", max_age=60, domain="example.com", secure=True)
SHOWN = {
    "weights": Route(canary=30),
    "a copy": Route(canary=0, mirror=100),
    "users of a test": Route(canary=100, matching=True),
    "cookies": Route(canary=30, cookie="side=abc"),
    "a cookie that is taken back": Route(canary=0, cookie="side=abc"),
}
RULE = "spec.rules[0]"
MATCH, FILTERS, BACKEND = f"{RULE}.matches[0]", f"{RULE}.filters", f"{RULE}.backendRefs[0]"
NAMED = {"type": "Exact", "name": "x", "value": "1"}

REFUSED = [
    ("spec.hostnames[0]", "*"),
    ("spec.parentRefs[0].name", REMOVED),
    (f"{MATCH}.path.type", "Prefix"),
    (f"{MATCH}.method", "get"),
    (f"{MATCH}.headers", [NAMED, NAMED]),
    (f"{MATCH}.headers", [{**NAMED, "name": ":method"}]),
    (f"{MATCH}.headers", [{**NAMED, "value": ""}]),
    (f"{FILTERS}[0].type", "Rewrite"),
    (f"{FILTERS}[0].requestHeaderModifier.set", [{"name": "a", "value": "1"}, {"name": "a", "value": "2"}]),
    (f"{BACKEND}.weight", -1),
    (f"{BACKEND}.port", 0),
    (f"{RULE}.timeouts.request", "1.5s"),
    (f"{RULE}.matches", [{}] * 65),
]
REFUSED_IN_CEL = [
    (f"{MATCH}.path.value", "shop", "a path starts with /"),
    (f"{MATCH}.path.value", "/a//b", "no empty elements"),
    (f"{MATCH}.path.value", "/a b", "the characters that RFC 3986 has"),
    (f"{FILTERS}[1]", {"type": "RequestHeaderModifier", "requestHeaderModifier": {}}, "asked for twice"),
    (f"{FILTERS}[0].type", "URLRewrite", "the content of its type"),
    (f"{FILTERS}[2].urlRewrite.path.type", "ReplacePrefixMatch", "replaced by what its type says"),
    (
        f"{FILTERS}[2].urlRewrite.path",
        {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/v2"},
        "exactly one match, on a prefix",
    ),
    (f"{FILTERS}[3].requestMirror.backendRef.port", REMOVED, "a Service has a port"),
    (f"{FILTERS}[3].requestMirror.fraction", {"numerator": 1}, "a percent or a fraction"),
    (f"{BACKEND}.port", REMOVED, "a Service has a port"),
    (f"{RULE}.timeouts.backendRequest", "16s", "no more time than the whole request"),
    ("spec.rules", [{"matches": [{}] * 43}] * 3, "at most 128 matches"),
    (f"{FILTERS}[2]", {"type": "RequestRedirect", "requestRedirect": {}}, "nothing to send to a backend"),
]


def rendered(namespace: str, route: Route) -> JsonObject:
    insiders = {"headers": {"x-user": {"exact": "insider"}}}
    affinity = COOKIES if route.cookie else None
    analysis = Analysis(interval=60, threshold=5, match=(insiders,), session_affinity=affinity)
    one = replace(canary(SERVICE), namespace=namespace, provider=Provider.GATEWAY_API_V1, analysis=analysis)
    router = router_of(one)
    assert router is not None
    return router.show(one, route, 7)


def create(cluster: Cluster, namespace: str, route: Json) -> JsonObject:
    return cluster.api.create(ROUTES.format(namespace), route)


@pytest.mark.parametrize("route", SHOWN.values(), ids=SHOWN)
def test_what_serin_renders_is_stored_as_it_is(cluster: Cluster, namespace: str, route: Route) -> None:
    wanted = rendered(namespace, route)
    assert create(cluster, namespace, wanted)["spec"] == wanted["spec"]


@pytest.mark.parametrize(("path", "value"), REFUSED)
def test_a_wrong_shape_is_refused(cluster: Cluster, namespace: str, path: str, value: object) -> None:
    with pytest.raises(ApiError) as error:
        create(cluster, namespace, edit(rendered(namespace, Route(30)), {path: value}))
    assert error.value.code == 422


@pytest.mark.parametrize(("path", "value", "reason"), REFUSED_IN_CEL)
def test_what_makes_no_sense_together_is_refused(
    real_cluster: RealCluster, real_namespace: str, path: str, value: object, reason: str
) -> None:
    with pytest.raises(ApiError, match=reason):
        create(real_cluster, real_namespace, edit(rendered(real_namespace, Route(30)), {path: value}))
