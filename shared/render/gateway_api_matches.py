"""Istio's match conditions (HTTPMatchRequest), as Flagger's users write them, as the Gateway API has them
(HTTPRouteMatch).

What the Gateway API cannot say is refused when a Canary is read (``canary.gateway_api``); it is not dropped here, where
that would let more requests in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shared.json_types import Json, JsonObject

PATH_TYPES = {"exact": "Exact", "prefix": "PathPrefix", "regex": "RegularExpression"}
NAMED_TYPES = {"exact": "Exact", "regex": "RegularExpression"}
"""What a condition is called, on a path, and on a header or a query parameter."""


def route_matches(match: Sequence[Json]) -> list[JsonObject]:
    """The conditions, any of which may fit; one that fits every request if there are none."""
    return [_match(entry) for entry in match or ({},)]


def _match(entry: Json) -> JsonObject:
    method = (entry.get("method") or {}).get("exact")
    named = {field: _named(entry.get(field) or {}) for field in ("headers", "queryParams")}
    return {
        "path": _path(entry.get("uri") or {"prefix": "/"}),
        **({"method": method} if method else {}),
        **{field: conditions for field, conditions in named.items() if conditions},
    }


def _path(uri: Json) -> JsonObject:
    return next({"type": kind, "value": uri[word]} for word, kind in PATH_TYPES.items() if uri.get(word))


def _named(conditions: Mapping[str, Json]) -> list[JsonObject]:
    """One condition for each header or parameter, in the order of their names."""
    return [
        {"type": kind, "name": name, "value": condition[word]}
        for name, condition in sorted(conditions.items())
        for word, kind in NAMED_TYPES.items()
        if condition.get(word)
    ]
