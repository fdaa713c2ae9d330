"""A release that meets a fault at weight 25: the real parts around it, and what became of it.

It must never help a run along: after a fault there are ticks only.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import time
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING
from unittest import mock

from shared.app import build
from shared.clusters.registry import ByTokenFile
from shared.clusters.registry import Cluster as Registered
from shared.errors import StoreUnavailable
from shared.logs import Log
from shared.rollout import Phase
from shared.settings import Settings
from tests.support.app import Release, release_key
from tests.support.faulty_proxy import FaultyProxy
from tests.support.firestore import new_project
from tests.support.serin import SECRET, Serin, SkippingClock
from tests.support.small_disk import SmallDisk
from tests.support.waiting import eventually
from tests.support.web import make_certificate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from shared.rollout import Rollout
    from tests.support.cluster import Cluster
    from tests.support.prometheus import Prometheus
    from tests.support.real_cluster import RealCluster

    Break = Callable[[], contextlib.AbstractContextManager[None]]

TICKS = 3
"""Ticks while something is broken: three failures in a row also open the breaker of a cluster."""

RETRIES = timedelta(seconds=30)
"""Skipped before each of them, so that the rollout is due."""

DATABASE = "serin.db"

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
    """The real parts, with a proxy before each that speaks HTTP, and the release that is made again and again.

    ``token`` is the file of the API token, ``disk`` where SQLite's file is.
    """

    cluster: RealCluster
    prometheus: Prometheus
    api: FaultyProxy
    metrics: FaultyProxy
    token: Path
    disk: SmallDisk
    settings: Settings
    release: Release
    serin: Serin


def suffer(ground: Ground, fault: Fault) -> Outcome:
    """A run that meets the fault at weight 25 for some ticks, and then has to end by itself."""
    serin, release = ground.serin, ground.release
    image = upgrade(ground)
    before = serin.run_until(lambda rollout: rollout.weight == 25, 120)
    heard = len(serin.messages)
    with fault.happens():
        seconds = max(seconds_of_tick(serin) for _ in range(TICKS))
    # The store itself may have been the broken part: what it holds is asked for now, as soon as its client has found it
    # again, and before the next tick.
    began = time.monotonic()
    after = eventually("the store answers", lambda: _stored(serin))
    held = (after.phase, after.weight, after.failed, after.run) == (before.phase, 25, before.failed, before.run)
    said = serin.messages[heard:]
    serin.run_until(is_promoted, 120)
    promoted = release.image("frontend-primary") == image and release.weights() == (100, 0)
    recovery = time.monotonic() - began if promoted else float("inf")
    return Outcome(fault, clear(said, ground), held, seconds, recovery)


def _stored(serin: Serin) -> Rollout | None:
    with contextlib.suppress(StoreUnavailable):
        return serin.rollout
    return None


def upgrade(ground: Ground) -> str:
    """A new version of the app, of which Serin is told; its image."""
    image = f"app:{time.monotonic_ns()}"
    ground.release.upgrade(image)
    ground.serin.hint()
    return image


def is_promoted(rollout: Rollout) -> bool:
    """Whether its last run succeeded, and nothing is left of it to do."""
    return rollout.phase is Phase.SUCCEEDED and not rollout.active


@contextlib.contextmanager
def ground(cluster: RealCluster, prometheus: Prometheus, directory: Path) -> Iterator[Ground]:
    """The proxies started, and a release initialized; its rollout is in a SQLite file."""
    with contextlib.ExitStack() as running:
        pem, token = make_certificate(directory / "proxy.pem"), directory / "token"
        token.write_text(cluster.serin_token)
        api = running.enter_context(FaultyProxy(cluster.url, pem=pem, upstream_ca=cluster.ca_file))
        metrics = running.enter_context(FaultyProxy(prometheus.url))
        disk = running.enter_context(SmallDisk(directory / "disk"))
        settings = Settings(
            store=f"sqlite:///{disk.folder}/{DATABASE}",
            clusters=(Registered("test", ByTokenFile(str(token)), api=api.url, ca=str(pem)),),
            metrics_server=metrics.url,
            egress_allow=("127.0.0.1",),
            hash_key=(SECRET.decode(),),
        )
        release = installed(cluster)
        yield Ground(cluster, prometheus, api, metrics, token, disk, settings, release, started(settings, release))


@contextlib.contextmanager
def on_firestore(ground: Ground, host: str) -> Iterator[Ground]:
    """The same parts with another release, whose rollout is in the Firestore emulator at ``host``."""
    settings = replace(ground.settings, store=f"firestore://{new_project()}/(default)")
    release = installed(ground.cluster)
    with mock.patch.dict(os.environ, FIRESTORE_EMULATOR_HOST=host):
        yield replace(ground, settings=settings, release=release, serin=started(settings, release))


def installed(cluster: Cluster) -> Release:
    """The app in a namespace of its own, with steps of a second and a check that passes as long as it is answered."""
    release = Release(cluster, cluster.create_namespace())
    release.install(interval="1s", metrics=[SURE])
    return release


def started(settings: Settings, release: Release, cluster: str = "test") -> Serin:
    """Serin as it is deployed with these settings, and its release in that cluster initialized."""
    log, clock = io.StringIO(), SkippingClock(skips=True)
    parts = replace(build(settings), log=Log(log), clock=clock)
    serin = Serin(parts, replace(release_key(release.namespace), cluster=cluster), log, clock)
    serin.run_until(lambda rollout: rollout.phase is Phase.INITIALIZED and not rollout.active, 120)
    return serin


def seconds_of_tick(serin: Serin) -> float:
    """One tick that is due; how many seconds it took."""
    serin.clock.skipped += RETRIES
    began = time.monotonic()
    serin.tick()
    return time.monotonic() - began


def clear(said: list[str], ground: Ground) -> str:
    """The first line, without what differs from run to run."""
    text = said[0] if said else "nothing"
    names = {
        ground.release.namespace: "shop",
        str(ground.disk.folder): "/data",
        ground.api.url: "https://api",
        ground.metrics.url: "http://prometheus",
    }
    for name, word in names.items():
        text = text.replace(name, word)
    return re.sub(r"(127\.0\.0\.1:)\d+|(Firestore )test-\w+", lambda found: f"{found[1] or found[2]}…", text)
