"""Releases judged by real metrics: a real Prometheus scrapes a real Envoy that carries real requests by the
VirtualService's weights.

The cluster is a real API server, the store Google's Firestore emulator.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from shared.rollout import Phase
from tests.support.app import NAME, Release, release_key
from tests.support.mesh import App
from tests.support.serin import Serin, events_of, make_serin
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shared.state.store import Store
    from tests.support.mesh import Mesh
    from tests.support.prometheus import Prometheus
    from tests.support.real_cluster import RealCluster
    from tests.support.traffic import Load


@pytest.fixture
def release(real_cluster: RealCluster, real_namespace: str) -> Release:
    made = Release(real_cluster, real_namespace)
    made.install()
    return made


@pytest.fixture
def serin(real_cluster: RealCluster, real_namespace: str, firestore: Store, prometheus: Prometheus) -> Serin:
    return make_serin(real_cluster, firestore, release_key(real_namespace), prometheus.url)


@pytest.fixture
def load(release: Release, mesh_of: Callable[[App], Mesh]) -> Iterator[Load]:
    """Callers of the app, from before Serin takes it over until the end of the test."""
    mesh = mesh_of(App(release.cluster, release.namespace, NAME, NAME))
    with mesh.load() as running:
        yield running


def initialized(serin: Serin) -> None:
    serin.run_until(lambda rollout: rollout.phase is Phase.INITIALIZED and rollout.replicas is None)


def upgraded(serin: Serin, release: Release, image: str, **env: str) -> None:
    release.upgrade(image, **env)
    serin.hint()
    serin.run_until(lambda rollout: rollout.phase is Phase.PROGRESSING)


def test_initialization_and_promotion_lose_no_request(serin: Serin, release: Release, load: Load) -> None:
    initialized(serin)
    upgraded(serin, release, "app:2")
    serin.run_until(lambda rollout: rollout.phase is Phase.SUCCEEDED and not rollout.active)
    assert release.image("frontend-primary") == "app:2"
    assert release.weights() == (100, 0)
    traffic = load.traffic()
    assert traffic.failed == 0
    assert traffic.workloads[NAME] > 0, "the canary must have had its share"
    values = [result["value"] for entry in history(serin) for result in entry["results"]]
    assert values
    assert None not in values


@pytest.mark.parametrize("running", [False, True], ids=["at rest", "in a run"])
def test_a_deletion_loses_no_request(running: bool, serin: Serin, release: Release, load: Load) -> None:
    release.patch("canary", {"spec": {"revertOnDeletion": True}})
    initialized(serin)
    if running:
        upgraded(serin, release, "app:2")
        serin.run_until(lambda rollout: rollout.weight == 25)
    else:
        slow = {"annotations": {"local.serin.dev/ready-after": "4s"}}
        release.patch("deployment", {"spec": {"template": {"metadata": slow}}})
    release.cluster.api.delete(release.path("canary"))
    serin.hint()
    eventually("the app is given back", lambda: forgotten(serin), seconds=90)
    for kind, name in (("deployment", "frontend-primary"), ("virtualservice", NAME), ("canary", NAME)):
        assert release.cluster.api.find(release.path(kind, name)) is None
    before = load.traffic()
    eventually("callers go on", lambda: load.traffic().since(before).answered >= 100)
    assert set(load.traffic().since(before).workloads) == {NAME}
    assert load.traffic().failed == 0


def test_a_release_that_answers_with_errors_is_rolled_back(serin: Serin, release: Release, load: Load) -> None:
    initialized(serin)
    upgraded(serin, release, "app:bad", FAULT_ERROR_RATE="0.5")
    serin.run_until(lambda rollout: rollout.phase is Phase.FAILED and not rollout.active)
    name = f"frontend.{release.namespace}"
    halts = [
        text for text in serin.messages if re.fullmatch(rf"Halt {name} advancement success rate \d+\.\d\d% < 99%", text)
    ]
    assert len(halts) >= 3
    assert f"Rolling back {name} failed checks threshold reached 5" in serin.messages
    assert f"Canary failed! Scaling down {name}" in serin.messages
    assert (release.image("frontend-primary"), release.weights(), release.phase()) == ("app:1", (100, 0), "Failed")
    assert release.get("deployment")["spec"]["replicas"] == 0
    assert [event["message"] for event in events_of(release.cluster, release.namespace)] == serin.messages
    assert load.traffic().lost == 0


def test_a_release_that_answers_slowly_is_rolled_back(serin: Serin, release: Release, load: Load) -> None:
    initialized(serin)
    upgraded(serin, release, "app:slow", FAULT_DELAY="1500ms")
    serin.run_until(lambda rollout: rollout.phase is Phase.FAILED and not rollout.active)
    name = f"frontend.{release.namespace}"
    pattern = rf"Halt {name} advancement request duration \d+(\.\d+)?s > 500ms"
    assert any(re.fullmatch(pattern, text) for text in serin.messages), serin.messages
    assert (release.image("frontend-primary"), release.weights()) == ("app:1", (100, 0))
    assert load.traffic().failed == 0


def test_a_release_that_only_answers_with_errors_is_zero_percent_and_not_no_data(
    serin: Serin, release: Release, load: Load
) -> None:
    initialized(serin)
    upgraded(serin, release, "app:broken", FAULT_ERROR_RATE="1")
    serin.run_until(lambda rollout: rollout.phase is Phase.FAILED)
    assert f"Halt frontend.{release.namespace} advancement success rate 0.00% < 99%" in serin.messages
    assert load.traffic().lost == 0


def test_a_metrics_server_that_is_down_for_three_ticks_holds_the_run_and_fails_nothing(
    serin: Serin, release: Release, load: Load, prometheus: Prometheus
) -> None:
    initialized(serin)
    upgraded(serin, release, "app:2")
    serin.run_until(lambda rollout: rollout.weight == 25)
    failed = serin.rollout.failed
    with prometheus.process.down():
        serin.run_until(lambda rollout: rollout.unknown >= 3)
        assert (serin.rollout.weight, serin.rollout.failed) == (25, failed)
    serin.run_until(lambda rollout: rollout.phase is Phase.SUCCEEDED)
    assert sum(text.startswith("Metrics server") for text in serin.messages) == 1
    assert release.image("frontend-primary") == "app:2"
    assert load.traffic().failed == 0


def forgotten(serin: Serin) -> bool:
    """Whether one more tick was the last."""
    serin.tick()
    return serin.parts.store.load(serin.key) is None


def history(serin: Serin) -> list[dict[str, list[dict[str, object]]]]:
    """The entries of the last run."""
    return [dict(entry) for entry in serin.parts.store.history(serin.key, serin.rollout.run)]
