"""The rules of a Canary's VirtualService: whose requests go where, and what is said about them on the way.

There is one rule, which sends to the primary (always first) and to the canary by weight. An A/B test puts one before it
for the users whom it is about; session affinity one for each cookie. What a user wrote into the Canary for Istio
(match, rewrite, retries, ...) goes into each of them unchanged. As in Flagger, with ``service.match`` a request that
matches nothing has no route: whoever wants one adds a match that fits everything.

It must never render weights that do not sum to 100.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

from shared.cookies import give, pattern, primary_cookie
from shared.plan import HOME, Route
from shared.render.matches import combine

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shared.canary.model import Canary, SessionAffinity
    from shared.json_types import Json, JsonObject

MESH = "mesh"
"""Istio's name for all sidecars, as a gateway."""

STICKY, STICKY_PRIMARY = "sticky-route", "sticky-route-primary"
"""Names of the rules for users with a cookie; the first is Flagger's."""


def istio_rules(canary: Canary, route: Route) -> JsonObject:
    """The rules of a VirtualService that shows ``route``, under the name of their protocol."""
    service = canary.service
    if (service.app_protocol or "").lower() == "tcp":
        return {"tcp": [{**_tcp_match(service.match), "route": _split(canary, route)}]}
    if route.matching:
        others = _rule(canary, service.match, [_to(canary, service.primary_name, 100)])
        return {"http": [*_chosen(canary, route), others]}
    affinity = canary.analysis.session_affinity
    if affinity is None or not route.cookie:
        return {"http": [{**_rule(canary, service.match, _split(canary, route)), **_copies(canary, route)}]}
    return {"http": list(_sticky(canary, affinity, route))}


def _chosen(canary: Canary, route: Route) -> Iterator[JsonObject]:
    """The rule for those whom an A/B test is about; nobody, once the Canary does not say any more who that is."""
    match = combine(canary.analysis.match, canary.service.match)
    if match:
        yield _rule(canary, match, _split(canary, route))


def _sticky(canary: Canary, affinity: SessionAffinity, route: Route) -> Iterator[JsonObject]:
    """Who has the canary's cookie goes there; everybody else is drawn, and given the cookie of the side that answers.
    Without traffic at the canary its cookie is taken back.
    """
    match, copies = canary.service.match, _copies(canary, route)
    if not route.canary:
        taken = give(affinity, route.cookie, -1)
        yield {**_stuck(canary, STICKY, route.cookie, _split(canary, route, primary=taken)), **copies}
        yield {**_rule(canary, match, _split(canary, route)), **copies}
        return
    yield _stuck(canary, STICKY, route.cookie, _split(canary, Route(canary=100)))
    kept = primary_cookie(affinity, route)
    if kept:
        yield _stuck(canary, STICKY_PRIMARY, kept, _split(canary, HOME))
    primary = give(affinity, kept, round(canary.analysis.interval)) if kept else ""
    yield _rule(canary, match, _split(canary, route, primary, give(affinity, route.cookie, affinity.max_age)))


def _stuck(canary: Canary, name: str, cookie: str, destinations: list[JsonObject]) -> JsonObject:
    holders = {"headers": {"cookie": {"regex": pattern(cookie)}}}
    return {"name": name, **_rule(canary, combine((holders,), canary.service.match), destinations)}


def _rule(canary: Canary, match: Sequence[Json], destinations: list[JsonObject]) -> JsonObject:
    """One HTTP route with everything that the Canary says about requests and answers."""
    service = canary.service
    options = {
        "match": list(match) or None,
        "rewrite": _rewrite(service.rewrite),
        "timeout": service.timeout,
        "retries": service.retries,
        "headers": service.headers,
        "corsPolicy": service.cors_policy,
    }
    given = {field: deepcopy(value) for field, value in options.items() if value is not None}
    return {**given, "route": destinations}


def _copies(canary: Canary, route: Route) -> JsonObject:
    if not route.mirror:
        return {}
    mirror = _to(canary, canary.service.canary_name, 0)["destination"]
    return {"mirror": mirror, "mirrorPercentage": {"value": route.mirror}}


def _split(canary: Canary, route: Route, primary: str = "", target: str = "") -> list[JsonObject]:
    """Both destinations, each with the Set-Cookie header of its answers, if there is one."""
    service = canary.service
    return [
        {**_to(canary, service.primary_name, route.primary), **_giving(primary)},
        {**_to(canary, service.canary_name, route.canary), **_giving(target)},
    ]


def _giving(cookie: str) -> JsonObject:
    return {"headers": {"response": {"add": {"Set-Cookie": cookie}}}} if cookie else {}


def _to(canary: Canary, host: str, weight: int) -> JsonObject:
    port = {"port": {"number": canary.service.port}} if _names_port(canary) else {}
    return {"destination": {"host": host, **port}, "weight": weight}


def _names_port(canary: Canary) -> bool:
    """Whether destinations say their port: behind a gateway Istio cannot tell which of several is meant."""
    service = canary.service
    behind_gateway = service.delegation or (bool(service.gateways) and service.gateways[0] != MESH)
    return is_alpha(canary) or (service.port_discovery and behind_gateway)


def _tcp_match(match: Sequence[Json]) -> JsonObject:
    """The ports of ``service.match``, all that Flagger takes from it for TCP; none if one entry matches every port."""
    ports = [{"port": entry["port"]} for entry in match if entry.get("port")]
    return {"match": ports} if ports and len(ports) == len(match) else {}


def _rewrite(rewrite: Json | None) -> JsonObject | None:
    # ``type`` is Flagger's own, for the Gateway API; Istio would refuse it.
    return {field: value for field, value in rewrite.items() if field != "type"} if rewrite else None


def is_alpha(canary: Canary) -> bool:
    """Whether the Canary is of the generation of Flagger 0.6, whose routes were made otherwise."""
    return canary.api_version.endswith("/v1alpha3")
