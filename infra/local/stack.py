"""The local stack: everything that Serin needs, on loopback, in one folder that disappears with it.

An embedded Kubernetes API with the CRDs, callers with the metrics that they leave behind, and Serin as its users run
it: the tick function behind HTTP, called by a loop as Cloud Scheduler would, with a SQLite file for its memory.

It must never reach beyond loopback, nor leave a process or a file behind.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Self

from infra.local.client import Client, read_manifests
from infra.local.function import ROOT, Function, LogLines
from infra.local.kubernetes.server import LocalKubernetes
from infra.local.metrics_server import MetricsServer
from infra.local.series import Store as SeriesStore
from infra.local.traffic import Traffic
from shared.logs import Log
from shared.rollout import RolloutKey
from shared.schedule import Job, LocalLoop
from shared.state.open import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from shared.json_types import JsonObject

KEY = RolloutKey("default", "test", "podinfo")
"""The one rollout of the demo."""

RATE = 100.0
"""Requests a second."""

BUDGET_SECONDS = 2.0
"""How long one heartbeat goes on: short, so that leaving never waits long for the one under way."""

_JOBS = (Job("heartbeat", every=0.5, limit=30.0), Job("sweep", every=1.0, limit=30.0))
_APP = Path(__file__).parent / "podinfo" / "app.yaml"
_CRDS = (ROOT / "charts" / "serin" / "crds", Path(__file__).parent / "crds")


class Stack:
    """The stack while its ``with`` block lasts. ``lines`` is called with each log line of Serin, from other threads."""

    def __init__(self, lines: Callable[[JsonObject], None]) -> None:
        self._lines = LogLines(lines)
        self._running = ExitStack()

    def __enter__(self) -> Self:
        with self._running as running:
            self.folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix=f"serin-demo-{os.getpid()}-")))
            self.cluster = running.enter_context(LocalKubernetes())
            self.kubeconfig = self.folder / "kubeconfig"
            self.cluster.write_kubeconfig(self.kubeconfig)
            self.client = Client(self.cluster.url)
            self._prepare()
            self._start(running)
            self._running = running.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.__exit__(kind, error, trace)

    def check(self) -> None:
        """DemoError if a part has ended by itself."""
        self._function.check()

    def apply_app(self) -> None:
        """Create podinfo and its Canary, as ``kubectl apply`` would."""
        for manifest in read_manifests(_APP):
            self.client.create(manifest)

    def _prepare(self) -> None:
        files = [file for folder in _CRDS for file in sorted(folder.glob("*.yaml"))]
        self.client.install(read_manifests(*files))
        self.client.create_namespace(KEY.namespace)

    def _start(self, running: ExitStack) -> None:
        series = SeriesStore()
        metrics = running.enter_context(MetricsServer(series))
        store = f"sqlite:///{self.folder / 'serin.db'}"
        settings = self._settings(store, metrics.url)
        self._function = running.enter_context(Function(settings, self.folder, self._lines))
        self.store = open_store(store)
        running.callback(self.store.close)
        self.traffic = running.enter_context(Traffic(self.cluster.url, KEY.namespace, KEY.name, series, RATE, seed=3))
        running.enter_context(LocalLoop(self._function.url, _JOBS, Log(self._lines)))

    def _settings(self, store: str, metrics_url: str) -> Mapping[str, str]:
        return {
            "SERIN_STORE": store,
            "SERIN_CLUSTER": KEY.cluster,
            "SERIN_KUBECONFIG": str(self.kubeconfig),
            "SERIN_METRICS_SERVER": metrics_url,
            "SERIN_EGRESS_ALLOW": "127.0.0.1",
            "SERIN_HEARTBEAT_SECONDS": f"{BUDGET_SECONDS:g}",
        }
