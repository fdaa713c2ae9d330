"""Delivery of what was committed: each line of the outbox becomes one Kubernetes Event, also when ticks die or run
twice.

A line stays in the outbox until the commit after its delivery. Within one process ``Delivered`` remembers what is done;
another process writes the same event again, under the same name, and learns that it exists.

A tick has a budget of requests. What does not fit waits for the next tick, which costs a reader of events nothing: the
time in an event is that of the decision.
"""

from __future__ import annotations

from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING

from shared.cluster.kinds import Kind
from shared.errors import Conflict
from shared.render.event import event

if TYPE_CHECKING:
    from shared.cluster.gateway import Gateway
    from shared.json_types import Json
    from shared.rollout import Line, RolloutKey

BUDGET = 8
"""Kubernetes requests that one tick of an active rollout may make, events and status included."""


class Delivered:
    """What this process has delivered and not yet seen leave the outbox."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._done: dict[RolloutKey, set[int]] = {}

    def add(self, key: RolloutKey, line: Line) -> None:
        """``line`` is delivered."""
        with self._lock:
            self._done.setdefault(key, set()).add(line.sequence)

    def left(self, key: RolloutKey, outbox: tuple[Line, ...]) -> tuple[Line, ...]:
        """The lines that are still to be delivered. What is not in the outbox any more is forgotten."""
        with self._lock:
            done = self._done.get(key, set()) & {line.sequence for line in outbox}
            self._done[key] = done
            if not done:
                del self._done[key]
            return tuple(line for line in outbox if line.sequence not in done)


def deliver(
    delivered: Delivered, gateway: Gateway, key: RolloutKey, raw: Json, outbox: tuple[Line, ...], budget: int = BUDGET
) -> None:
    """Write the events of ``outbox``, oldest first, as far as the budget reaches. Raises what the gateway raises."""
    for line in delivered.left(key, outbox):
        if gateway.spent >= budget:
            return
        with suppress(Conflict):  # written by a tick that died before it could remember
            gateway.create(Kind.EVENT, event(raw, line))
        delivered.add(key, line)
