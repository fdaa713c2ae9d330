"""Cold start: from the start of a function's process to its first committed tick, and what each function imports.

The tick is that of an idle Canary with a hint, on the API server, by the very server that Cloud Run starts. Modules are
compiled beforehand, as in an image.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from shared.rollout import with_hint
from shared.state.open import open_store
from tests.bench.bounds import Bound, bounds_table, broken
from tests.bench.cluster import any_cluster
from tests.bench.serving import CLUSTER, TickFunction, environment_for
from tests.support.app import Release
from tests.support.cluster import install_crds
from tests.support.figures import ROOT, Section, Table
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.support.cluster import Cluster

STARTS = 5
MOST_SECONDS = 2.0

_CLIENTS = ("kubernetes", "google.cloud.firestore", "google.cloud.scheduler_v1", "grpc", "slack_sdk", "requests")
"""Packages that a function may only load if it uses them."""


@dataclass(frozen=True, slots=True)
class Function:
    """One function: what builds its parts, and which of the clients it uses with the store in SQLite."""

    name: str
    build: str
    uses: frozenset[str]


FUNCTIONS = (
    Function("webhook", "shared.webhook:webhook_of_process", frozenset()),
    Function("slack", "shared.slack:slack_of_process", frozenset({"slack_sdk"})),
    Function("tick", "shared.app:of_process", frozenset({"kubernetes", "slack_sdk", "requests"})),
    Function("event", "shared.app:of_process", frozenset({"kubernetes", "slack_sdk", "requests"})),
    Function("metrics", "shared.metrics.scrape:scrape_of_process", frozenset()),
)

_WORDS = "From the start of the process to the answer of the heartbeat that ticked, {kind} API server, SQLite."


def measure() -> Section:
    """Start it a few times, and list what each function imports."""
    with tempfile.TemporaryDirectory() as folder, any_cluster(Path(folder)) as cluster:
        install_crds(cluster)
        environment = environment_for(cluster, Path(folder), f"sqlite:///{folder}/serin.db")
        starts = list(_starts(cluster, Path(folder), environment))
        loaded = {function: load_function(function, environment) for function in FUNCTIONS}
    bounds = (
        Bound(f"cold start to the first committed tick, {STARTS} starts", statistics.median(starts), MOST_SECONDS, "s"),
    )
    unused = (
        f"the function {function.name} imports {package}, which it does not use"
        for function, found in loaded.items()
        for package in unused_clients(function, found.modules)
    )
    rows = tuple(_row(function, found) for function, found in loaded.items())
    header = ("function", "imports", "modules", "clients", "dearest packages, without what they import")
    return Section(
        title="Cold start",
        words=(_WORDS.format(kind=cluster.kind),),
        tables=(bounds_table(bounds), Table(header, rows, "Imports of each function, with its parts built:")),
        broken=(*broken(bounds), *unused),
    )


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a process imported: its modules, and seconds by package."""

    modules: tuple[str, ...]
    seconds: Mapping[str, float]


def unused_clients(function: Function, modules: tuple[str, ...]) -> tuple[str, ...]:
    """Clients that were imported although the function does not use them."""
    return tuple(client for client in clients_in(modules) if client not in function.uses)


def clients_in(modules: tuple[str, ...]) -> tuple[str, ...]:
    """Clients among the modules."""
    return tuple(client for client in _CLIENTS if client in modules)


def _row(function: Function, loaded: Loaded) -> tuple[str, ...]:
    dearest = ", ".join(f"{name} {1000 * spent:.0f} ms" for name, spent in Counter(loaded.seconds).most_common(5))
    total = f"{1000 * sum(loaded.seconds.values()):.0f} ms"
    return function.name, total, str(len(loaded.modules)), ", ".join(clients_in(loaded.modules)) or "none", dearest


def load_function(function: Function, environment: dict[str, str]) -> Loaded:
    """A process that imports the function and builds what it works with."""
    module, build = function.build.split(":")
    script = f"import json, sys, functions.{function.name}\nfrom {module} import {build}\n{build}()\n"
    script += "print(json.dumps(sorted(sys.modules)))"
    command = [sys.executable, "-X", "importtime", "-c", script]
    for _ in range(2):  # the first one compiles
        done = subprocess.run(
            command, env={**os.environ, **environment}, cwd=ROOT, capture_output=True, text=True, check=True
        )
    seconds: Counter[str] = Counter()
    for own, name in re.findall(r"import time:\s+(\d+) \|\s+\d+ \|\s*(\S+)", done.stderr):
        seconds[_package(name)] += int(own)
    return Loaded(tuple(json.loads(done.stdout)), {name: spent / 1e6 for name, spent in seconds.items()})


def _package(module: str) -> str:
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names:
        return "Python"
    return "Serin" if top in ("shared", "functions") else top


def _starts(cluster: Cluster, folder: Path, environment: dict[str, str]) -> Iterator[float]:
    """Seconds of each start."""
    release = Release(cluster, cluster.create_namespace())
    release.install(interval="60s")
    with TickFunction(folder, environment) as function:
        function.call("sweep")
        eventually("rest", lambda: not function.call("heartbeat")["left"] and release.phase() == "Initialized")
    with closing(open_store(environment["SERIN_STORE"])) as store:
        for _ in range(STARTS):
            ((key, rollout),) = store.all(CLUSTER)
            store.commit(key, with_hint(rollout, datetime.now(UTC)), None)
            began = time.monotonic()
            with TickFunction(folder, environment) as function:
                ticks = function.call("heartbeat")["ticks"]
                yield time.monotonic() - began
            assert ticks == 1, f"{ticks} ticks, not one"
