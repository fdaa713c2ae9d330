"""Counts what Serin asks of the API server and of its store, and prints it beside the budgets. Run by ``make bench``.

The workload is the budgets' own: one Deployment with a ConfigMap, a Secret and an autoscaler; five steps of 10 %.
Requests are counted by the API server's audit log, store operations at the store. Checks pass at once and intervals are
skipped, since neither is a request to Kubernetes. Exit status 1 when a budget is broken.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from shared.rollout import Phase
from shared.state.open import open_store
from tests.support import tools
from tests.support.app import Release, release_key
from tests.support.cluster import install_crds
from tests.support.embedded_cluster import EmbeddedCluster
from tests.support.real_cluster import RealCluster
from tests.support.serin import Serin, make_serin, passing
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shared.state.store import Store
    from tests.support.cluster import AuditEntry, Cluster

STEPS = 5


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: what was counted, how much of it, and how much it may be."""

    what: str
    measured: int
    budget: int

    def __str__(self) -> str:
        verdict = "ok" if self.measured <= self.budget else "BROKEN"
        return f"{self.what:<52}{self.measured:>10}{self.budget:>10}   {verdict}"


@dataclass(frozen=True, slots=True)
class TickCost:
    """What one tick asked for."""

    phase: str
    requests: tuple[AuditEntry, ...]
    reads: int
    commits: int

    def __str__(self) -> str:
        kinds = Counter(
            f"{entry.verb} {entry.resource}{'/' + entry.subresource if entry.subresource else ''}"
            for entry in self.requests
        )
        return f"  {self.phase:<14}{len(self.requests):>3}   " + ", ".join(f"{n} {kind}" for kind, n in kinds.items())


class Counted:
    """A store whose operations are counted."""

    def __init__(self, store: object) -> None:
        self._store = store
        self.counts: Counter[str] = Counter()

    def __getattr__(self, name: str) -> object:
        self.counts[name] += 1
        return getattr(self._store, name)


def main() -> int:
    """Measure, print, and say by the exit status whether every budget holds."""
    with tempfile.TemporaryDirectory() as folder, _cluster(Path(folder)) as cluster:
        install_crds(cluster)
        rows, ticks = measure(cluster)
        print(f"Kubernetes API: {cluster.kind}\n\nOne five-step rollout, tick by tick (state when the tick ended):")
        print(*ticks, sep="\n")
        print(f"\n{'':<52}{'measured':>10}{'budget':>10}")
        print(*rows, sep="\n")
    return int(any(row.measured > row.budget for row in rows))


def measure(cluster: Cluster) -> tuple[Sequence[Row], Sequence[TickCost]]:
    """One rollout, and an idle while, on this cluster."""
    release = Release(cluster, cluster.create_namespace())
    release.install(interval="1s", stepWeight=10, maxWeight=10 * STEPS)
    serin, store = _serin(cluster, release)
    serin.run_until(lambda rollout: rollout.phase is Phase.INITIALIZED and not rollout.active)
    release.upgrade("app:2")
    serin.hint()
    ticks = list(_ticks(serin, store, release))
    most = max(ticks, key=lambda tick: len(tick.requests))
    mark = cluster.mark()
    for _ in range(10):
        serin.tick()
    idle = len(cluster.requests_by("serin", mark))
    mark = cluster.mark()
    serin.sweep()
    swept = len(cluster.requests_by("serin", mark))
    return (
        Row("requests of an idle canary, ten ticks", idle, 0),
        Row("requests of a sweep (list calls, any number)", swept, 4),
        Row(f"requests of the most expensive tick ({most.phase})", len(most.requests), 8),
        Row("requests of a five-step rollout", sum(len(tick.requests) for tick in ticks), 80),
        Row("store reads of a tick (most)", max(tick.reads for tick in ticks), 1),
        Row("store commits of a tick (most)", max(tick.commits for tick in ticks), 1),
    ), ticks


def _ticks(serin: Serin, store: Counted, release: Release) -> Iterator[TickCost]:
    """Every tick of one rollout; pods get the time to start, so that no tick is spent on waiting for them."""
    while (rollout := serin.rollout).active:
        _settle(release)
        serin.clock.skip_to(rollout.due_at)
        mark = release.cluster.mark()
        store.counts.clear()
        serin.tick()
        reads, commits = store.counts["load"], store.counts["commit"]
        yield TickCost(serin.rollout.phase, tuple(release.cluster.requests_by("serin", mark)), reads, commits)


def _settle(release: Release) -> None:
    for name in ("frontend", "frontend-primary"):
        eventually(f"{name} is complete", partial(release.cluster.rollout_complete, release.namespace, name))


def _serin(cluster: Cluster, release: Release) -> tuple[Serin, Counted]:
    store = Counted(open_store("sqlite://"))
    serin = make_serin(cluster, cast("Store", store), release_key(release.namespace), "http://127.0.0.1:1")
    serin.clock.skips = True
    return replace(serin, parts=replace(serin.parts, analyse=passing)), store


def _cluster(folder: Path) -> RealCluster | EmbeddedCluster:
    """The real control plane, where it can be had."""
    needed = (tools.Name.ETCD, tools.Name.API_SERVER, tools.Name.CONTROLLERS)
    missing = [name for name in needed if tools.find(name).path is None]
    return EmbeddedCluster(folder) if missing else RealCluster(folder)


if __name__ == "__main__":
    sys.exit(main())
