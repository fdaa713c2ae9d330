"""From Istio's words to Envoy's: how a VirtualService splits requests.

Pure, and as strict as ``envoy_routes``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.envoy_routes import Side, header_changes, mirror, split, string_match, understand
from tests.support.kubelet import seconds_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.json_types import Json, JsonObject
    from tests.support.endpoints import Endpoints

_RULE = ("name", "match", "route", "mirror", "mirrorPercentage", "timeout", "retries", "rewrite", "headers")


def virtual_service_routes(spec: Json, behind: Endpoints) -> Iterator[JsonObject]:
    """Envoy's routes, in the order of the rules."""
    for rule in spec.get("http", []):
        understand(rule, *_RULE)
        changes = header_changes(rule.get("headers", {}))
        for match in rule.get("match") or [{}]:
            yield {"match": _match(match), "route": _action(rule, behind), **changes}


def _match(match: Json) -> JsonObject:
    understand(match, "name", "uri", "headers", "method")
    headers = [*match.get("headers", {}).items(), *([(":method", match["method"])] if "method" in match else [])]
    return {**_path(match.get("uri", {"prefix": "/"})), "headers": [_header(*header) for header in headers]}


def _path(condition: Json) -> JsonObject:
    told = string_match(condition)
    return {"path": told["exact"]} if "exact" in told else told


def _header(name: str, condition: Json) -> JsonObject:
    return {"name": name, **({"string_match": string_match(condition)} if condition else {"present_match": True})}


def _action(rule: Json, behind: Endpoints) -> JsonObject:
    rewrite = rule.get("rewrite", {})
    optional = {
        "timeout": f"{seconds_of(rule['timeout'])}s" if "timeout" in rule else None,
        "retry_policy": _retries(rule["retries"]) if "retries" in rule else None,
        "request_mirror_policies": list(_mirrors(rule, behind)),
        "prefix_rewrite": rewrite.get("uri"),
        "host_rewrite_literal": rewrite.get("authority"),
    }
    sides = (_side(target, alone=len(rule["route"]) == 1) for target in rule["route"])
    return {"weighted_clusters": split(sides, behind), **{key: value for key, value in optional.items() if value}}


def _side(target: Json, *, alone: bool) -> Side:
    """One destination; an only one gets everything, whatever its weight (Istio)."""
    understand(target, "destination", "weight", "headers")
    weight = 100 if alone else target.get("weight", 0)
    return Side(target["destination"]["host"], weight, header_changes(target.get("headers", {})))


def _mirrors(rule: Json, behind: Endpoints) -> Iterator[JsonObject]:
    if "mirror" in rule:
        yield from mirror(rule["mirror"]["host"], rule.get("mirrorPercentage", {"value": 100})["value"], behind)


def _retries(retries: Json) -> JsonObject:
    patience = {"per_try_timeout": f"{seconds_of(retries['perTryTimeout'])}s"} if "perTryTimeout" in retries else {}
    conditions = retries.get("retryOn", "connect-failure,refused-stream,unavailable,cancelled")
    return {"num_retries": retries["attempts"], "retry_on": conditions, **patience}
