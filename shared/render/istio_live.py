"""Reading a live VirtualService: what it sends where, whoever wrote it. Rules for users with a cookie say nothing about
the others, and are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.render.istio_rules import STICKY
from shared.render.live import LiveRule, clear_route

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.canary.model import Canary
    from shared.json_types import Json
    from shared.plan import Route


def live_route(virtual_service: Json, canary: Canary) -> Route | None:
    """What a live VirtualService sends where, or None if it does not say so clearly (``live.clear_route``)."""
    rules = _rules(virtual_service["spec"])
    drawn = (rule for rule in rules if not str(rule.get("name") or "").startswith(STICKY))
    return clear_route((LiveRule(_weights(rule), _mirror(rule, canary)) for rule in drawn), canary)


def destinations(spec: Json) -> Iterator[str]:
    """The services, without their namespace, that the ``spec`` of a VirtualService sends requests to."""
    for rule in _rules(spec):
        for entry in rule.get("route") or ():
            yield str((entry.get("destination") or {}).get("host") or "").partition(".")[0]


def _rules(spec: Json) -> Iterator[Json]:
    yield from spec.get("http") or ()
    yield from spec.get("tcp") or ()


def _weights(rule: Json) -> dict[str, int]:
    """Istio gives an only destination everything, whatever its weight."""
    route = rule.get("route") or ()
    return {entry["destination"]["host"]: 100 if len(route) == 1 else int(entry.get("weight", 0)) for entry in route}


def _mirror(rule: Json, canary: Canary) -> int:
    """Percent of the requests that the canary gets copies of; all of them if the rule does not say."""
    if (rule.get("mirror") or {}).get("host") != canary.service.canary_name:
        return 0
    percent: int = round((rule.get("mirrorPercentage") or {}).get("value", 100))
    return percent
