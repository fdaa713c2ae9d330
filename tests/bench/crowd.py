"""Twenty instances that tick the same Canaries at the same moment: every step is made once.

Each instance has its own connections to the store and to the API server, and a thread for its ticks. What happened is
read from the history afterwards.
"""

from __future__ import annotations

import io
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from shared.app import build
from shared.errors import StaleRollout
from shared.logs import Log
from shared.settings import read_settings
from shared.state.open import open_store
from shared.tick import tick
from tests.bench.bounds import Bound, bounds_table, broken
from tests.bench.fleet import STEP, Fleet
from tests.bench.serving import CLUSTER, TickFunction, environment_for
from tests.support.cluster import install_crds
from tests.support.figures import Section
from tests.support.prometheus import Prometheus
from tests.support.real_cluster import RealCluster

if TYPE_CHECKING:
    from shared.history import Entry
    from shared.rollout import Rollout, RolloutKey
    from shared.state.store import Store
    from shared.tick import Parts

INSTANCES, CANARIES, ROUNDS = 20, 200, 3

_WORDS = """{instances} instances tick the same {canaries} Canaries at the same moment, {rounds} times, with one SQLite
file and the real API server: {ticks:,} ticks in {seconds:.0f} s made {steps:,} steps."""


class Racing:
    """A store that counts the commits that another instance was faster with."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.lost = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def commit(self, key: RolloutKey, rollout: Rollout, entry: Entry | None) -> None:
        """See ``Store``."""
        try:
            self._store.commit(key, rollout, entry)
        except StaleRollout:
            self.lost += 1
            raise


@dataclass(frozen=True, slots=True)
class Found:
    """What the histories say: steps made, and Canaries whose steps are not each there once, in order."""

    steps: int
    wrong: int
    lost: int
    seconds: float


def measure() -> Section:
    """Let them loose, and read what happened."""
    found = _race()
    bounds = (
        Bound("Canaries with a step that was made twice, left out, or out of order", found.wrong, 0),
        Bound("commits that another instance was faster with", found.lost, INSTANCES * CANARIES * ROUNDS),
    )
    sizes = {"instances": INSTANCES, "canaries": CANARIES, "rounds": ROUNDS, "ticks": INSTANCES * CANARIES * ROUNDS}
    words = _WORDS.format(**sizes, seconds=found.seconds, steps=found.steps)
    return Section("A crowd of instances", (words,), (bounds_table(bounds),), broken=broken(bounds))


def _race() -> Found:
    with ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory()))
        cluster = running.enter_context(RealCluster(folder))
        prometheus = running.enter_context(Prometheus(folder / "prometheus"))
        install_crds(cluster)
        cluster.controllers.kill()
        url = f"sqlite:///{folder}/serin.db"
        environment = environment_for(cluster, folder, url)
        store = running.enter_context(closing(open_store(url)))
        fleet = Fleet(cluster, store, prometheus.url)
        with TickFunction(folder, environment) as function:
            fleet.bring_to_a_step(function, CANARIES)
        parts = [build(read_settings(environment)) for _ in range(INSTANCES)]
        racing = [Racing(each.store) for each in parts]
        crowd = [
            replace(each, store=cast("Store", own), log=Log(io.StringIO()))
            for each, own in zip(parts, racing, strict=True)
        ]
        began = time.monotonic()
        for _ in range(ROUNDS):
            fleet.make_due()
            _tick_all(crowd, fleet)
        seconds = time.monotonic() - began
        steps = [weights_in_history(store, key) for key, _ in store.all(CLUSTER)]
        lost = sum(each.lost for each in racing)
    wanted = [STEP * (number + 1) for number in range(ROUNDS + 1)]
    return Found(sum(len(each) - 1 for each in steps), sum(each != wanted for each in steps), lost, seconds)


def _tick_all(crowd: list[Parts], fleet: Fleet) -> None:
    """Every instance ticks every Canary once, all in the same order."""
    keys = fleet.keys()

    def work(parts: Parts) -> None:
        for key in keys:
            tick(parts, key)

    with ThreadPoolExecutor(len(crowd)) as pool:
        list(pool.map(work, crowd))


def weights_in_history(store: Store, key: RolloutKey) -> list[int]:
    """The canary's weight in each entry of the latest run that says that it advances."""
    ((run, *_),) = (store.runs(key, 1),)
    entries = store.history(key, run["run"])
    return [int(entry["weight"]) for entry in entries if any("Advance " in line["text"] for line in entry["lines"])]
