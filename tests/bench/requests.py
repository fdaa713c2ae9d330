"""What Serin asks of the API server and of its store: idle, in a sweep, and tick by tick in one rollout."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.bench.bounds import Bound, bounds_table, broken
from tests.bench.cluster import any_cluster
from tests.bench.workload import IDLE_TICKS, STEPS, Costs, count_costs
from tests.support.cluster import install_crds
from tests.support.figures import Section, Table

_WORDS = """A Deployment with a ConfigMap, a Secret and an autoscaler is released in {steps} steps of 10 %. Requests are
those of the audit log of the {kind} API server, Events and status included."""


def measure() -> Section:
    """Count, on the real control plane where it can be had."""
    with tempfile.TemporaryDirectory() as folder, any_cluster(Path(folder)) as cluster:
        install_crds(cluster)
        return section_of(count_costs(cluster), cluster.kind)


def section_of(costs: Costs, kind: str) -> Section:
    """The counts beside their bounds, and the rollout tick by tick."""
    bounds = _bounds(costs)
    rows = tuple((str(n), t.phase, str(len(t.requests)), t.kinds) for n, t in enumerate(costs.ticks, start=1))
    return Section(
        title="Requests",
        words=(_WORDS.format(steps=STEPS, kind=kind),),
        tables=(
            bounds_table(bounds),
            Table(("tick", "phase after it", "requests", "which"), rows, "The rollout, tick by tick:"),
        ),
        broken=broken(bounds),
    )


def _bounds(costs: Costs) -> tuple[Bound, ...]:
    dearest = max(costs.ticks, key=lambda tick: len(tick.requests))
    return (
        Bound(f"requests of an idle Canary, {IDLE_TICKS} ticks", costs.idle, 0),
        Bound("requests of a sweep, however many Canaries there are (to 500)", costs.sweep, 4),
        Bound(f"requests of the dearest tick ({dearest.phase})", len(dearest.requests), 8),
        Bound(f"requests of a rollout of {STEPS} steps", costs.rollout, 80),
        Bound("store reads of a tick, at most", max(tick.reads for tick in costs.ticks), 1),
        Bound("store commits of a tick, at most", max(tick.commits for tick in costs.ticks), 1),
    )
