"""The HTTPRoute of a Canary (Gateway API), which splits its traffic at the Gateways that ``service.gatewayRefs`` names.

Its rules are those of the VirtualService, in other words: one that sends to the primary (always first) and to the
canary by weight, before it one for the users of an A/B test, or one for each cookie. A gateway takes the rule with the
most conditions, so that these come first wherever they stand. Every field that the API has a default for is written
out: what is stored is what was rendered.

It must never render weights that do not sum to 100.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

from shared.cookies import give, pattern, primary_cookie
from shared.plan import HOME, Route
from shared.render.gateway_api_matches import route_matches
from shared.render.matches import combine
from shared.render.ownership import VERSION, owned_metadata

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from shared.canary.model import Canary, SessionAffinity
    from shared.json_types import Json, JsonObject

GROUP = "gateway.networking.k8s.io"
PREFIX_REWRITE, FULL_REWRITE = "ReplacePrefixMatch", "ReplaceFullPath"
"""Kinds of path rewrites: ``service.rewrite.type`` may ask for the first, and whatever else it says is the second."""


def http_route(api_version: str, canary: Canary, route: Route, version: int) -> JsonObject:
    """The HTTPRoute, named like the apex, that shows ``route``; ``version`` is that of the deciding rollout."""
    service = canary.service
    annotations = {**service.apex.annotations, VERSION: str(version)}
    return {
        "apiVersion": api_version,
        "kind": "HTTPRoute",
        "metadata": owned_metadata(canary, service.name, service.apex.labels, annotations),
        "spec": {
            "parentRefs": [{"group": GROUP, "kind": "Gateway", **deepcopy(dict(ref))} for ref in service.gateway_refs],
            **({"hostnames": list(service.hosts)} if service.hosts else {}),
            "rules": list(_rules(canary, route)),
        },
    }


def nothing_beside(_canary: Canary) -> tuple[JsonObject, ...]:
    """What a VirtualService needs DestinationRules for, the Gateway API leaves to policies of each implementation."""
    return ()


def _rules(canary: Canary, route: Route) -> Iterator[JsonObject]:
    match, affinity = canary.service.match, canary.analysis.session_affinity
    if route.matching:
        chosen = combine(canary.analysis.match, match)
        if chosen:
            yield _rule(canary, chosen, _split(canary, route))
        yield _rule(canary, match, [_to(canary, canary.service.primary_name, 100)])
    elif affinity is None or not route.cookie:
        yield _rule(canary, match, _split(canary, route), route.mirror)
    else:
        yield from _sticky(canary, affinity, route)


def _sticky(canary: Canary, affinity: SessionAffinity, route: Route) -> Iterator[JsonObject]:
    """Who has the canary's cookie goes there; everybody else is drawn, and given the cookie of the side that answers.
    Without traffic at the canary its cookie is taken back.
    """
    match = canary.service.match
    if not route.canary:
        taken = give(affinity, route.cookie, -1)
        yield _stuck(canary, route.cookie, _split(canary, route, primary=taken), route.mirror)
        yield _rule(canary, match, _split(canary, route), route.mirror)
        return
    yield _stuck(canary, route.cookie, _split(canary, Route(canary=100)))
    kept = primary_cookie(affinity, route)
    if kept:
        yield _stuck(canary, kept, _split(canary, HOME))
    primary = give(affinity, kept, round(canary.analysis.interval)) if kept else ""
    yield _rule(canary, match, _split(canary, route, primary, give(affinity, route.cookie, affinity.max_age)))


def _stuck(canary: Canary, cookie: str, backends: list[JsonObject], mirror: int = 0) -> JsonObject:
    """The anchors are for gateways that look for a regular expression anywhere in a header."""
    holders = {"headers": {"cookie": {"regex": f"^{pattern(cookie)}$"}}}
    return _rule(canary, combine((holders,), canary.service.match), backends, mirror)


def _rule(canary: Canary, match: Sequence[Json], backends: list[JsonObject], mirror: int = 0) -> JsonObject:
    """One rule with everything that the Canary says about requests and answers."""
    service = canary.service
    copies = [_mirror({"name": service.canary_name, "port": service.port})] if mirror else []
    times = {"request": service.timeout, "backendRequest": service.backend_timeout}
    options = {
        "filters": [*_filters(canary), *copies],
        "timeouts": {field: text for field, text in times.items() if text},
    }
    given = {field: value for field, value in options.items() if value}
    return {"matches": route_matches(match), "backendRefs": backends, **given}


def _filters(canary: Canary) -> Iterator[JsonObject]:
    service = canary.service
    for direction, kind in (("request", "RequestHeaderModifier"), ("response", "ResponseHeaderModifier")):
        changes = _header_changes((service.headers or {}).get(direction) or {})
        if changes:
            yield _filter(kind, changes)
    if service.rewrite and (rewrite := _rewrite(service.rewrite)):
        yield _filter("URLRewrite", rewrite)
    for one in service.mirror:
        yield _mirror(one["backendRef"], {key: value for key, value in one.items() if key != "backendRef"})


def _filter(kind: str, content: JsonObject) -> JsonObject:
    """One filter: its content stands under its type's name, which is a Go field's in JSON."""
    field = "urlRewrite" if kind == "URLRewrite" else f"{kind[0].lower()}{kind[1:]}"
    return {"type": kind, field: content}


def _header_changes(asked: Json) -> JsonObject:
    """Headers that are set, added and removed, in the order of their names."""
    named = {key: _headers(asked.get(key) or {}) for key in ("set", "add")}
    return {key: value for key, value in {**named, "remove": list(asked.get("remove") or ())}.items() if value}


def _headers(values: Mapping[str, str]) -> list[JsonObject]:
    return [{"name": name, "value": value} for name, value in sorted(values.items())]


def _rewrite(asked: Json) -> JsonObject:
    path, host = asked.get("uri"), asked.get("authority")
    kind = PREFIX_REWRITE if asked.get("type") == PREFIX_REWRITE else FULL_REWRITE
    field = f"{kind[0].lower()}{kind[1:]}"
    return {
        **({"hostname": host} if host else {}),
        **({"path": {"type": kind, field: path}} if path else {}),
    }


def _mirror(backend: Json, more: Json | None = None) -> JsonObject:
    """A filter that sends a copy of every request to a service and drops the answer."""
    return _filter(
        "RequestMirror", deepcopy({**(more or {}), "backendRef": {"group": "", "kind": "Service", **backend}})
    )


def _split(canary: Canary, route: Route, primary: str = "", target: str = "") -> list[JsonObject]:
    """Both sides, each with the Set-Cookie header of its answers, if there is one."""
    service = canary.service
    return [
        {**_to(canary, service.primary_name, route.primary), **_giving(primary)},
        {**_to(canary, service.canary_name, route.canary), **_giving(target)},
    ]


def _giving(cookie: str) -> JsonObject:
    """At the backend and not in the rule: of header filters, a rule may have but one."""
    if not cookie:
        return {}
    return {"filters": [_filter("ResponseHeaderModifier", {"add": _headers({"Set-Cookie": cookie})})]}


def _to(canary: Canary, service: str, weight: int) -> JsonObject:
    return {"group": "", "kind": "Service", "name": service, "port": canary.service.port, "weight": weight}
