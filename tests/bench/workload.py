"""The budgets' own workload, released while somebody counts: one Deployment with a ConfigMap, a Secret and an
autoscaler; five steps of 10 %.

Requests are counted by the API server's audit log, store operations at the store. Checks pass at once and intervals are
skipped, since neither is a request to Kubernetes.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, cast

from shared.rollout import Phase
from shared.state.open import open_store
from tests.support.app import Release
from tests.support.serin import Serin, passing_serin
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shared.state.store import Store
    from tests.support.cluster import AuditEntry, Cluster

STEPS = 5
IDLE_TICKS = 10


@dataclass(frozen=True, slots=True)
class TickCost:
    """What one tick asked for, and the phase in which it left the rollout."""

    phase: str
    requests: tuple[AuditEntry, ...]
    reads: int
    commits: int

    @property
    def kinds(self) -> str:
        """The requests in words, e.g. ``2 get deployments``."""
        counted = Counter(f"{entry.verb} {resource_of(entry)}" for entry in self.requests)
        return ", ".join(f"{number} {kind}" for kind, number in counted.items())


@dataclass(frozen=True, slots=True)
class Costs:
    """Requests of ten ticks of an idle Canary and of a sweep, and what each tick of one rollout asked for."""

    idle: int
    sweep: int
    ticks: tuple[TickCost, ...]

    @property
    def rollout(self) -> int:
        """Requests of the whole rollout."""
        return sum(len(tick.requests) for tick in self.ticks)


class Counted:
    """A store whose operations are counted by name."""

    def __init__(self, store: object) -> None:
        self._store = store
        self.counts: Counter[str] = Counter()

    def __getattr__(self, name: str) -> object:
        self.counts[name] += 1
        return getattr(self._store, name)


def resource_of(entry: AuditEntry) -> str:
    """The resource of a request with its subresource, e.g. ``deployments/scale``."""
    return f"{entry.resource}/{entry.subresource}".rstrip("/")


def count_costs(cluster: Cluster) -> Costs:
    """One rollout and an idle while, on this cluster, which has the CRDs."""
    release = Release(cluster, cluster.create_namespace())
    release.install(interval="1s", stepWeight=10, maxWeight=10 * STEPS)
    store = Counted(open_store("sqlite://"))
    serin = passing_serin(cluster, cast("Store", store), release.namespace)
    serin = replace(serin, parts=replace(serin.parts, namespaces=(release.namespace,)))
    serin.run_until(lambda rollout: rollout.phase is Phase.INITIALIZED and not rollout.active)
    release.upgrade("app:2")
    serin.hint()
    ticks = tuple(_ticks(serin, store, release))
    idle = _requests(cluster, partial(_tick_often, serin))
    return Costs(len(idle), len(_requests(cluster, serin.sweep)), ticks)


def _ticks(serin: Serin, store: Counted, release: Release) -> Iterator[TickCost]:
    """Every tick of one rollout; pods get the time to start, so that no tick is spent on waiting for them."""
    while (rollout := serin.rollout).active:
        for name in ("frontend", "frontend-primary"):
            eventually(f"{name} is complete", partial(release.cluster.rollout_complete, release.namespace, name))
        serin.clock.skip_to(rollout.due_at)
        store.counts.clear()
        requests = _requests(release.cluster, serin.tick)
        reads, commits = store.counts["load"], store.counts["commit"]
        yield TickCost(str(serin.rollout.phase), requests, reads, commits)


def _tick_often(serin: Serin) -> None:
    for _ in range(IDLE_TICKS):
        serin.tick()


def _requests(cluster: Cluster, act: Callable[[], object]) -> tuple[AuditEntry, ...]:
    """What Serin asks of the API server while it acts."""
    mark = cluster.mark()
    act()
    return tuple(cluster.requests_by("serin", mark))
