"""Faults of the parts around Serin, in the middle of a run: what is held, what is said, and that it goes on by itself.

Each run is a release of its own at weight 25 on a real API server, checked by a real Prometheus, with its rollout in a
SQLite file or in Firestore's emulator.
"""

from __future__ import annotations

import contextlib
import sqlite3
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tests.proof import meanwhile
from tests.proof.ordeal import DATABASE, Fault, Outcome, ground, on_firestore, suffer
from tests.support.cluster import install_crds
from tests.support.faulty_proxy import GARBAGE, HALF
from tests.support.figures import Section, Table
from tests.support.firestore import FirestoreEmulator
from tests.support.prometheus import Prometheus
from tests.support.real_cluster import RealCluster
from tests.support.tcp_proxy import TcpProxy
from tests.support.web import make_certificate, reply, send

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.proof.meanwhile import Sight
    from tests.proof.ordeal import Ground
    from tests.support.faulty_proxy import FaultyProxy
    from tests.support.processes import Process
    from tests.support.small_disk import SmallDisk

LONGEST_TICK, LONGEST_RECOVERY = 25.0, 45.0
"""Seconds: half of a heartbeat; the breaker's pause and the rest of a run."""

WORDS = """A release is at weight 25 when one part fails for three ticks. *Held*: phase, weight, failed checks and run
are what they were. *Promoted after*: from the end of the fault to the end of the run, by ticks alone. Its intervals of
one second are skipped, the waits for pods and for the breaker of a cluster are not."""

ROOT_ONLY = "The full disk is missing: only root may mount a small one."


def measure() -> Section:
    """Every fault of every part, in turn."""
    with TemporaryDirectory() as name, contextlib.ExitStack() as running:
        directory = Path(name)
        for part in ("cluster", "prometheus", "firestore"):
            (directory / part).mkdir()
        cluster = running.enter_context(RealCluster(directory / "cluster"))
        install_crds(cluster)
        prometheus = running.enter_context(Prometheus(directory / "prometheus"))
        on_sqlite = running.enter_context(ground(cluster, prometheus, directory))
        outcomes = [suffer(on_sqlite, fault) for fault in faults_of(on_sqlite, directory)]
        sights = list(meanwhile.on_the_ground(on_sqlite, directory))
        emulator = running.enter_context(FirestoreEmulator(directory / "firestore"))
        proxy = running.enter_context(TcpProxy(emulator.host))
        stored = running.enter_context(on_firestore(on_sqlite, proxy.host))
        outcomes += [suffer(stored, fault) for fault in faults_of_firestore(emulator, proxy)]
        sights += meanwhile.without_store(stored, emulator, directory)
    return _section(outcomes, sights, () if on_sqlite.disk.mounted else (ROOT_ONLY,))


def faults_of(ground: Ground, directory: Path) -> Iterator[Fault]:
    """What can be wrong with the API server and who may ask it, with Prometheus, and with the disk."""
    another = make_certificate(directory / "another.pem")
    yield from _faults_of_server("API server", ground.cluster.api_server, ground.api)
    yield Fault("API server", "certificate of an unknown authority", partial(ground.api.disguised, another))
    yield Fault("API server", "token not valid any more, then replaced", partial(expired, ground.token))
    yield from _faults_of_server("Prometheus", ground.prometheus.process, ground.metrics)
    if ground.disk.mounted:
        yield Fault("SQLite", "disk full", partial(disk_full, ground.disk))


def faults_of_firestore(emulator: FirestoreEmulator, proxy: TcpProxy) -> Iterator[Fault]:
    """What can be wrong with Firestore. Its emulator forgets everything when it is killed, so that only its connections
    are."""
    yield Fault("Firestore", "gone (connections refused)", proxy.down)
    yield Fault("Firestore", "frozen (SIGSTOP)", emulator.process.frozen)
    yield Fault("Firestore", "one second slow", partial(proxy.slow, 1.0), holds=False)
    yield Fault("Firestore", "connections cut in the middle of an answer", proxy.breaking_off)


def _faults_of_server(part: str, process: Process, proxy: FaultyProxy) -> Iterator[Fault]:
    yield Fault(part, "killed", process.down)
    yield Fault(part, "frozen (SIGSTOP)", process.frozen)
    yield Fault(part, "one second slow", proxy.slow, holds=False)
    for name, behaviour in {
        "401": reply(401),
        "403": reply(403),
        "429": reply(429, "", {"Retry-After": "1"}),
        "500": reply(500, "oh no"),
        "garbage": reply(200, GARBAGE, {"Content-Type": "application/json"}),
        "half a body": send(HALF),
    }.items():
        yield Fault(part, name, partial(proxy.misbehaving, behaviour))


@contextlib.contextmanager
def expired(token: Path) -> Iterator[None]:
    """Within the block the file holds a token that the API server does not know; after it, one that it does."""
    valid = token.read_text()
    token.write_text("a-token-of-yesterday")
    try:
        yield
    finally:
        token.write_text(valid)


@contextlib.contextmanager
def disk_full(disk: SmallDisk) -> Iterator[None]:
    """Within the block no commit finds space: neither on the disk, nor in what SQLite's log has left over there."""
    with contextlib.closing(sqlite3.connect(disk.folder / DATABASE)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with disk.full():
        yield


def _section(outcomes: Sequence[Outcome], sights: Sequence[Sight], notes: tuple[str, ...]) -> Section:
    header = ("part", "fault", "what the log says first", "held", "longest tick", "promoted after")
    return Section(
        "Faults",
        (WORDS,),
        (Table(header, tuple(map(_row, outcomes))), meanwhile.table_of(sights)),
        notes,
        broken=(*(sentence for outcome in outcomes for sentence in _broken(outcome)), *meanwhile.broken_in(sights)),
    )


def _row(outcome: Outcome) -> tuple[str, ...]:
    held = "yes" if outcome.held else "no" if outcome.fault.holds else "goes on"
    times = (f"{outcome.seconds:.1f} s", f"{outcome.recovery:.1f} s")
    return (outcome.fault.part, outcome.fault.name, outcome.said, held, *times)


def _broken(outcome: Outcome) -> Iterator[str]:
    what = f"{outcome.fault.part} {outcome.fault.name}"
    if outcome.fault.holds and not outcome.held:
        yield f"{what}: the run was not held"
    if outcome.fault.holds and outcome.said == "nothing":
        yield f"{what}: nobody was told"
    if outcome.seconds > LONGEST_TICK:
        yield f"{what}: a tick took {outcome.seconds:.1f} s, the bound is {LONGEST_TICK:.0f} s"
    if outcome.recovery > LONGEST_RECOVERY:
        yield f"{what}: promoted only {outcome.recovery:.1f} s after the fault, the bound is {LONGEST_RECOVERY:.0f} s"
