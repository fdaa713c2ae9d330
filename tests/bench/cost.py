"""Measures ``infra/cost/measured.json``: what a rollout and a sweep read and write, and the seconds of each function.

Run by ``python -m tests.bench.cost``, on the real control plane. A heartbeat takes one canary through five steps, and
what it asks of the store is counted as Firestore does: a query is a read for each document found, and at least one. A
second release is made beside a hosted Serin, whose webhook the API server calls and counts. Seconds are those of the
functions alone in processes of their own, called over HTTP, with one canary and with a hundred.
"""

from __future__ import annotations

import json
import re
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sized
from contextlib import closing
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import urllib3

from infra.cost.__main__ import MEASURED
from infra.cost.model import Measured
from shared.heartbeat import Pace, heartbeat
from shared.rollout import Phase
from shared.state.open import open_store
from tests.bench.fleet import Fleet
from tests.bench.hosted import hosted
from tests.bench.serving import SECRET, Function, TickFunction, cpu_seconds, environment_for
from tests.support.app import Release, release_key
from tests.support.cluster import install_crds
from tests.support.prometheus import Prometheus
from tests.support.real_cluster import RealCluster
from tests.support.reviews import review
from tests.support.serin import make_serin, passing
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.state.store import Store
    from tests.support.cluster import Cluster
    from tests.support.serin import Serin

MANY = 100
CALLS = 20
"""Of which the median counts."""

INTERVAL = 4.0
"""Seconds. More than a rollout waits between two looks at pods."""

STEPS = {"interval": f"{INTERVAL:g}s", "stepWeight": 10, "maxWeight": 50}

ENTRY = 2
"""Documents written with an entry of the history: the entry, and the summary of its run."""


class Metered:
    """A store whose documents are counted: ``reads``, ``listed``, ``writes``, ``history`` for entries and ``looks`` for
    commands. ``requests`` are those of a tick and of a sweep, ``intervals`` the ticks that put off the next by one.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.counts: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def commit(self, *arguments: Any) -> None:
        """A document, and those of an entry if there is one."""
        self._store.commit(*arguments)
        _, rollout, entry = arguments
        written = entry is not None
        later = rollout.due_at - datetime.now(UTC) > timedelta(seconds=INTERVAL / 2)
        self.counts += Counter(
            requests=1, writes=1 + ENTRY * written, history=int(written), intervals=int(rollout.active and later)
        )

    def load(self, *arguments: Any) -> Any:
        """One document."""
        self.counts["requests"] += 1
        return self._count("reads", self._store.load(*arguments))

    def due(self, *arguments: Any) -> Any:
        """Those that are due."""
        return self._count("reads", self._store.due(*arguments))

    def next_due(self, *arguments: Any) -> Any:
        """One document."""
        return self._count("reads", self._store.next_due(*arguments))

    def all(self, *arguments: Any) -> Any:
        """Every one."""
        self.counts["requests"] += 1
        return self._count("listed", list(self._store.all(*arguments)))

    def asked(self, *arguments: Any) -> Any:
        """Those with commands."""
        return self._count("looks", self._store.asked(*arguments))

    def _count(self, what: str, found: object) -> object:
        self.counts[what] += max(len(found), 1) if isinstance(found, Sized) else 1
        return found


def measure(folder: Path) -> Measured:
    """All of it: releases with controllers that start pods, and then a hundred canaries that have none."""
    with RealCluster(folder) as cluster:
        install_crds(cluster)
        counted = _rollout(Release(cluster, cluster.create_namespace()))
        calls = _webhook_calls(Release(cluster, cluster.create_namespace()), folder)
    return Measured(**counted, rollout_calls=calls, **_seconds(folder / "fleet"))


def _webhook_calls(release: Release, folder: Path) -> float:
    """How often the API server calls the webhook from a change of the image to the end of the rollout."""
    with hosted(release, folder):
        release.install("istio", metrics=[], **STEPS)
        eventually("initialization", lambda: release.phase() == "Initialized", seconds=120)
        before = _called(release.cluster)
        release.upgrade("app:2")
        eventually("the run has ended", lambda: release.phase() == "Succeeded", seconds=120)
        return _called(release.cluster) - before


def _called(cluster: Cluster) -> float:
    pool = urllib3.PoolManager(ca_certs=cluster.ca_file)
    answer = pool.request("GET", f"{cluster.url}/metrics", headers={"Authorization": f"Bearer {cluster.token}"})
    pattern = r'^apiserver_admission_webhook_request_total\{.*name="all\.serin\.dev".*\} (\S+)$'
    return sum(map(float, re.findall(pattern, answer.data.decode(), re.MULTILINE)))


def _rollout(release: Release) -> dict[str, float]:
    """What one rollout and one sweep ask for, with a heartbeat of this process."""
    release.install(metrics=[], **STEPS)
    key, store = release_key(release.namespace), open_store("sqlite://")
    metered = Metered(store)
    serin = make_serin(release.cluster, cast("Store", metered), key, "http://127.0.0.1:1")
    serin = replace(serin, parts=replace(serin.parts, analyse=passing, namespaces=(release.namespace,)))
    serin.run_until(lambda rollout: rollout.phase is Phase.INITIALIZED and not rollout.active)
    release.upgrade("app:2")
    metered.counts.clear()
    serin.hint()
    mark, began, ticks = release.cluster.mark(), time.monotonic(), 0
    while ticks == 0 or store.next_due(key.cluster) is not None:
        ticks += heartbeat(serin.parts, key.cluster, Pace()).ticks
    seconds, counts = time.monotonic() - began, Counter(metered.counts)
    assert serin.rollout.phase is Phase.SUCCEEDED, serin.messages[-5:]
    asked = counts["requests"] + len(release.cluster.requests_by("serin", mark))
    return {
        "rollout_reads": counts["reads"],
        "rollout_writes": counts["writes"],
        "rollout_history": counts["history"] + 1,  # the summary of the run ends with its entries
        "rollout_ticks": ticks,
        "rollout_intervals": counts["intervals"],
        "rollout_rest": round(seconds - counts["intervals"] * INTERVAL, 2),
        "tick_requests": round(asked / ticks, 1),
        **_sweep(serin, metered, release.cluster),
    }


def _sweep(serin: Serin, metered: Metered, cluster: Cluster) -> dict[str, float]:
    metered.counts.clear()
    mark = cluster.mark()
    serin.sweep()
    counts = metered.counts
    requests = counts["requests"] + counts["reads"] + len(cluster.requests_by("serin", mark))  # it reads one by one
    return {"sweep_listed": counts["listed"], "sweep_reads": counts["reads"], "sweep_requests": requests}


def _seconds(folder: Path) -> dict[str, float]:
    """Those of every function, with one canary and with many of which each is in a step."""
    folder.mkdir()
    with RealCluster(folder) as cluster, Prometheus(folder / "prometheus") as prometheus:
        install_crds(cluster)
        cluster.controllers.kill()
        return _seconds_on(cluster, folder, prometheus.url)


def _seconds_on(cluster: RealCluster, folder: Path, prometheus: str) -> dict[str, float]:
    url = f"sqlite:///{folder}/serin.db"
    environment = environment_for(cluster, folder, url)
    with (
        closing(open_store(url)) as store,
        TickFunction(folder, environment) as tick,
        Function("metrics", folder, environment) as metrics,
        Function("webhook", folder, environment) as webhook,
    ):
        fleet = Fleet(cluster, store, prometheus)
        fleet.bring_to_a_step(tick, 1)
        beat = statistics.median(_beat(fleet, tick) for _ in range(5))
        sweep, scrape = (_median(lambda: tick.call("sweep")), _median(lambda: metrics.ask("GET", "metrics")))
        fleet.bring_to_a_step(tick, MANY)
        before = cpu_seconds(tick.process)
        _beat(fleet, tick)
        cpu = (cpu_seconds(tick.process) - before) / MANY
        sweeps, scrapes = (_median(lambda: tick.call("sweep")), _median(lambda: metrics.ask("GET", "metrics")))
        call = _median(lambda: webhook.ask("POST", f"webhook/{SECRET}", json=review("deployment_update")))
    return {
        "call_seconds": round(call, 4),
        **_line("scrape_seconds", scrape, scrapes),
        **_line("sweep_seconds", sweep, sweeps),
        "tick_cpu": round(cpu, 4),
        "tick_waiting": round(max(beat - cpu, 0), 4),
    }


def _beat(fleet: Fleet, tick: TickFunction) -> float:
    """Seconds of a heartbeat in which every canary makes a step."""
    fleet.make_due()
    began = time.monotonic()
    ticks = tick.call("heartbeat")["ticks"]
    assert ticks == fleet.size, f"{ticks} ticks of {fleet.size} canaries"
    return time.monotonic() - began


def _median(call: Callable[[], object]) -> float:
    """Seconds."""
    return statistics.median(_timed(call) for _ in range(CALLS))


def _timed(call: Callable[[], object]) -> float:
    began = time.monotonic()
    call()
    return time.monotonic() - began


def _line(name: str, one: float, many: float) -> dict[str, float]:
    """A fixed part, and one for each canary."""
    each = max(many - one, 0) / (MANY - 1)
    return {name: round(one - each, 4), f"{name}_each": round(each, 6)}


def main() -> int:
    """Measure and write."""
    with tempfile.TemporaryDirectory() as folder:
        measured = measure(Path(folder))
    MEASURED.write_text(json.dumps(asdict(measured), indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
