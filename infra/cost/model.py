"""A month of one installation with one cluster: what is used of each thing that has a price, and what it comes to.

Pure arithmetic on what was measured (``measured.json``), assumed (:class:`Assumptions`) and asked (``prices.json``). It
must never hold a price or a measurement itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, exp
from typing import TYPE_CHECKING, Annotated

if TYPE_CHECKING:
    from collections.abc import Mapping

MONTH = 30 * 24 * 3600
"""Seconds."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was measured of one five-step rollout, and of one call of each function on servers of the same machine.

    What each figure is, the page says in the words beside it.
    """

    rollout_reads: Annotated[float, "documents read in a rollout, without the looks for commands"]
    rollout_writes: Annotated[float, "documents written in a rollout"]
    rollout_history: Annotated[float, "of these, documents of its history"]
    rollout_ticks: Annotated[float, "ticks of a rollout"]
    rollout_intervals: Annotated[float, "of these, ticks that wait for the next by a whole interval"]
    rollout_rest: Annotated[float, "seconds of a rollout besides the intervals, with pods that are ready at once"]
    rollout_calls: Annotated[float, "calls of the webhook for one `kubectl set image`, with all that follows from it"]
    call_seconds: Annotated[float, "seconds of a call of the webhook"]
    scrape_seconds: Annotated[float, "seconds of a scrape"]
    scrape_seconds_each: Annotated[float, "and for each canary besides"]
    sweep_listed: Annotated[float, "documents that a sweep reads for each canary"]
    sweep_reads: Annotated[float, "and besides"]
    sweep_requests: Annotated[float, "requests of a sweep, to the API server and to the store"]
    sweep_seconds: Annotated[float, "seconds of a sweep"]
    sweep_seconds_each: Annotated[float, "and for each canary besides"]
    tick_requests: Annotated[float, "requests of a tick, to the API server and to the store"]
    tick_cpu: Annotated[float, "seconds of a vCPU in a tick"]
    tick_waiting: Annotated[float, "seconds of a tick besides, waiting for servers that are near"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """What is not measured: how Serin is used and set up, and how far the cloud's services are from each other."""

    interval: Annotated[float, "seconds of an interval, between two steps"] = 60
    pods_start: Annotated[float, "seconds until new pods are ready, twice in a rollout: canary and primary"] = 30
    changes: Annotated[float, "other writes to Deployments, ConfigMaps and Secrets a month, for each canary"] = 200
    scrape_every: Annotated[float, "seconds between two scrapes"] = 60
    sweep_every: Annotated[float, "seconds between two sweeps"] = 600
    heartbeat_every: Annotated[float, "seconds between two heartbeats"] = 60
    heartbeat_seconds: Annotated[float, "seconds of a heartbeat, `SERIN_HEARTBEAT_SECONDS`"] = 50
    concurrency: Annotated[float, "rollouts ticked at the same time, `SERIN_CONCURRENCY`"] = 8
    look_every: Annotated[float, "seconds between two looks for commands"] = 1
    round_trip: Annotated[float, "seconds that a request to API server or store takes longer in the cloud"] = 0.02
    billed_by: Annotated[float, "seconds to a multiple of which the time of a request is billed"] = 0.1
    secret_versions: Annotated[float, "versions of secrets"] = 4
    secret_accesses: Annotated[float, "reads of secrets a month"] = 9000
    vcpus: Annotated[float, "vCPUs of an instance"] = 1
    tick_gib: Annotated[float, "GiB of an instance of `tick`"] = 1
    other_gib: Annotated[float, "GiB of an instance of any other function"] = 0.5


@dataclass(frozen=True, slots=True)
class Load:
    """So many canaries, each with so many rollouts a month, independent of each other."""

    canaries: int
    rollouts: float

    @property
    def runs(self) -> float:
        """Rollouts a month."""
        return self.canaries * self.rollouts

    def at_a_time(self, measured: Measured, assumed: Assumptions) -> float:
        """Rollouts under way, on average."""
        return self.runs * rollout_seconds(measured, assumed) / MONTH


def rollout_seconds(measured: Measured, assumed: Assumptions) -> float:
    """How long a rollout keeps the heartbeat awake: its intervals, and its start and promotion."""
    waiting = measured.rollout_ticks * measured.tick_requests * assumed.round_trip
    return measured.rollout_intervals * assumed.interval + measured.rollout_rest + waiting + 2 * assumed.pods_start


def carried(measured: Measured, assumed: Assumptions) -> float:
    """How many rollouts the heartbeats of one instance can tick in every interval, and be late with none.

    Ticks share one vCPU, and wait at the same time as ``concurrency`` others.
    """
    waiting = measured.tick_waiting + measured.tick_requests * assumed.round_trip
    taken = max(measured.tick_cpu / assumed.vcpus, (measured.tick_cpu + waiting) / assumed.concurrency)
    return assumed.interval * assumed.heartbeat_seconds / assumed.heartbeat_every / taken


def used(load: Load, measured: Measured, assumed: Assumptions) -> Mapping[str, float]:
    """Units a month of each price.

    Rollouts begin independently of each other, so the heartbeat is awake for the part of the month in which there is
    at least one: with ``n`` at a time on average that is ``1 - exp(-n)``, and it is asleep when a rollout begins with a
    chance of ``exp(-n)``. One heartbeat runs at a time: a call that finds another shares its instance.
    """
    asleep = exp(-load.at_a_time(measured, assumed))
    scrapes, sweeps = MONTH / assumed.scrape_every, MONTH / assumed.sweep_every
    scheduled, forced = MONTH / assumed.heartbeat_every * (1 - asleep), load.runs + sweeps * (1 - asleep)
    beating = (scheduled + load.runs * asleep) * assumed.heartbeat_seconds
    calls = load.runs * measured.rollout_calls + load.canaries * assumed.changes
    sweep = measured.sweep_seconds + load.canaries * measured.sweep_seconds_each
    scrape = measured.scrape_seconds + load.canaries * measured.scrape_seconds_each
    working = beating + sweeps * _billed(sweep, measured.sweep_requests, assumed)
    answering = calls * _billed(measured.call_seconds, 1, assumed) + scrapes * _billed(scrape, 1, assumed)
    looks = beating / assumed.look_every
    swept = sweeps * (load.canaries * measured.sweep_listed + measured.sweep_reads)
    return {
        "firestore_read": load.runs * measured.rollout_reads + looks + swept + calls + scrapes * load.canaries,
        "firestore_write": load.runs * measured.rollout_writes,
        "firestore_delete": load.runs * measured.rollout_history,
        "request": scheduled + forced + sweeps + calls + scrapes,
        "vcpu_second": (working + answering) * assumed.vcpus,
        "gib_second": working * assumed.tick_gib + answering * assumed.other_gib,
        "scheduler_job": 2,
        "secret_version": assumed.secret_versions,
        "secret_access": assumed.secret_accesses,
    }


def _billed(seconds: float, requests: float, assumed: Assumptions) -> float:
    """Seconds that are paid of a call that took ``seconds`` with servers that are near."""
    return ceil((seconds + requests * assumed.round_trip) / assumed.billed_by) * assumed.billed_by


def bill(use: Mapping[str, float], prices: Mapping[str, Price]) -> Mapping[str, float]:
    """Dollars for each; KeyError names what is used and has no price."""
    return {name: prices[name].of(amount) for name, amount in use.items()}
