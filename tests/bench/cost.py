"""Measures ``infra/cost/measured.json``: the documents that a rollout and a sweep read and write at the store.

Run by ``python -m tests.bench.cost``. A heartbeat takes one canary through five steps, as in production, and what it
asks of the store is counted as Firestore does: a query is a read for each document found, and at least one.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter
from collections.abc import Sized
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from infra.cost.__main__ import MEASURED
from infra.cost.model import Measured
from shared.heartbeat import Pace, heartbeat
from shared.rollout import Phase
from shared.state.open import open_store
from tests.support.app import Release, release_key
from tests.support.cluster import install_crds
from tests.support.embedded_cluster import EmbeddedCluster
from tests.support.serin import make_serin, passing

if TYPE_CHECKING:
    from shared.state.store import Store

ENTRY = 2
"""Documents written with an entry of the history: the entry, and the summary of its run."""


class Metered:
    """A store whose documents are counted: ``reads``, ``listed``, ``writes``, ``history`` for entries and ``looks`` for
    commands.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.counts: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def commit(self, *arguments: Any) -> None:
        """A document, and those of an entry if there is one."""
        self._store.commit(*arguments)
        written = arguments[2] is not None
        self.counts["writes"] += 1 + ENTRY * written
        self.counts["history"] += written

    def load(self, *arguments: Any) -> Any:
        """One document."""
        return self._count("reads", self._store.load(*arguments))

    def due(self, *arguments: Any) -> Any:
        """Those that are due."""
        return self._count("reads", self._store.due(*arguments))

    def next_due(self, *arguments: Any) -> Any:
        """One document."""
        return self._count("reads", self._store.next_due(*arguments))

    def all(self, *arguments: Any) -> Any:
        """Every one."""
        return self._count("listed", list(self._store.all(*arguments)))

    def asked(self, *arguments: Any) -> Any:
        """Those with commands."""
        return self._count("looks", self._store.asked(*arguments))

    def _count(self, what: str, found: object) -> object:
        self.counts[what] += max(len(found), 1) if isinstance(found, Sized) else 1
        return found


def measure(folder: Path) -> Measured:
    """One rollout and one sweep in the embedded cluster."""
    with EmbeddedCluster(folder) as cluster:
        install_crds(cluster)
        release = Release(cluster, cluster.create_namespace())
        release.install(interval="1s", stepWeight=10, maxWeight=50)
        store = Metered(open_store("sqlite://"))
        serin = make_serin(cluster, cast("Store", store), release_key(release.namespace), "http://127.0.0.1:1")
        serin = replace(serin, parts=replace(serin.parts, analyse=passing))
        serin.run_until(lambda rollout: rollout.phase is Phase.INITIALIZED and not rollout.active)
        release.upgrade("app:2")
        serin.sweep()
        store.counts.clear()
        while serin.rollout.active:
            heartbeat(serin.parts, "test", Pace(seconds=50))
        assert serin.rollout.phase is Phase.SUCCEEDED, serin.messages[-5:]
        rollout = Counter(store.counts)
        store.counts.clear()
        serin.sweep()
        swept = store.counts
    looks = 1 / Pace().notice
    history = rollout["history"] + 1  # the summary of the run ends with its entries
    return Measured(rollout["reads"], rollout["writes"], history, swept["listed"], swept["reads"], looks)


def main() -> int:
    """Measure and write."""
    with tempfile.TemporaryDirectory() as folder:
        measured = measure(Path(folder))
    MEASURED.write_text(json.dumps(asdict(measured), indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
