"""From Istio's words to Envoy's: which ready pods stand behind a service, and how a VirtualService splits requests.

Pure: objects of the Kubernetes API in, one Envoy RouteConfiguration out. A side without ready pods is routed to a
cluster without endpoints, so that Envoy answers 503 as it does in a mesh, and no workload is charged with it. What
is not understood is refused, never left out: a test must not pass because its mesh looked away.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.kubelet import is_ready, seconds_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from shared.json_types import Json, JsonObject

NOBODY = "nobody"
"""The cluster without endpoints."""

_UNDERSTOOD = {"name", "match", "route", "mirror", "mirrorPercentage", "timeout", "retries", "rewrite", "headers"}


class NotUnderstoodError(ValueError):
    """The VirtualService uses what this mesh cannot do."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Ready pods of one namespace: for each service, how many of each workload."""

    namespace: str
    ready: Mapping[str, Mapping[str, int]]

    def clusters(self, host: str, weight: int = 1) -> Counter[str]:
        """Envoy's clusters behind a host, sharing a weight by their number of ready pods."""
        pods = self.ready.get(host.partition(".")[0], {})
        total = sum(pods.values())
        if not total:
            return Counter({NOBODY: weight * 1000})
        return Counter({f"{self.namespace}|{name}": weight * 1000 * number // total for name, number in pods.items()})


def endpoints(namespace: str, services: Iterable[Json], pods: Iterable[Json]) -> Endpoints:
    """What the services select, as the endpoints controller would find it."""
    serving = [pod for pod in pods if is_ready(pod) and "deletionTimestamp" not in pod["metadata"]]
    return Endpoints(namespace, {service["metadata"]["name"]: _selected(service, serving) for service in services})


def workload_of(pod: Json) -> str:
    """The Deployment of a pod: the name of its ReplicaSet without the hash; else the pod's own name."""
    owners = [owner for owner in pod["metadata"].get("ownerReferences", []) if owner["kind"] == "ReplicaSet"]
    if not owners:
        return str(pod["metadata"]["name"])
    return str(owners[0]["name"]).removesuffix(f"-{pod['metadata']['labels']['pod-template-hash']}")


def route_configuration(apex: str, virtual_services: Iterable[Json], behind: Endpoints) -> JsonObject:
    """Envoy's routes for callers of the service ``apex``. Without a VirtualService for it they reach the service.
    Callers of another service of the namespace reach its pods.

    Raises:
        NotUnderstoodError: a VirtualService for the apex asks for what this mesh cannot do.
    """
    ours = [service["spec"] for service in virtual_services if _is_for(service["spec"], apex, behind.namespace)]
    rules = ours[0].get("http", []) if ours else [{"route": [{"destination": {"host": apex}}]}]
    routes = [route for rule in rules for route in _routes(rule, behind)]
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
        route = {"match": _match({}), "route": _action({"route": [{"destination": {"host": name}}]}, behind)}
        yield {"name": name, "domains": sorted(_names(name, behind.namespace)), "routes": [route]}


def _selected(service: Json, pods: Iterable[Json]) -> Mapping[str, int]:
    selector = service["spec"].get("selector", {}).items()
    return Counter(workload_of(pod) for pod in pods if selector and selector <= pod["metadata"]["labels"].items())


def _is_for(spec: Json, apex: str, namespace: str) -> bool:
    return not _names(apex, namespace).isdisjoint(spec.get("hosts", []))


def _names(service: str, namespace: str) -> set[str]:
    full = f"{service}.{namespace}"
    return {service, full, f"{full}.svc", f"{full}.svc.cluster.local"}


def _routes(rule: Json, behind: Endpoints) -> Iterator[JsonObject]:
    unknown = rule.keys() - _UNDERSTOOD
    if unknown:
        raise NotUnderstoodError(f"http routes with {', '.join(sorted(unknown))} are beyond this mesh")
    changes = _header_changes(rule.get("headers", {}))
    for match in rule.get("match") or [{}]:
        yield {"match": _match(match), "route": _action(rule, behind), **changes}


def _match(match: Json) -> JsonObject:
    unknown = match.keys() - {"name", "uri", "headers", "method"}
    if unknown:
        raise NotUnderstoodError(f"matches by {', '.join(sorted(unknown))} are beyond this mesh")
    headers = [*match.get("headers", {}).items(), *([(":method", match["method"])] if "method" in match else [])]
    return {**_path(match.get("uri", {"prefix": "/"})), "headers": [_header(*header) for header in headers]}


def _path(condition: Json) -> JsonObject:
    match condition:
        case {"exact": text}:
            return {"path": text}
        case {"prefix": text}:
            return {"prefix": text}
        case {"regex": text}:
            return {"safe_regex": {"regex": text}}
    raise NotUnderstoodError(f"{condition} is no condition on a path")


def _header(name: str, condition: Json) -> JsonObject:
    match condition:
        case {"exact": text}:
            return {"name": name, "string_match": {"exact": text}}
        case {"prefix": text}:
            return {"name": name, "string_match": {"prefix": text}}
        case {"regex": text}:
            return {"name": name, "string_match": {"safe_regex": {"regex": text}}}
        case {**others} if not others:
            return {"name": name, "present_match": True}
    raise NotUnderstoodError(f"{condition} is no condition on the header {name}")


def _action(rule: Json, behind: Endpoints) -> JsonObject:
    rewrite = rule.get("rewrite", {})
    optional = {
        "timeout": f"{seconds_of(rule['timeout'])}s" if "timeout" in rule else None,
        "retry_policy": _retries(rule["retries"]) if "retries" in rule else None,
        "request_mirror_policies": list(_mirrors(rule, behind)),
        "prefix_rewrite": rewrite.get("uri"),
        "host_rewrite_literal": rewrite.get("authority"),
    }
    return {"weighted_clusters": _split(rule, behind), **{key: value for key, value in optional.items() if value}}


def _split(rule: Json, behind: Endpoints) -> JsonObject:
    clusters = [cluster for target in rule["route"] for cluster in _side(target, len(rule["route"]) == 1, behind)]
    if not any(cluster["weight"] for cluster in clusters):
        raise NotUnderstoodError(f"the weights of {rule['route']} sum up to 0")
    return {"clusters": clusters}


def _side(target: Json, alone: bool, behind: Endpoints) -> Iterator[JsonObject]:
    """The clusters of one destination; an only one gets everything, whatever its weight (Istio)."""
    unknown = target.keys() - {"destination", "weight", "headers"}
    if unknown:
        raise NotUnderstoodError(f"destinations with {', '.join(sorted(unknown))} are beyond this mesh")
    changes = _header_changes(target.get("headers", {}))
    weight = 100 if alone else target.get("weight", 0)
    for name, part in sorted(behind.clusters(target["destination"]["host"], weight).items()):
        yield {"name": name, "weight": part, **changes}


def _mirrors(rule: Json, behind: Endpoints) -> Iterator[JsonObject]:
    if "mirror" not in rule:
        return
    (name, _), *_ = behind.clusters(rule["mirror"]["host"]).most_common()
    percent = rule.get("mirrorPercentage", {"value": 100})["value"]
    fraction = {"numerator": round(percent * 10_000), "denominator": "MILLION"}
    if name != NOBODY:
        yield {"cluster": name, "runtime_fraction": {"default_value": fraction}}


def _retries(retries: Json) -> JsonObject:
    patience = {"per_try_timeout": f"{seconds_of(retries['perTryTimeout'])}s"} if "perTryTimeout" in retries else {}
    conditions = retries.get("retryOn", "connect-failure,refused-stream,unavailable,cancelled")
    return {"num_retries": retries["attempts"], "retry_on": conditions, **patience}


def _header_changes(headers: Json) -> JsonObject:
    changes: JsonObject = {}
    for side in ("request", "response"):
        wanted = headers.get(side, {})
        changes[f"{side}_headers_to_add"] = [
            {"header": {"key": key, "value": value}, "append_action": action}
            for verb, action in (("set", "OVERWRITE_IF_EXISTS_OR_ADD"), ("add", "APPEND_IF_EXISTS_OR_ADD"))
            for key, value in wanted.get(verb, {}).items()
        ]
        changes[f"{side}_headers_to_remove"] = wanted.get("remove", [])
    return changes
