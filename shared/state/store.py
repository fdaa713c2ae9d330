"""The protocol of the state store: one document a rollout, compare-and-set on its version, history under its runs.

Two implementations, one contract: ``sqlite`` (embedded) and ``firestore`` (production). A tick costs one
:meth:`Store.load` and one :meth:`Store.commit`. Every method, and every page of :meth:`Store.all`, raises
StoreUnavailable within seconds when the store does not answer, never after minutes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from shared.history import Entry
    from shared.json_types import JsonObject
    from shared.rollout import Command, Rollout, RolloutKey


class Store(Protocol):
    """Where rollouts live. Safe to use from many threads and many processes at once."""

    def load(self, key: RolloutKey) -> Rollout | None:
        """The rollout, or None if there is none. One read."""

    def commit(self, key: RolloutKey, rollout: Rollout, entry: Entry | None) -> None:
        """Write ``rollout``, and ``entry`` into its history, in one conditional write.

        Succeeds only if the stored version is ``rollout.version - 1`` (no document for version 1); else StaleRollout
        and nothing is written. After StoreUnavailable it may have been written or not: the next load tells.
        A document over 512 KiB is shortened (``document.fit``).
        """

    def submit(self, key: RolloutKey, command: Command) -> Rollout:
        """Add a command to a rollout by compare-and-set, trying again when a tick commits meanwhile.

        A command whose id waits already changes nothing. KeyError if there is no rollout, Refused if too many wait.
        """

    def due(self, cluster: str, now: datetime, limit: int) -> Sequence[RolloutKey]:
        """Active rollouts of a cluster whose ``due_at`` has come, longest waiting first, then by key."""

    def asked(self, cluster: str) -> Sequence[RolloutKey]:
        """Rollouts of a cluster in which commands wait, in the order of keys. At least one read."""

    def watching(self, cluster: str, namespace: str, ref: str) -> Sequence[RolloutKey]:
        """Rollouts of a namespace that have ``ref`` (``configmap/x``) among their ``watches``, in the order of keys."""

    def all(self, cluster: str) -> Iterable[tuple[RolloutKey, Rollout]]:
        """Every rollout of a cluster, in the order of their keys; pages through large results."""

    def next_due(self, cluster: str) -> datetime | None:
        """When the next active rollout of a cluster falls due; None when nothing is active."""

    def delete(self, key: RolloutKey) -> None:
        """Forget the rollout's document, if there; its runs and their history stay, and grow on if it comes again."""

    def history(self, key: RolloutKey, run: str) -> Sequence[JsonObject]:
        """The entries of one run as plain dicts (:meth:`Entry.to_dict`), oldest first."""

    def runs(self, key: RolloutKey, limit: int) -> Sequence[JsonObject]:
        """The latest runs of a rollout, newest first: ``{"run", "started", "updated", "phase", "entries"}`` each."""

    def expire(self, now: datetime) -> int:
        """Delete history whose days are over, up to a bound; how much went. 0 where the database does that itself.

        What is written gets its days then and there: a store that is opened with other ones changes nothing that is
        there. A run goes when its last entry does, and a rollout never.
        """

    def close(self) -> None:
        """Release connections and files."""
