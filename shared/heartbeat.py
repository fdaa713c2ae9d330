"""The heartbeat: tick every due rollout of a cluster, many at once, for as long as work falls due inside a time budget.

A rollout that fails never stops another's tick, and the longest waiting goes first, so that too much work is late but
never starved. A process that is told to end begins no further tick and finishes those under way.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Event
from typing import TYPE_CHECKING

from shared.errors import SerinError
from shared.express import express_lane
from shared.tick import RETRY, tick

if TYPE_CHECKING:
    from datetime import datetime

    from shared.rollout import RolloutKey
    from shared.tick import Parts

BATCH = 200
"""Rollouts taken from the store at a time."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a heartbeat may go on (seconds), how many rollouts it ticks at the same time, and how many seconds pass
    between two looks for commands. Once ``stop`` is set it begins no further tick, and leaves.
    """

    seconds: float = 50.0
    concurrency: int = 8
    notice: float = 1.0
    stop: Event = field(default_factory=Event)


@dataclass(frozen=True, slots=True)
class Beat:
    """What a heartbeat did: ticks made, and rollouts that are due but were left for lack of time."""

    ticks: int
    left: int


def heartbeat(parts: Parts, cluster: str, pace: Pace) -> Beat:
    """Tick what is due, wait for what falls due soon, and leave when nothing will within the budget."""
    began, ticks = parts.clock(), 0
    obey = partial(guarded_tick, parts)
    with (
        express_lane(parts.store, cluster, obey, pace.notice, pace.stop) as sleep,
        ThreadPoolExecutor(pace.concurrency, thread_name_prefix="tick") as pool,
    ):
        while not pace.stop.is_set() and (spare := pace.seconds - (parts.clock() - began).total_seconds()) > 0:
            due = parts.store.due(cluster, parts.clock(), BATCH)
            if due:
                ticks += sum(pool.map(partial(_tick_unless_stopped, parts, pace.stop), due))
                continue
            pause = _until_next(parts, cluster)
            if pause is None or pause >= spare:
                break
            sleep(pause)
    left = len(parts.store.due(cluster, parts.clock(), BATCH))
    if not left:
        _pause_if_idle(parts, cluster)
    if ticks or left:
        parts.log.info("Heartbeat", cluster=cluster, ticks=ticks, left=left)
    return Beat(ticks, left)


def _pause_if_idle(parts: Parts, cluster: str) -> None:
    """An idle installation runs nothing. Work that came while the job was being paused resumes it."""
    if (
        parts.store.next_due(cluster) is None
        and parts.jobs.pause(cluster)
        and parts.store.next_due(cluster) is not None
    ):
        parts.jobs.resume(cluster)


def _tick_unless_stopped(parts: Parts, stop: Event, key: RolloutKey) -> bool:
    """Whether it was ticked."""
    if stop.is_set():
        return False
    guarded_tick(parts, key)
    return True


def _until_next(parts: Parts, cluster: str) -> float | None:
    """Seconds until the next active rollout falls due; None when nothing is active."""
    moment: datetime | None = parts.store.next_due(cluster)
    return None if moment is None else max((moment - parts.clock()).total_seconds(), 0.01)


def guarded_tick(parts: Parts, key: RolloutKey) -> None:
    """A tick that cannot take others with it: a fault of Serin's own is logged with its kind, and the rollout stays as
    committed, to be looked at again after a while and not at once.
    """
    try:
        tick(parts, key)
    except SerinError as error:
        parts.log.error(str(error), f"{key.name}.{key.namespace}")
    except Exception as fault:  # noqa: BLE001  the boundary that keeps one rollout's fault from every other rollout
        parts.log.error(f"Fault in Serin, please report it: {fault!r}", f"{key.name}.{key.namespace}")
        _put_off(parts, key)


def _put_off(parts: Parts, key: RolloutKey) -> None:
    """What failed once will most likely fail again; without a pause it would do so many times a second."""
    with suppress(Exception):
        found = parts.store.load(key)
        if found is not None:
            parts.store.commit(key, replace(found, version=found.version + 1, due_at=parts.clock() + RETRY), None)
