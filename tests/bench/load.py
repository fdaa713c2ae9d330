"""Many active Canaries on one instance: what one round of ticks and one sweep cost, and how that grows.

The tick function runs in a process of its own, whose memory alone is measured. What it does to its store is counted in
a second round, by the same code in this process.
"""

from __future__ import annotations

import io
import time
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from shared.app import build
from shared.heartbeat import Pace, heartbeat
from shared.logs import Log
from shared.settings import read_settings
from shared.sweep import sweep
from tests.bench.bounds import Bound, bounds_table, broken
from tests.bench.fleet import a_yard
from tests.bench.serving import CLUSTER, TickFunction, peak_mebibytes
from tests.bench.workload import Counted
from tests.support.figures import Section, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.state.store import Store
    from shared.tick import Parts
    from tests.bench.fleet import Yard

SIZES = (10, 100, 1_000)
MOST_SECONDS, MOST_MEBIBYTES = 60.0, 512

_WORDS = """Every Canary is in a run, and all are due at the same moment: each tick observes, asks Prometheus, advances
the weights, and writes status and Event. The real API server, Prometheus, a SQLite file with one `fsync` a commit, and
the load itself share the machine with the one instance. No pods run: the status of Deployments is written by hand."""
_HEADER = (
    "Canaries",
    "seconds",
    "ticks",
    "requests",
    "store operations",
    "memory",
    "requests of a sweep",
    "its store's",
)


@dataclass(frozen=True, slots=True)
class Round:
    """What a round of ticks and a sweep cost: requests to Kubernetes, store operations, peak memory in MiB."""

    canaries: int
    seconds: float
    ticks: int
    requests: int
    store: Counter[str]
    mebibytes: float
    lists: int
    swept: Counter[str]

    @property
    def cells(self) -> tuple[str, ...]:
        """As in the table."""
        counts = f"{self.ticks:,}", f"{self.requests:,}", _in_words(self.store)
        taken, memory = f"{self.seconds:.1f} s", f"{self.mebibytes:.0f} MiB"
        return f"{self.canaries:,}", taken, *counts, memory, str(self.lists), _in_words(self.swept)


def measure() -> Section:
    """Grow from one size to the next on the same API server."""
    rounds = list(_rounds(SIZES))
    largest = rounds[-1]
    bounds = (
        Bound(f"one round of {largest.canaries:,} ticks", largest.seconds, MOST_SECONDS, "s"),
        Bound("peak memory of the instance", largest.mebibytes, MOST_MEBIBYTES, "MiB"),
    )
    lost = (f"{each.canaries} Canaries made {each.ticks} ticks" for each in rounds if each.ticks != each.canaries)
    return Section(
        title="Load",
        words=(_WORDS,),
        tables=(bounds_table(bounds), Table(_HEADER, tuple(each.cells for each in rounds))),
        broken=(*broken(bounds), *lost),
    )


def _rounds(sizes: tuple[int, ...]) -> Iterator[Round]:
    with a_yard() as yard:
        for size in sizes:
            with TickFunction(yard.folder, yard.environment) as function:
                yard.fleet.bring_to_a_step(function, size)
                yield _measured(yard, function)


def _measured(yard: Yard, function: TickFunction) -> Round:
    cluster, fleet = yard.cluster, yard.fleet
    fleet.make_due()
    mark, began = cluster.mark(), time.monotonic()
    ticks = int(function.call("heartbeat")["ticks"])
    seconds, requests = time.monotonic() - began, cluster.requests_by("serin", mark)
    mark = cluster.mark()
    function.call("sweep")
    lists = cluster.requests_by("serin", mark)
    memory = peak_mebibytes(function.process)
    with_counts, counted = _counting(yard.environment)
    fleet.make_due()
    heartbeat(with_counts, CLUSTER, Pace())
    of_round = Counter(counted.counts)
    counted.counts.clear()
    sweep(with_counts, CLUSTER)
    return Round(fleet.size, seconds, ticks, len(requests), of_round, memory, len(lists), Counter(counted.counts))


def _in_words(counts: Counter[str]) -> str:
    return ", ".join(f"{number:,} {name}" for name, number in sorted(counts.items()))


def _counting(environment: dict[str, str]) -> tuple[Parts, Counted]:
    """The same parts in this process, with a store that counts."""
    parts = build(read_settings(environment))
    counted = Counted(parts.store)
    return replace(parts, store=cast("Store", counted), log=Log(io.StringIO())), counted
