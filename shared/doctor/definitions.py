"""The kinds that a cluster has to serve, in the version that Serin asks for: its own, and those of routers and KEDA."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.cluster.kinds import Kind
from shared.cluster.rights import Part

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shared.doctor.finding import Area, Finding
    from shared.doctor.ground import Ground


@dataclass(frozen=True, slots=True)
class Served:
    """Kinds of one API version that belong together; ``status`` names those with a status of their own."""

    part: Part
    kinds: tuple[Kind, ...]
    remedy: str
    command: str = ""
    status: tuple[Kind, ...] = ()

    @property
    def version(self) -> str:
        """The API version that all of them have."""
        return self.kinds[0].value[0]

    @property
    def resources(self) -> tuple[str, ...]:
        """What the API server lists when it serves them."""
        return (*(kind.value[1] for kind in self.kinds), *(f"{kind.value[1]}/status" for kind in self.status))


NEEDED = (
    Served(
        Part.ALWAYS,
        (Kind.CANARY, Kind.METRIC_TEMPLATE, Kind.ALERT_PROVIDER),
        "install the definitions of charts/serin; Helm does not upgrade those that are there:",
        "helm show crds charts/serin | kubectl apply --server-side --force-conflicts -f -",
        status=(Kind.CANARY,),
    ),
    Served(
        Part.ISTIO,
        (Kind.VIRTUAL_SERVICE, Kind.DESTINATION_RULE),
        "install Istio (docs/istio.md), or choose another spec.provider",
    ),
    Served(Part.GATEWAY_API_V1, (Kind.HTTP_ROUTE,), "install the Gateway API (docs/gateway-api.md)"),
    Served(Part.GATEWAY_API_V1BETA1, (Kind.HTTP_ROUTE_V1BETA1,), "let spec.provider be gatewayapi:v1"),
    Served(Part.KEDA, (Kind.SCALED_OBJECT,), "install KEDA, or name a HorizontalPodAutoscaler in spec.autoscalerRef"),
)


def examine_definitions(ground: Ground, used: frozenset[Part]) -> Iterator[Finding]:
    """What is served of what is needed. Anybody whom the API server knows may ask that."""
    area = ground.area("definitions")
    for needed in NEEDED:
        listed = ground.gateway.look(f"/apis/{needed.version}") or {}
        yield judge_served(area, needed, listed, used)


def judge_served(area: Area, needed: Served, listed: Mapping[str, object], used: frozenset[Part]) -> Finding:
    """``listed`` is the APIResourceList of the version; empty if the API server has none."""
    found = listed.get("resources")
    names = {str(each["name"]) for each in found} if isinstance(found, list) else set()
    missing = [resource for resource in needed.resources if resource not in names]
    if not missing:
        return area.ok(needed.version, f"serves {', '.join(needed.resources)}")
    seen = f"does not serve {', '.join(missing)}"
    if needed.part in used:
        return area.bad(needed.version, seen, needed.remedy, needed.command)
    return area.ok(needed.version, f"{seen}, and no Canary uses {needed.part}")
