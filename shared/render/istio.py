"""The Istio objects of a Canary: the VirtualService that splits its traffic, and a DestinationRule for each side.

The VirtualService has one route, which sends to the primary (always first) and to the canary by weight. What a user
wrote into the Canary for Istio (match, rewrite, retries, ...) goes there unchanged. As in Flagger, with
``service.match`` a request that matches nothing has no route: whoever wants one adds a match that fits everything.
Canaries of ``v1alpha3`` keep what Flagger 0.6 made of them: the ``mesh`` gateway is always there, and destinations
name their port.

It must never render weights that do not sum to 100.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

from shared.plan import Route
from shared.render.differences import same
from shared.render.ownership import VERSION, owned_metadata

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shared.canary.model import Canary
    from shared.json_types import Json, JsonObject

API_VERSION = "networking.istio.io/v1beta1"
MESH = "mesh"
"""Istio's name for all sidecars, as a gateway."""

_ROUTING = ("hosts", "gateways", "http", "tcp")


def virtual_service(canary: Canary, route: Route, version: int) -> JsonObject:
    """The VirtualService, named like the apex, that shows ``route``; ``version`` is that of the deciding rollout."""
    apex = canary.service.apex
    annotations = {**apex.annotations, VERSION: str(version)}
    return {
        "apiVersion": API_VERSION,
        "kind": "VirtualService",
        "metadata": owned_metadata(canary, canary.service.name, apex.labels, annotations),
        "spec": {**_reach(canary), **_routes(canary, route)},
    }


def destination_rules(canary: Canary) -> tuple[JsonObject, JsonObject]:
    """The DestinationRules of the canary and the primary, both with ``service.trafficPolicy``."""
    return _rule(canary, canary.service.canary_name), _rule(canary, canary.service.primary_name)


def live_route(virtual_service: Json, canary: Canary) -> Route | None:
    """What a live VirtualService sends where, or None if it does not say so clearly.

    It is clear if every route that has one of the two sides splits all its traffic between them, all in the same way.
    """
    shares = {share for route in _live_routes(virtual_service) if (share := _share(route, canary)) is not None}
    share = shares.pop() if len(shares) == 1 else -1
    return Route(canary=share) if 0 <= share <= 100 else None


def live_version(virtual_service: Json) -> int:
    """The rollout version that wrote a live VirtualService; 0 if none did, so that any version may write over it."""
    text = str((virtual_service["metadata"].get("annotations") or {}).get(VERSION, ""))
    return int(text) if text.isascii() and text.isdigit() else 0


def same_routing(desired: Json, live: Json) -> bool:
    """Whether a live VirtualService routes exactly as ``desired``, whatever else others wrote into it."""
    return all(same(live["spec"].get(field), desired["spec"].get(field)) for field in _ROUTING)


def _reach(canary: Canary) -> JsonObject:
    service = canary.service
    if service.delegation:
        # A delegate has neither; the VirtualService that delegates to it does.
        return {}
    hosts = service.hosts if {service.name, "*"} & set(service.hosts) else (*service.hosts, service.name)
    wants_mesh = _is_alpha(canary) or not service.gateways
    gateways = (*service.gateways, MESH) if wants_mesh else service.gateways
    return {"hosts": list(dict.fromkeys(hosts)), "gateways": list(dict.fromkeys(gateways))}


def _routes(canary: Canary, route: Route) -> JsonObject:
    service = canary.service
    destinations = [
        _destination(canary, service.primary_name, route.primary),
        _destination(canary, service.canary_name, route.canary),
    ]
    if (service.app_protocol or "").lower() == "tcp":
        return {"tcp": [{**_tcp_match(service.match), "route": destinations}]}
    options = {
        "match": list(service.match) or None,
        "rewrite": _rewrite(service.rewrite),
        "timeout": service.timeout,
        "retries": service.retries,
        "headers": service.headers,
        "corsPolicy": service.cors_policy,
    }
    given = {field: deepcopy(value) for field, value in options.items() if value is not None}
    return {"http": [{**given, "route": destinations}]}


def _destination(canary: Canary, host: str, weight: int) -> JsonObject:
    port = {"port": {"number": canary.service.port}} if _names_port(canary) else {}
    return {"destination": {"host": host, **port}, "weight": weight}


def _names_port(canary: Canary) -> bool:
    """Whether destinations say their port: behind a gateway Istio cannot tell which of several is meant."""
    service = canary.service
    behind_gateway = service.delegation or (bool(service.gateways) and service.gateways[0] != MESH)
    return _is_alpha(canary) or (service.port_discovery and behind_gateway)


def _tcp_match(match: Sequence[Json]) -> JsonObject:
    """The ports of ``service.match``, all that Flagger takes from it for TCP; none if one entry matches every port."""
    ports = [{"port": entry["port"]} for entry in match if entry.get("port")]
    return {"match": ports} if ports and len(ports) == len(match) else {}


def _rewrite(rewrite: Json | None) -> JsonObject | None:
    # ``type`` is Flagger's own, for the Gateway API; Istio would refuse it.
    return {field: value for field, value in rewrite.items() if field != "type"} if rewrite else None


def _is_alpha(canary: Canary) -> bool:
    return canary.api_version.endswith("/v1alpha3")


def _rule(canary: Canary, host: str) -> JsonObject:
    policy = canary.service.traffic_policy
    return {
        "apiVersion": API_VERSION,
        "kind": "DestinationRule",
        "metadata": owned_metadata(canary, host, {}, {}),
        "spec": {"host": host, **({"trafficPolicy": deepcopy(policy)} if policy is not None else {})},
    }


def _live_routes(virtual_service: Json) -> Iterator[Sequence[Json]]:
    for protocol in ("http", "tcp"):
        for entry in virtual_service["spec"].get(protocol) or ():
            yield entry.get("route") or ()


def _share(route: Sequence[Json], canary: Canary) -> int | None:
    """The canary's share of one live route; None if neither side is in it, -1 if the two do not get all of it."""
    service = canary.service
    # Istio gives everything to an only destination without a weight.
    default = 100 if len(route) == 1 else 0
    weights = {entry["destination"]["host"]: entry.get("weight", default) for entry in route}
    if not {service.primary_name, service.canary_name} & weights.keys():
        return None
    share = int(weights.get(service.canary_name, 0))
    return share if share + weights.get(service.primary_name, 0) == 100 else -1
