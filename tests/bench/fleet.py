"""Many small Canaries on one API server, each in a run of ten steps whose one check passes.

There are no pods: a thousand times two of them would measure the control plane. So the controllers are stopped, and
``Fleet`` says in the status of each Deployment that its pods are ready. All else is real: the API server, the
store, and Prometheus, which answers one query for each check.
"""

from __future__ import annotations

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from shared.errors import StaleRollout
from shared.rollout import Phase
from shared.state.open import open_store
from tests.bench.serving import CLUSTER, environment_for
from tests.support.app import canary
from tests.support.cluster import install_crds
from tests.support.prometheus import Prometheus
from tests.support.real_cluster import RealCluster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shared.json_types import Json, JsonObject
    from shared.rollout import Rollout, RolloutKey
    from shared.state.store import Store
    from tests.bench.serving import TickFunction
    from tests.support.cluster import Cluster

HANDS = 8
SETTLE_SECONDS = 0.5
STEP = 5
"""Percent."""

INTERVAL = "600s"
"""So that nothing falls due by itself: ``make_due`` begins a round."""


@dataclass(frozen=True, slots=True)
class Yard:
    """A control plane whose controllers have stopped, with a store in ``folder`` and a fleet without Canaries yet."""

    folder: Path
    cluster: RealCluster
    environment: dict[str, str]
    store: Store
    fleet: Fleet


@contextmanager
def a_yard() -> Iterator[Yard]:
    """One that stands until the end of the ``with`` block."""
    with ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory()))
        cluster = running.enter_context(RealCluster(folder))
        prometheus = running.enter_context(Prometheus(folder / "prometheus"))
        install_crds(cluster)
        cluster.controllers.kill()
        url = f"sqlite:///{folder}/serin.db"
        store = running.enter_context(closing(open_store(url)))
        yield Yard(folder, cluster, environment_for(cluster, folder, url), store, Fleet(cluster, store, prometheus.url))


class Fleet:
    """Canaries in one namespace, worked on through ``store``."""

    def __init__(self, cluster: Cluster, store: Store, prometheus: str) -> None:
        self.size = 0
        self._api = cluster.api
        self._store = store
        self._prometheus = prometheus
        self._deployments = f"/apis/apps/v1/namespaces/{cluster.create_namespace()}/deployments"

    def bring_to_a_step(self, function: TickFunction, size: int) -> None:
        """``size`` Canaries, every one in a run that has made its first step."""
        self._grow(size)
        self._work_until(lambda rollout: rollout.phase is not Phase.INITIALIZING and rollout.replicas != 0, function)
        self._release("2")
        self._work_until(lambda rollout: rollout.weight > 0, function)

    def _grow(self, size: int) -> None:
        names = [f"app-{number:04}" for number in range(self.size, size)]
        with ThreadPoolExecutor(HANDS) as pool:
            list(pool.map(self._install, names))
        self.size = size

    def _release(self, version: str) -> None:
        """A new version of every target that does not run it."""
        image = {"containers": [{"name": "app", "image": f"app:{version}"}]}
        patch = {"spec": {"template": {"spec": image}}}
        names = [obj["metadata"]["name"] for obj in self._targets() if _image(obj) != f"app:{version}"]
        with ThreadPoolExecutor(HANDS) as pool:
            list(pool.map(lambda name: self._api.patch(f"{self._deployments}/{name}", patch), names))

    def _settle(self) -> None:
        """Let every Deployment be as its spec says."""
        unsettled = [obj for obj in self._api.items(self._deployments) if not _is_settled(obj)]
        with ThreadPoolExecutor(HANDS) as pool:
            list(pool.map(self._make_ready, unsettled))

    def _work_until(self, holds: Callable[[Rollout], bool], function: TickFunction) -> None:
        """Beat, with the pods as ready as they can be all the while."""
        function.call("sweep")
        with ThreadPoolExecutor(1) as pool:
            while not self._all(holds):
                beat = pool.submit(function.call, "heartbeat")
                while not beat.done():
                    self._settle()
                    time.sleep(SETTLE_SECONDS)
                beat.result()

    def _all(self, holds: Callable[[Rollout], bool]) -> bool:
        found = [rollout for _, rollout in self._store.all(CLUSTER)]
        return len(found) == self.size and all(map(holds, found))

    def keys(self) -> list[RolloutKey]:
        """All of them, in order."""
        return [key for key, _ in self._store.all(CLUSTER)]

    def make_due(self) -> None:
        """Let the next step of every run be due now."""
        now = datetime.now(UTC)
        for key, rollout in self._store.all(CLUSTER):
            with suppress(StaleRollout):
                self._store.commit(key, replace(rollout, version=rollout.version + 1, due_at=now, step_at=now), None)

    def _targets(self) -> list[JsonObject]:
        return [obj for obj in self._api.items(self._deployments) if not obj["metadata"]["name"].endswith("-primary")]

    def _install(self, name: str) -> None:
        labels = {"app": name}
        pod = {"containers": [{"name": "app", "image": "app:1"}]}
        spec = {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}
        made = {"metadata": {"name": name, "labels": labels}, "spec": {"replicas": 1, **spec}}
        self._make_ready(self._api.create(self._deployments, made))
        self._api.create(_canaries(self._deployments), _canary(name, self._prometheus))

    def _make_ready(self, obj: Json) -> None:
        counts = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
        generation, wanted = obj["metadata"]["generation"], obj["spec"]["replicas"]
        status = {"observedGeneration": generation, **dict.fromkeys(counts, wanted)}
        self._api.patch(f"{self._deployments}/{obj['metadata']['name']}/status", {"status": status})


def _canaries(deployments: str) -> str:
    return deployments.replace("/apps/v1/", "/flagger.app/v1beta1/").replace("/deployments", "/canaries")


def _canary(name: str, prometheus: str) -> JsonObject:
    check = {"name": "always", "interval": "1m", "query": "vector(100)", "thresholdRange": {"min": 99}}
    made = canary("istio", interval=INTERVAL, stepWeight=STEP, maxWeight=10 * STEP, metrics=[check])
    made["metadata"]["name"] = made["spec"]["targetRef"]["name"] = name
    made["spec"]["metricsServer"] = prometheus
    del made["spec"]["autoscalerRef"]
    return made


def _image(obj: Json) -> str:
    return str(obj["spec"]["template"]["spec"]["containers"][0]["image"])


def _is_settled(obj: Json) -> bool:
    status = obj.get("status", {})
    same_size = status.get("availableReplicas", 0) == obj["spec"]["replicas"]
    return bool(same_size and status.get("observedGeneration") == obj["metadata"]["generation"])
