"""Reading a live HTTPRoute: what it sends where, whoever wrote it, and whether its Gateways have taken it on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.render.live import LiveRule, clear_route

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.canary.model import Canary
    from shared.json_types import Json
    from shared.plan import Route

_IDENTITY = ("group", "kind", "namespace", "name", "sectionName", "port")


def live_route(http_route: Json, canary: Canary) -> Route | None:
    """What a live HTTPRoute sends where, or None if it does not say so clearly (``live.clear_route``)."""
    drawn = (rule for rule in _rules(http_route["spec"]) if not _is_sticky(rule, canary))
    return clear_route((LiveRule(_weights(rule), _mirror(rule, canary)) for rule in drawn), canary)


def destinations(spec: Json) -> Iterator[str]:
    """The services that the ``spec`` of an HTTPRoute sends requests to."""
    for rule in _rules(spec):
        for backend in rule.get("backendRefs") or ():
            yield str(backend["name"])


def pending(http_route: Json) -> str:
    """What keeps a live HTTPRoute from being in force: a parent that has not accepted it as it is now; empty if all
    have. (Gateway API, RouteParentStatus: a condition is about the generation that it names.)
    """
    reasons = (_refusal(http_route, parent) for parent in http_route["spec"].get("parentRefs") or ())
    return next(filter(None, reasons), "")


def _refusal(http_route: Json, parent: Json) -> str:
    name = f"{parent.get('kind', 'Gateway')} {parent['name']}"
    conditions = list(_conditions(http_route, parent))
    if any(condition.get("status") == "True" for condition in conditions):
        return ""
    for condition in conditions:
        return f"is not accepted by {name}: {condition.get('reason', '')} {condition.get('message', '')}".rstrip()
    return f"is not accepted by {name} yet"


def _conditions(http_route: Json, parent: Json) -> Iterator[Json]:
    """What controllers say of the route's present generation, whether a parent accepts it."""
    metadata = http_route["metadata"]
    for answer in (http_route.get("status") or {}).get("parents") or ():
        if _identity(answer["parentRef"], metadata["namespace"]) == _identity(parent, metadata["namespace"]):
            for condition in answer.get("conditions") or ():
                current = condition.get("observedGeneration") == metadata.get("generation")
                if condition["type"] == "Accepted" and current:
                    yield condition


def _identity(parent: Json, namespace: str) -> tuple[object, ...]:
    full = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "namespace": namespace, **parent}
    return tuple(full.get(field) for field in _IDENTITY)


def _rules(spec: Json) -> Iterator[Json]:
    yield from spec.get("rules") or ()


def _is_sticky(rule: Json, canary: Canary) -> bool:
    """Whether it is for users with a cookie of the Canary's: all of its matches ask for one."""
    affinity, matches = canary.analysis.session_affinity, rule.get("matches") or ()
    if affinity is None:
        return False
    names = tuple(filter(None, (affinity.cookie_name, affinity.primary_cookie_name)))
    return bool(matches) and all(any(name in _cookies(match) for name in names) for match in matches)


def _cookies(match: Json) -> str:
    found = (header for header in match.get("headers") or () if str(header["name"]).lower() == "cookie")
    return " ".join(str(header.get("value", "")).replace("\\", "") for header in found)


def _weights(rule: Json) -> dict[str, int]:
    """An only backend gets everything, whatever its weight; a weight that is not given is 1."""
    backends = rule.get("backendRefs") or ()
    return {one["name"]: 100 if len(backends) == 1 else int(one.get("weight", 1)) for one in backends}


def _mirror(rule: Json, canary: Canary) -> int:
    """Percent of the requests that the canary gets copies of: all or none."""
    copies = (one["requestMirror"]["backendRef"]["name"] for one in rule.get("filters") or () if "requestMirror" in one)
    return 100 if canary.service.canary_name in copies else 0
