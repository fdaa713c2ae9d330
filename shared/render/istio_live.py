"""Reading a live VirtualService: what it sends where, whoever wrote it.

Rules for users with a cookie say nothing about the others, and are left out; so are those for neither side. What then
is left has to be of one mind, or nothing is said: a rollout must not go on from a guess.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.plan import Route
from shared.render.istio_rules import STICKY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.canary.model import Canary
    from shared.json_types import Json


def live_route(virtual_service: Json, canary: Canary) -> Route | None:
    """What a live VirtualService sends where, or None if it does not say so clearly.

    It is clear if every rule that has one of the two sides splits all its traffic between them, all in the same way. In
    an A/B test the last rule may send everything to the primary: then the others are about the users who match.
    """
    rules = [rule for rule in _rules(virtual_service) if _share(rule, canary) is not None]
    shares = [_share(rule, canary) for rule in rules]
    if canary.analysis.match and len(shares) > 1 and shares[-1] == 0:
        chosen = _only(shares[:-1])
        return Route(chosen, matching=True) if chosen else Route(0) if chosen == 0 else None
    share = _only(shares)
    return None if share is None else Route(share, mirror=_mirror(rules[-1], canary))


def _rules(virtual_service: Json) -> list[Json]:
    spec = virtual_service["spec"]
    rules = [*(spec.get("http") or ()), *(spec.get("tcp") or ())]
    return [rule for rule in rules if not str(rule.get("name") or "").startswith(STICKY)]


def _only(shares: Sequence[int | None]) -> int | None:
    share = shares[0] if len(set(shares)) == 1 else None
    return share if share is not None and 0 <= share <= 100 else None


def _share(rule: Json, canary: Canary) -> int | None:
    """The canary's share of one live rule; None if neither side is in it, -1 if the two do not get all of it."""
    service, route = canary.service, rule.get("route") or ()
    # Istio gives an only destination everything, whatever its weight.
    weights = {entry["destination"]["host"]: 100 if len(route) == 1 else entry.get("weight", 0) for entry in route}
    if not {service.primary_name, service.canary_name} & weights.keys():
        return None
    share = int(weights.get(service.canary_name, 0))
    return share if share + weights.get(service.primary_name, 0) == 100 else -1


def _mirror(rule: Json, canary: Canary) -> int:
    """Percent of the requests that the canary gets copies of; all of them if the rule does not say."""
    if (rule.get("mirror") or {}).get("host") != canary.service.canary_name:
        return 0
    percent: int = round((rule.get("mirrorPercentage") or {}).get("value", 100))
    return min(max(percent, 0), 100)
