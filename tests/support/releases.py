"""Other releases of Serin over the same store: the documents that they wrote, and how they read and write those of
today.

A release is told by the fields that it knows. What it does not know it keeps and writes back, as every release does.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.schema import from_dict, to_dict
from tests.support.serin import Serin

if TYPE_CHECKING:
    from shared.history import Entry
    from shared.json_types import JsonObject
    from shared.rollout import Rollout, RolloutKey
    from shared.state.store import Store
    from shared.tick import Parts

RECORDED = Path(__file__).parent / "documents"
"""Documents as releases wrote them, a file for each."""

FIRST_FIELDS = frozenset(
    {
        "schema",
        "version",
        "born",
        "phase",
        "phase_since",
        "weight",
        "step",
        "failed",
        "unknown",
        "blind",
        "skipped",
        "paused",
        "applied",
        "promoted",
        "watches",
        "replicas",
        "waiting_since",
        "reconciled",
        "runs",
        "active",
        "due_at",
        "step_at",
        "hinted",
        "hinted_until",
        "sequence",
        "commands",
        "outbox",
        "halt",
        "last_error",
    }
)
"""The fields that a document had before there were strategies, gates, notices, metrics and capacity."""


class _Release:
    """``store`` as a release uses it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


class Earlier(_Release):
    """One that knows nothing but FIRST_FIELDS."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._kept: dict[tuple[RolloutKey, int], JsonObject] = {}

    def load(self, key: RolloutKey) -> Rollout | None:
        """What it can read of the rollout; the rest has its defaults."""
        stored = self._store.load(key)
        if stored is None:
            return None
        document = to_dict(stored)
        self._kept[key, stored.version] = {name: document[name] for name in document if name not in FIRST_FIELDS}
        return from_dict({name: document[name] for name in FIRST_FIELDS})

    def commit(self, key: RolloutKey, rollout: Rollout, entry: Entry | None) -> None:
        """What it knows, and what it kept."""
        written = to_dict(rollout)
        kept = self._kept.get((key, rollout.version - 1), {})
        self._store.commit(key, from_dict({**kept, **{name: written[name] for name in FIRST_FIELDS}}), entry)


class Later(_Release):
    """One that writes a field more. ``seen`` is what it found there, each time."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.seen: list[object] = []

    def load(self, key: RolloutKey) -> Rollout | None:
        """The rollout, as it is."""
        found = self._store.load(key)
        if found is not None:
            self.seen.append(found.kept.get("wrote"))
        return found

    def commit(self, key: RolloutKey, rollout: Rollout, entry: Entry | None) -> None:
        """With that field."""
        self._store.commit(key, replace(rollout, kept={**rollout.kept, "wrote": rollout.version}), entry)


class InTurn(Serin):
    """A Serin each of whose ticks is that of the next release, as while functions are replaced."""

    def __init__(self, serin: Serin, *releases: Parts) -> None:
        super().__init__(serin.parts, serin.key, serin.log, serin.clock)
        self._turns = cycle(releases)

    def tick(self) -> None:
        """One tick, by whoever's turn it is."""
        self.parts = next(self._turns)
        super().tick()
