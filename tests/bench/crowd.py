"""Twenty instances that tick the same Canaries at the same moment: every step is made once.

Each instance has its own connections to the store and to the API server, and a thread for its ticks. What happened is
read from the history afterwards.
"""

from __future__ import annotations

import io
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from shared.app import build
from shared.errors import StaleRollout
from shared.logs import Log
from shared.settings import read_settings
from shared.tick import tick
from tests.bench.bounds import Bound, bounds_table, broken
from tests.bench.fleet import STEP, a_yard
from tests.bench.serving import CLUSTER, TickFunction
from tests.support.figures import Section

if TYPE_CHECKING:
    from shared.history import Entry
    from shared.rollout import Rollout, RolloutKey
    from shared.state.store import Store
    from shared.tick import Parts
    from tests.bench.fleet import Fleet

INSTANCES, CANARIES, ROUNDS = 20, 200, 3

_WORDS = """{instances} instances tick the same {canaries} Canaries at the same moment, {rounds} times, with one SQLite
file and the real API server: {ticks:,} ticks in {seconds:.0f} s made {steps:,} steps. {lost:,} commits came too late
and were left."""


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
    bounds = (Bound("Canaries with a step that was made twice, left out, or out of order", found.wrong, 0),)
    sizes = {"instances": INSTANCES, "canaries": CANARIES, "rounds": ROUNDS, "ticks": INSTANCES * CANARIES * ROUNDS}
    words = _WORDS.format(**sizes, seconds=found.seconds, steps=found.steps, lost=found.lost)
    return Section("A crowd of instances", (words,), (bounds_table(bounds),), broken=broken(bounds))


def _race() -> Found:
    with a_yard() as yard:
        with TickFunction(yard.folder, yard.environment) as function:
            yard.fleet.bring_to_a_step(function, CANARIES)
        parts = [build(read_settings(yard.environment)) for _ in range(INSTANCES)]
        racing = [Racing(each.store) for each in parts]
        crowd = [
            replace(each, store=cast("Store", own), log=Log(io.StringIO()))
            for each, own in zip(parts, racing, strict=True)
        ]
        began = time.monotonic()
        for _ in range(ROUNDS):
            yard.fleet.make_due()
            _tick_all(crowd, yard.fleet)
        seconds = time.monotonic() - began
        steps = [weights_in_history(yard.store, key) for key, _ in yard.store.all(CLUSTER)]
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
