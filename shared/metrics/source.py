"""What metrics are computed from: every rollout of one cluster at one moment, and nothing that a process remembers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from shared.metrics.exposition import Family, Sample
    from shared.rollout import Rollout, RolloutKey


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All rollouts of one cluster, in the order of their keys.

    Those that only a hint has made wait like any other, but nobody knows yet whether they have a Canary.
    """

    rollouts: tuple[tuple[RolloutKey, Rollout], ...]
    now: datetime

    def born(self) -> Iterator[tuple[RolloutKey, Rollout]]:
        """Those whose Canary was looked at."""
        return ((key, rollout) for key, rollout in self.rollouts if rollout.born)

    def targeted(self) -> Iterator[tuple[tuple[str, str], Rollout]]:
        """Flagger's ``name`` (the target's) and ``namespace`` of every rollout that knows its target."""
        for key, rollout in self.born():
            if rollout.tally.target:
                yield (rollout.tally.target, key.namespace), rollout

    def named(self) -> Iterator[tuple[tuple[str, str], Rollout]]:
        """Namespace and name of every Canary."""
        for key, rollout in self.born():
            yield (key.namespace, key.name), rollout


@dataclass(frozen=True, slots=True)
class Source:
    """A metric and how to compute it."""

    family: Family
    samples: Callable[[Snapshot], Iterable[Sample]]
