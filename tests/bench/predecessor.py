"""Serin beside another controller of the same Canary resources, in turn on one API server, with the same app, traffic
and Prometheus.

The controller is a program of Flagger's arguments, whose path the variable CONTROLLER has. Either works alone, as the
same user, whom the audit log counts; watches are left out, and Flagger's are what it idles on.
"""

from __future__ import annotations

import os
import tempfile
import time
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import urllib3

from tests.bench.hosted import hosted
from tests.bench.serving import cpu_seconds, environment_for, peak_mebibytes
from tests.support.app import NAME, Release
from tests.support.cluster import install_crds
from tests.support.figures import Section, Table
from tests.support.mesh import App, measured_mesh
from tests.support.processes import Process, Program, accepts, free_port
from tests.support.prometheus import Prometheus
from tests.support.real_cluster import RealCluster
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CONTROLLER = "CONTROLLER"
"""Environment variable with the path of the other controller's binary."""

IDLE_SECONDS = 60.0
HINT_SECONDS = 35.0
"""A webhook's hint, here that of the new Canary, keeps Serin looking for half a minute: idleness begins after that."""

ANALYSIS = {"interval": "5s", "threshold": 1, "stepWeight": 10, "maxWeight": 50}

_WORDS = """A Deployment with a ConfigMap, a Secret and an autoscaler, an interval of 5 s, five steps of 10 %,
`threshold: 1`; 50 requests a second by a real Envoy, real Prometheus and API server. Either controller ran alone. Serin
is hosted as one process, with a webhook. Requests are without watches, which Serin has none of. The bad version fails
every second request; the time to traffic off the canary runs from the first answer of Prometheus below 99 %."""
_SERIES = 'istio_requests_total{{destination_workload_namespace="{ns}",destination_workload="{name}",{code}}}'


@dataclass(frozen=True, slots=True)
class Measured:
    """What one controller took: seconds, requests, CPU seconds of the whole time, peak memory in MiB."""

    idle: int
    rollout: int
    detection: float
    off: float
    cpu: float
    mebibytes: float

    @property
    def cells(self) -> tuple[str, ...]:
        """As in the table, from top to bottom."""
        times = f"{self.detection:.1f} s", f"{self.off:.1f} s", f"{self.cpu:.1f} s"
        return str(self.idle), str(self.rollout), *times, f"{self.mebibytes:.0f} MiB"


_ROWS = (
    "requests of an idle minute",
    "requests of a rollout of five steps",
    "change to phase Progressing",
    "first bad metric to traffic off the canary",
    "CPU of the whole measurement",
    "peak memory",
)


def measure() -> Section:
    """Both in turn."""
    program = Path(os.environ[CONTROLLER])
    with ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory()))
        cluster = running.enter_context(RealCluster(folder))
        prometheus = running.enter_context(Prometheus(folder / "prometheus"))
        install_crds(cluster)
        measured = [
            _measured(Release(cluster, cluster.create_namespace()), prometheus, folder / name, controller)
            for name, controller in (("ours", _serin), ("theirs", partial(_other, program)))
        ]
    rows = tuple(zip(_ROWS, *(each.cells for each in measured), strict=True))
    return Section("Beside the predecessor", (_WORDS,), (Table(("", "Serin", program.name), rows),))


def _measured(
    release: Release,
    prometheus: Prometheus,
    folder: Path,
    controller: Callable[[Release, Prometheus, Path], AbstractContextManager[Process]],
) -> Measured:
    folder.mkdir()
    app = App(release.cluster, release.namespace, NAME, NAME)
    with (
        measured_mesh(app, prometheus, folder / "mesh") as mesh,
        mesh.load(),
        controller(release, prometheus, folder) as process,
    ):
        release.install("istio", **ANALYSIS)
        _await_phase(release, "Initialized")
        eventually("the target is gone", lambda: release.get("deployment").get("status", {}).get("replicas", 0) == 0)
        time.sleep(HINT_SECONDS)
        mark = release.cluster.mark()
        time.sleep(IDLE_SECONDS)
        idle = _requests(release, mark)
        mark = release.cluster.mark()
        release.upgrade("app:2")
        detection = _await_phase(release, "Progressing")
        _await_phase(release, "Succeeded")
        time.sleep(5)
        rollout = _requests(release, mark)
        off = _seconds_to_safety(release, prometheus)
        cpu, mebibytes = cpu_seconds(process), peak_mebibytes(process)
    return Measured(idle, rollout, detection, off, cpu, mebibytes)


def _requests(release: Release, mark: int) -> int:
    return len(release.cluster.requests_by("serin", mark))


def _await_phase(release: Release, phase: str) -> float:
    """Seconds until the Canary's status shows it."""
    began = time.monotonic()
    eventually(phase, lambda: release.phase() == phase, seconds=180, every=0.02)
    return time.monotonic() - began


def _seconds_to_safety(release: Release, prometheus: Prometheus) -> float:
    release.upgrade("app:3", FAULT_ERROR_RATE="0.5")
    eventually("a bad metric", lambda: _success_rate(release, prometheus) < 99, seconds=180, every=0.1)
    began = time.monotonic()
    eventually("traffic is off", lambda: release.weights() == (100, 0), seconds=180, every=0.02)
    return time.monotonic() - began


def _success_rate(release: Release, prometheus: Prometheus) -> float:
    """Percent of the canary's requests that were answered well; 100 without traffic."""
    series = (_SERIES.format(ns=release.namespace, name=NAME, code=code) for code in ('response_code!~"5.*"', ""))
    good, everything = (f"sum(rate({each}[5s]))" for each in series)
    fields = {"query": f"100 * {good} / {everything}"}
    found = urllib3.request("GET", f"{prometheus.url}/api/v1/query", fields=fields, timeout=5).json()["data"]["result"]
    value = float(found[0]["value"][1]) if found else 100.0
    return 100.0 if value != value else value  # noqa: PLR0124  NaN: no requests


@contextmanager
def _serin(release: Release, prometheus: Prometheus, folder: Path) -> Iterator[Process]:
    with hosted(release, folder, SERIN_METRICS_SERVER=prometheus.url) as functions:
        yield functions.process


@contextmanager
def _other(program: Path, release: Release, prometheus: Prometheus, folder: Path) -> Iterator[Process]:
    config, port = environment_for(release.cluster, folder, "")["SERIN_KUBECONFIG"], free_port()
    arguments = (
        f"-kubeconfig={config}",
        f"-metrics-server={prometheus.url}",
        "-mesh-provider=istio",
        f"-namespace={release.namespace}",
        f"-port={port}",
        "-log-level=info",
    )
    with Process(Program(program.name, (str(program), *arguments), lambda: accepts(port)), folder) as process:
        yield process
