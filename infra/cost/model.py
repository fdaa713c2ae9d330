"""A month of one installation with one cluster: what is used of each thing that has a price, and what it comes to.

Pure arithmetic on what was measured (``measured.json``), assumed (:class:`Assumptions`) and asked (``prices.json``). It
must never hold a price or a measurement itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MONTH = 30 * 24 * 3600
"""Seconds."""

SWEEPS = MONTH // 600
"""Every ten minutes, whatever happens."""


@dataclass(frozen=True, slots=True)
class Price:
    """``price`` in dollars for every ``per`` units beyond the ``free`` ones of a month."""

    price: float
    per: float
    free: float
    unit: str
    source: str

    def of(self, used: float) -> float:
        """Dollars for so much."""
        return max(used - self.free, 0) / self.per * self.price


@dataclass(frozen=True, slots=True)
class Measured:
    """Documents at the store: read and written by one five-step rollout, those of its history, and read by a sweep.

    ``rollout_reads`` are without the looks for commands, which depend on how long a rollout takes. A sweep reads
    ``sweep_listed`` for each canary and ``sweep_reads`` besides.
    """

    rollout_reads: float
    rollout_writes: float
    rollout_history: float
    sweep_listed: float
    sweep_reads: float
    looks_a_second: float


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What is not measured. Seconds where it is about time; what is per canary is so per month."""

    minutes_of_a_rollout: float = 15
    changes_per_canary: float = 200
    call_seconds: float = 0.1
    sweep_seconds: float = 5
    scrape_every: float = 60
    secret_versions: float = 4
    secret_accesses: float = 9000
    tick_gib: float = 1
    other_gib: float = 0.5
    vcpus: float = 1


def used(canaries: int, rollouts: float, measured: Measured, assumed: Assumptions) -> Mapping[str, float]:
    """Units a month of each price, for so many canaries with so many ``rollouts`` each.

    Rollouts begin independently of each other, so the heartbeat is awake for the part of the month in which there is
    at least one: with a load of ``n`` at a time on average that is ``1 - exp(-n)``.
    """
    runs = canaries * rollouts
    awake = MONTH * (1 - exp(-runs * assumed.minutes_of_a_rollout * 60 / MONTH))
    changes, scrapes = canaries * assumed.changes_per_canary, MONTH / assumed.scrape_every
    working = awake + SWEEPS * assumed.sweep_seconds
    answering = (changes + scrapes) * assumed.call_seconds
    looks = awake * measured.looks_a_second
    swept = SWEEPS * (canaries * measured.sweep_listed + measured.sweep_reads)
    return {
        "firestore_read": runs * measured.rollout_reads + looks + swept + changes + scrapes * canaries,
        "firestore_write": runs * measured.rollout_writes,
        "firestore_delete": runs * measured.rollout_history,
        "request": awake / 60 + SWEEPS + changes + scrapes,
        "vcpu_second": (working + answering) * assumed.vcpus,
        "gib_second": working * assumed.tick_gib + answering * assumed.other_gib,
        "scheduler_job": 2,
        "secret_version": assumed.secret_versions,
        "secret_access": assumed.secret_accesses,
    }


def bill(use: Mapping[str, float], prices: Mapping[str, Price]) -> Mapping[str, float]:
    """Dollars for each; KeyError names what is used and has no price."""
    return {name: prices[name].of(amount) for name, amount in use.items()}
