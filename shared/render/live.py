"""Reading what live rules send where, whoever wrote them, in the words that all routers share.

Rules for neither side say nothing, and are left out. What then is left has to be of one mind, or nothing is said: a
rollout must not go on from a guess.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.plan import Route

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from shared.canary.model import Canary


@dataclass(frozen=True, slots=True)
class LiveRule:
    """One live rule: percent of its requests by the service that gets them, and of those that the canary gets copies
    of.
    """

    weights: Mapping[str, int]
    mirror: int = 0


def clear_route(rules: Iterable[LiveRule], canary: Canary) -> Route | None:
    """What live ``rules``, in their order and without those for users with a cookie, send where; None if they do not
    say so clearly.

    It is clear if every rule that has one of the two sides splits all its traffic between them, all in the same way. In
    an A/B test the last rule may send everything to the primary: then the others are about the users who match.
    """
    service = canary.service
    found = [rule for rule in rules if not {service.primary_name, service.canary_name}.isdisjoint(rule.weights)]
    shares = [_share(rule, canary) for rule in found]
    if canary.analysis.match and len(shares) > 1 and shares[-1] == 0:
        chosen = _only(shares[:-1])
        return Route(chosen, matching=True) if chosen else Route(0) if chosen == 0 else None
    share = _only(shares)
    return None if share is None else Route(share, mirror=min(max(found[-1].mirror, 0), 100))


def _only(shares: Sequence[int]) -> int | None:
    share = shares[0] if len(set(shares)) == 1 else None
    return share if share is not None and 0 <= share <= 100 else None


def _share(rule: LiveRule, canary: Canary) -> int:
    """The canary's share; -1 if the two sides do not get all of the traffic."""
    share = rule.weights.get(canary.service.canary_name, 0)
    return share if share + rule.weights.get(canary.service.primary_name, 0) == 100 else -1
