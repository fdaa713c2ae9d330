"""From the Gateway API's words to Envoy's: how an HTTPRoute splits requests.

Pure, and as strict as ``envoy_routes``. Of matches that fit a request, a Gateway takes the one with the highest
precedence, in whatever order the rules stand; so Envoy, which takes the first, gets them in that order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.envoy_routes import NotUnderstoodError, Side, header_changes, mirror, split, string_match, understand
from tests.support.kubelet import seconds_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shared.json_types import Json, JsonObject
    from tests.support.endpoints import Endpoints

_NAMED = {"Exact": "exact", "RegularExpression": "regex"}
_PATH_RANKS = ("Exact", "RegularExpression", "PathPrefix")
_MODIFIERS = {"RequestHeaderModifier": "request", "ResponseHeaderModifier": "response"}


def http_route_routes(spec: Json, behind: Endpoints) -> Iterator[JsonObject]:
    """Envoy's routes, in the order of precedence."""
    understand(spec, "parentRefs", "hostnames", "rules")
    matches = [(match, rule) for rule in spec["rules"] for match in rule["matches"]]
    for match, rule in sorted(matches, key=lambda pair: _precedence(pair[0])):
        understand(rule, "matches", "backendRefs", "filters", "timeouts")
        changes = header_changes(_modified(rule.get("filters", ())))
        yield {"match": _match(match), "route": _action(rule, behind), **changes}


def _precedence(match: Json) -> tuple[int, ...]:
    """Lower is earlier. Where a regular expression of paths stands is up to an implementation."""
    kind, value = match["path"]["type"], match["path"]["value"]
    conditions = (len(match.get(field, ())) for field in ("headers", "queryParams"))
    return (_PATH_RANKS.index(kind), -len(value), "method" not in match, *(-number for number in conditions))


def _match(match: Json) -> JsonObject:
    understand(match, "path", "method", "headers", "queryParams")
    method = [{"type": "Exact", "name": ":method", "value": match["method"]}] if "method" in match else []
    return {
        **_path(match["path"]["type"], match["path"]["value"]),
        "headers": [_named(condition) for condition in (*match.get("headers", ()), *method)],
        "query_parameters": [_named(condition) for condition in match.get("queryParams", ())],
    }


def _path(kind: str, value: str) -> JsonObject:
    """A prefix is one of whole elements: /shop is none of /shopping."""
    match kind:
        case "Exact":
            return {"path": value}
        case "RegularExpression":
            return string_match({"regex": value})
        case "PathPrefix":
            prefix = value.rstrip("/")
            return {"path_separated_prefix": prefix} if prefix else {"prefix": "/"}
    raise NotUnderstoodError(f"{kind} is no condition on a path")


def _named(condition: Json) -> JsonObject:
    return {
        "name": condition["name"],
        "string_match": string_match({_NAMED[condition["type"]]: condition["value"]}),
    }


def _action(rule: Json, behind: Endpoints) -> JsonObject:
    times = rule.get("timeouts", {})
    understand(times, "request")
    filters = rule.get("filters", ())
    optional = {
        "timeout": f"{seconds_of(times['request'])}s" if times else None,
        "request_mirror_policies": [copy for one in filters for copy in _mirrors(one, behind)],
        **{key: value for one in filters for key, value in _rewrite(one.get("urlRewrite", {}))},
    }
    sides = map(_side, rule["backendRefs"])
    return {"weighted_clusters": split(sides, behind), **{key: value for key, value in optional.items() if value}}


def _side(backend: Json) -> Side:
    understand(backend, "group", "kind", "name", "port", "weight", "filters")
    filters = backend.get("filters", ())
    for one in filters:
        understand(one, "type", "requestHeaderModifier", "responseHeaderModifier")
    return Side(backend["name"], backend["weight"], header_changes(_modified(filters)))


def _modified(filters: Sequence[Json]) -> JsonObject:
    """What filters do to headers, by direction."""
    return {
        _MODIFIERS[one["type"]]: {
            **{verb: {header["name"]: header["value"] for header in changes.get(verb, ())} for verb in ("set", "add")},
            "remove": changes.get("remove", []),
        }
        for one in filters
        if one["type"] in _MODIFIERS
        for changes in (one[f"{_MODIFIERS[one['type']]}HeaderModifier"],)
    }


def _mirrors(one: Json, behind: Endpoints) -> Iterator[JsonObject]:
    understand(one, "type", "requestHeaderModifier", "responseHeaderModifier", "urlRewrite", "requestMirror")
    if "requestMirror" in one:
        understand(one["requestMirror"], "backendRef", "percent")
        yield from mirror(one["requestMirror"]["backendRef"]["name"], one["requestMirror"].get("percent", 100), behind)


def _rewrite(asked: Json) -> Iterator[tuple[str, Json]]:
    """A whole path is replaced up to its query."""
    if "hostname" in asked:
        yield "host_rewrite_literal", asked["hostname"]
    match asked.get("path"):
        case {"replacePrefixMatch": prefix}:
            yield "prefix_rewrite", prefix
        case {"replaceFullPath": path}:
            yield "regex_rewrite", {"pattern": {"regex": r"^[^?]*"}, "substitution": path}
