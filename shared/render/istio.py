"""The Istio objects of a Canary: the VirtualService that splits its traffic, and a DestinationRule for each side.

Canaries of ``v1alpha3`` keep what Flagger 0.6 made of them: the ``mesh`` gateway is always there, and destinations
name their port. What the VirtualService's rules say stands in ``istio_rules``.

It must never write over anything: that is decided elsewhere.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

from shared.render.differences import same
from shared.render.istio_rules import MESH, is_alpha, istio_rules
from shared.render.ownership import VERSION, owned_metadata

if TYPE_CHECKING:
    from shared.canary.model import Canary
    from shared.json_types import Json, JsonObject
    from shared.plan import Route

API_VERSION = "networking.istio.io/v1beta1"
_ROUTING = ("hosts", "gateways", "http", "tcp")


def virtual_service(canary: Canary, route: Route, version: int) -> JsonObject:
    """The VirtualService, named like the apex, that shows ``route``; ``version`` is that of the deciding rollout."""
    apex = canary.service.apex
    annotations = {**apex.annotations, VERSION: str(version)}
    return {
        "apiVersion": API_VERSION,
        "kind": "VirtualService",
        "metadata": owned_metadata(canary, canary.service.name, apex.labels, annotations),
        "spec": {**_reach(canary), **istio_rules(canary, route)},
    }


def destination_rules(canary: Canary) -> tuple[JsonObject, JsonObject]:
    """The DestinationRules of the canary and the primary, both with ``service.trafficPolicy``."""
    return _rule(canary, canary.service.canary_name), _rule(canary, canary.service.primary_name)


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
    wants_mesh = is_alpha(canary) or not service.gateways
    gateways = (*service.gateways, MESH) if wants_mesh else service.gateways
    return {"hosts": list(dict.fromkeys(hosts)), "gateways": list(dict.fromkeys(gateways))}


def _rule(canary: Canary, host: str) -> JsonObject:
    policy = canary.service.traffic_policy
    return {
        "apiVersion": API_VERSION,
        "kind": "DestinationRule",
        "metadata": owned_metadata(canary, host, {}, {}),
        "spec": {"host": host, **({"trafficPolicy": deepcopy(policy)} if policy is not None else {})},
    }
