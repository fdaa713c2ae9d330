"""What the examinations of one cluster share: how it is asked, and what its Canaries say that they need."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shared.canary.model import Provider
from shared.cluster.rights import Part
from shared.doctor.finding import Area
from shared.workload import DAEMON_SET, runs_pods

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from shared.canary.model import Canary
    from shared.cluster.gateway import Gateway
    from shared.clusters.registry import Cluster
    from shared.settings import Settings


@dataclass(frozen=True, slots=True)
class Ground:
    """One cluster. ``user`` is whose rights are looked at; empty: those of who asks."""

    settings: Settings
    cluster: Cluster
    gateway: Gateway
    user: str = ""
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    @property
    def namespaces(self) -> tuple[str | None, ...]:
        """Where Serin looks; None is everywhere."""
        return self.settings.namespaces or (None,)

    def area(self, name: str) -> Area:
        """An area, with the cluster's name where there are several."""
        return area_in(name, self.cluster.name, self.settings)


def area_in(name: str, cluster: str, settings: Settings) -> Area:
    """An area of one cluster."""
    return Area(f"{name} in {cluster}" if settings.clusters else name)


def parts_used(canaries: Iterable[Canary]) -> frozenset[Part]:
    """What these Canaries use of that which not every cluster has."""
    return frozenset({Part.ALWAYS}.union(*map(_parts_of, canaries)))


def _parts_of(canary: Canary) -> Iterator[Part]:
    if canary.has_mesh:
        yield Part.ISTIO
    if canary.provider.is_gateway_api:
        beta = canary.provider is Provider.GATEWAY_API_V1BETA1
        yield from (Part.GATEWAY_API, Part.GATEWAY_API_V1BETA1 if beta else Part.GATEWAY_API_V1)
    if canary.target.kind == DAEMON_SET:
        yield Part.DAEMON_SETS
    if not runs_pods(canary.target.kind):
        yield Part.SERVICES
    if canary.autoscaler and canary.autoscaler.pausable:
        yield Part.KEDA
