"""What a router is to Serin: one object that splits a Canary's traffic, perhaps others beside it, and a few questions.

Everything that looks at a router, writes one or gives one back asks here. Another router is another row in ``ROUTERS``,
another value of ``Provider``, and the file with its functions.

It must never say when a router is written: ``desired`` and ``farewell`` do.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from shared.canary.model import Provider
from shared.render import gateway_api, gateway_api_live, istio, istio_live
from shared.rollout import RESTING, Phase
from shared.scene import ObjectId

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from shared.canary.model import Canary
    from shared.json_types import Json, JsonObject
    from shared.plan import Route
    from shared.rollout import Rollout


_ENDED = RESTING | {Phase.FINALISING}


@dataclass(frozen=True, slots=True)
class Router:
    """One kind of router. Its object has the name of the callers' service.

    ``show`` renders the object that shows a route, as the rollout of this version decided it; ``beside`` renders what
    else there has to be. ``read`` tells what a live object shows, None if it does not say so clearly, and
    ``destinations`` the services that a ``spec`` sends requests to. ``pending`` says why a live object is not in force
    yet; empty if it is, or if nobody can tell.
    """

    api_version: str
    kind: str
    show: Callable[[Canary, Route, int], JsonObject]
    beside: Callable[[Canary], tuple[JsonObject, ...]]
    read: Callable[[Json, Canary], Route | None]
    destinations: Callable[[Json], Iterator[str]]
    pending: Callable[[Json], str]

    def id(self, canary: Canary) -> ObjectId:
        """The object that splits the traffic of ``canary``."""
        return ObjectId(self.kind, canary.service.name)

    def ids_beside(self, canary: Canary) -> tuple[ObjectId, ...]:
        """What else there has to be for ``canary``."""
        return tuple(ObjectId(obj["kind"], obj["metadata"]["name"]) for obj in self.beside(canary))


def _never(_live: Json) -> str:
    return ""


def _gateway_api(version: str) -> Router:
    api_version = f"{gateway_api.GROUP}/{version}"
    return Router(
        api_version=api_version,
        kind="HTTPRoute",
        show=partial(gateway_api.http_route, api_version),
        beside=gateway_api.nothing_beside,
        read=gateway_api_live.live_route,
        destinations=gateway_api_live.destinations,
        pending=gateway_api_live.pending,
    )


ROUTERS: Mapping[str, Router] = {
    Provider.ISTIO: Router(
        api_version=istio.API_VERSION,
        kind="VirtualService",
        show=istio.virtual_service,
        beside=istio.destination_rules,
        read=istio_live.live_route,
        destinations=istio_live.destinations,
        pending=_never,
    ),
    Provider.GATEWAY_API: _gateway_api("v1"),
    Provider.GATEWAY_API_V1: _gateway_api("v1"),
    Provider.GATEWAY_API_V1BETA1: _gateway_api("v1beta1"),
}


def router_of(canary: Canary) -> Router | None:
    """The router of a Canary; None if nobody splits its traffic."""
    return ROUTERS.get(canary.provider)


def is_left_behind(canary: Canary, rollout: Rollout) -> bool:
    """Whether the Canary asks for another router while the one before sends requests to the target, from where nobody
    would bring them home; or may send some, because the run ended and that router was not seen at home since.
    """
    now, before = router_of(canary), ROUTERS.get(rollout.provider)
    another = before is not None and (now is None or before.kind != now.kind)
    if not rollout.route.home:
        return now is None or another
    return another and bool(rollout.replicas) and rollout.phase in _ENDED
