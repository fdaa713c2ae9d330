"""The routes of one app for Envoy, from whichever router's objects are in its namespace.

Pure: objects of the Kubernetes API in, one Envoy RouteConfiguration out. A router is one row here, and a file that
translates its objects.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.envoy_routes import Side, split
from tests.support.gateway_routes import http_route_routes
from tests.support.istio_routes import virtual_service_routes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from shared.json_types import Json, JsonObject
    from tests.support.endpoints import Endpoints


@dataclass(frozen=True, slots=True)
class Router:
    """A kind of object that routes requests: where the API server has it, the field of its spec that names the hosts,
    and its routes in Envoy's words.
    """

    path: str
    hosts: str
    routes: Callable[[Json, Endpoints], Iterator[JsonObject]]


ROUTERS = (
    Router("/apis/networking.istio.io/v1beta1/namespaces/{}/virtualservices", "hosts", virtual_service_routes),
    Router("/apis/gateway.networking.k8s.io/v1/namespaces/{}/httproutes", "hostnames", http_route_routes),
)


def route_configuration(apex: str, routers: Iterable[tuple[Router, Json]], behind: Endpoints) -> JsonObject:
    """Envoy's routes for callers of the service ``apex``. Without a router's object for it they reach the service.
    Callers of another service of the namespace reach its pods.

    Raises:
        NotUnderstoodError: a router's object for the apex asks for what this mesh cannot do.
    """
    names = behind.names(apex)
    ours = [
        router.routes(obj["spec"], behind)
        for router, obj in routers
        if not names.isdisjoint(obj["spec"].get(router.hosts, []))
    ]
    routes = list(ours[0]) if ours else [_straight_to(apex, behind)]
    return {
        "@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
        "name": "app",
        "ignore_port_in_host_matching": True,
        "virtual_hosts": [{"name": "app", "domains": ["*"], "routes": routes}, *_others(apex, behind)],
    }


def shares(configuration: Json) -> dict[str, int]:
    """Percent of the requests that match no special condition, for each cluster that gets any."""
    weights: Counter[str] = Counter()
    for cluster in configuration["virtual_hosts"][0]["routes"][-1]["route"]["weighted_clusters"]["clusters"]:
        weights[cluster["name"]] += cluster.get("weight", 0)
    return {name: round(100 * weight / weights.total()) for name, weight in weights.items() if weight}


def _others(apex: str, behind: Endpoints) -> Iterator[JsonObject]:
    for name in sorted(behind.ready.keys() - {apex}):
        yield {"name": name, "domains": sorted(behind.names(name)), "routes": [_straight_to(name, behind)]}


def _straight_to(service: str, behind: Endpoints) -> JsonObject:
    return {"match": {"prefix": "/"}, "route": {"weighted_clusters": split([Side(service, 100, {})], behind)}}
