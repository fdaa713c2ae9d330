"""Faults of the parts around Serin, in the middle of a run: what is held, what is said, and that it goes on by itself.

Each run is a release of its own at weight 25 on a real API server, checked by a real Prometheus, with its rollout in a
SQLite file or in Firestore's emulator. It must never help a run along: after a fault there are ticks only.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import time
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from unittest import mock

from shared.app import build
from shared.logs import Log
from shared.rollout import Phase
from shared.settings import Settings
from tests.support.app import Release, release_key
from tests.support.cluster import Access, install_crds, kubeconfig
from tests.support.faulty_proxy import GARBAGE, HALF, FaultyProxy
from tests.support.figures import Section, Table
from tests.support.firestore import FirestoreEmulator, new_project
from tests.support.prometheus import Prometheus
from tests.support.real_cluster import RealCluster
from tests.support.serin import SECRET, Serin, SkippingClock
from tests.support.web import make_certificate, reply, send

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tests.support.processes import Process

    Break = Callable[[], contextlib.AbstractContextManager[None]]

TICKS = 3
"""Ticks while something is broken: three failures in a row also open the breaker of a cluster."""

RETRIES = timedelta(seconds=30)
"""Skipped before each of them, so that the rollout is due."""

LONGEST_TICK, LONGEST_RECOVERY = 25.0, 45.0
"""Seconds: half of a heartbeat; the breaker's pause and the rest of a run."""

WORDS = """A release is at weight 25 when one part fails for three ticks. *Held*: phase, weight, failed checks and run
are what they were. *Promoted after*: from the end of the fault to the end of the run, by ticks alone. Its intervals of
one second are skipped, the waits for pods and for the breaker of a cluster are not."""

SURE = {"name": "sure", "query": "vector(100)", "interval": "5s", "thresholdRange": {"min": 99}}


@dataclass(frozen=True, slots=True)
class Fault:
    """``part`` fails in the way of ``name`` within the block of ``happens``; ``holds`` if no step can be made then."""

    part: str
    name: str
    happens: Break
    holds: bool = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a run; ``seconds`` of its longest tick, ``recovery`` in seconds from the end of the fault."""

    fault: Fault
    said: str
    held: bool
    seconds: float
    recovery: float


@dataclass(frozen=True, slots=True)
class Ground:
    """The real parts, with a proxy before each that speaks HTTP, and the release that is made again and again."""

    cluster: RealCluster
    prometheus: Prometheus
    api: FaultyProxy
    metrics: FaultyProxy
    release: Release
    serin: Serin


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
        outcomes = [suffer(on_sqlite, fault) for fault in faults_of(on_sqlite)]
        with firestore(on_sqlite, directory) as (on_firestore, emulator):
            outcomes.append(suffer(on_firestore, Fault("Firestore", "frozen (SIGSTOP)", emulator.process.frozen)))
    return _section(outcomes)


def faults_of(ground: Ground) -> Iterator[Fault]:
    """What can be wrong with the API server and with Prometheus."""
    parts: tuple[tuple[str, Process, FaultyProxy], ...] = (
        ("API server", ground.cluster.api_server, ground.api),
        ("Prometheus", ground.prometheus.process, ground.metrics),
    )
    for part, process, proxy in parts:
        yield Fault(part, "killed", process.down)
        yield Fault(part, "frozen (SIGSTOP)", process.frozen)
        yield Fault(part, "one second slow", proxy.slow, holds=False)
        for name, behaviour in {
            "401": reply(401),
            "429": reply(429, "", {"Retry-After": "1"}),
            "500": reply(500, "oh no"),
            "garbage": reply(200, GARBAGE, {"Content-Type": "application/json"}),
            "half a body": send(HALF),
        }.items():
            yield Fault(part, name, partial(proxy.misbehaving, behaviour))


def suffer(ground: Ground, fault: Fault) -> Outcome:
    """A run that meets the fault at weight 25 for some ticks, and then has to end by itself."""
    serin, release = ground.serin, ground.release
    image = f"app:{time.monotonic_ns()}"
    release.upgrade(image)
    serin.hint()
    before = serin.run_until(lambda rollout: rollout.weight == 25, 120)
    heard = len(serin.messages)
    with fault.happens():
        seconds = max(_timed(serin) for _ in range(TICKS))
    # The store itself may have been the broken part: what it holds is asked for now, before the next tick.
    after = serin.rollout
    held = (after.phase, after.weight, after.failed, after.run) == (before.phase, 25, before.failed, before.run)
    said = serin.messages[heard:]
    began = time.monotonic()
    serin.run_until(lambda rollout: rollout.phase is Phase.SUCCEEDED and not rollout.active, 120)
    promoted = release.image("frontend-primary") == image and release.weights() == (100, 0)
    recovery = time.monotonic() - began if promoted else float("inf")
    return Outcome(fault, _clear(said, ground), held, seconds, recovery)


@contextlib.contextmanager
def ground(cluster: RealCluster, prometheus: Prometheus, directory: Path) -> Iterator[Ground]:
    """The proxies started, and a release initialized; its rollout is in a SQLite file."""
    with contextlib.ExitStack() as running:
        pem = make_certificate(directory / "proxy.pem")
        api = running.enter_context(FaultyProxy(cluster.url, pem=pem, upstream_ca=cluster.ca_file))
        metrics = running.enter_context(FaultyProxy(prometheus.url))
        access = Access(api.url, str(pem), cluster.token, cluster.serin_token)
        file = directory / "kubeconfig"
        file.write_text(json.dumps({**kubeconfig(access), "current-context": "serin"}))
        settings = _settings(f"sqlite:///{directory}/serin.db", file, metrics)
        release = Release(cluster, cluster.create_namespace())
        release.install(interval="1s", metrics=[SURE])
        serin = _started(settings, release)
        yield Ground(cluster, prometheus, api, metrics, release, serin)


@contextlib.contextmanager
def firestore(ground: Ground, directory: Path) -> Iterator[tuple[Ground, FirestoreEmulator]]:
    """The same parts with another release, whose rollout is in Firestore's emulator."""
    with FirestoreEmulator(directory / "firestore") as emulator:
        settings = _settings(f"firestore://{new_project()}/(default)", directory / "kubeconfig", ground.metrics)
        release = Release(ground.cluster, ground.cluster.create_namespace())
        release.install(interval="1s", metrics=[SURE])
        with mock.patch.dict(os.environ, FIRESTORE_EMULATOR_HOST=emulator.host):
            yield replace(ground, release=release, serin=_started(settings, release)), emulator


def _settings(store: str, kubeconfig: Path, metrics: FaultyProxy) -> Settings:
    return Settings(
        store=store,
        cluster="test",
        kubeconfig=str(kubeconfig),
        metrics_server=metrics.url,
        egress_allow=("127.0.0.1",),
        hash_key=(SECRET.decode(),),
    )


def _started(settings: Settings, release: Release) -> Serin:
    log, clock = io.StringIO(), SkippingClock(skips=True)
    parts = replace(build(settings), log=Log(log), clock=clock)
    serin = Serin(parts, release_key(release.namespace), log, clock)
    serin.run_until(lambda rollout: rollout.phase is Phase.INITIALIZED and not rollout.active, 120)
    return serin


def _timed(serin: Serin) -> float:
    """One tick that is due; how many seconds it took."""
    serin.clock.skipped += RETRIES
    began = time.monotonic()
    serin.tick()
    return time.monotonic() - began


def _clear(said: list[str], ground: Ground) -> str:
    """The first line, without what differs from run to run."""
    text = said[0] if said else "nothing"
    names = {ground.release.namespace: "shop", ground.api.url: "https://api", ground.metrics.url: "http://prometheus"}
    for name, word in names.items():
        text = text.replace(name, word)
    return re.sub(r"(port=)\d+|(Firestore )test-\w+", lambda found: f"{found[1] or found[2]}…", text)


def _section(outcomes: Iterable[Outcome]) -> Section:
    outcomes = tuple(outcomes)
    header = ("part", "fault", "what the log says first", "held", "longest tick", "promoted after")
    return Section(
        "Faults",
        (WORDS,),
        (Table(header, tuple(map(_row, outcomes))),),
        broken=tuple(sentence for outcome in outcomes for sentence in _broken(outcome)),
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
