"""Joining two lists of Istio's match conditions (HTTPMatchRequest): what both ask for.

In a list any entry may fit, so that the joint list has every pair (Flagger). Flagger lets an analysis' headers take
the place of the service's, and so shows the canary requests that the service was never to route; here both have to fit.
Where both name the same header, or both have a condition on the path, there can be but one: the header is the
analysis', which is what it is there for, and the path the service's (Flagger).
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

from shared.canary.strategy import JOINED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.json_types import Json, JsonObject


def combine(chosen: Sequence[Json], service: Sequence[Json]) -> list[JsonObject]:
    """Matches that fit what one of ``chosen`` and one of ``service`` fits; an empty ``service`` fits everything."""
    return [_join(one, other) for one in chosen for other in service or ({},)]


def _join(chosen: Json, service: Json) -> JsonObject:
    joined = {
        field: {**(service.get(field) or {}), **(chosen.get(field) or {})}
        for field in JOINED
        if service.get(field) or chosen.get(field)
    }
    return deepcopy({**chosen, **service, **joined})
