"""Ticks that die, run twice, meet strangers' edits or find nobody at home: on a real cluster and on the embedded one,
with every store.

What the checks say is given here; everything else is real.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from shared.rollout import Phase
from tests.support.app import Release
from tests.support.dying import STEPS, Killed, dying
from tests.support.serin import Serin, events_of, passing_serin

if TYPE_CHECKING:
    from shared.state.store import Store
    from tests.support.cluster import Cluster


@pytest.fixture
def release(cluster: Cluster, namespace: str) -> Release:
    made = Release(cluster, namespace)
    made.install(interval="1s", stepWeight=10)
    return made


@pytest.fixture
def serin(cluster: Cluster, namespace: str, store: Store) -> Serin:
    return passing_serin(cluster, store, namespace)


def initialized(serin: Serin) -> None:
    serin.run_until(lambda rollout: rollout.phase is Phase.INITIALIZED and rollout.replicas is None)


def started(serin: Serin, release: Release) -> None:
    """Initialized, and in a run of ``app:2`` at weight 10."""
    initialized(serin)
    release.upgrade("app:2")
    serin.hint()
    serin.run_until(lambda rollout: rollout.weight == 10)


def finished(serin: Serin) -> None:
    serin.run_until(lambda rollout: rollout.phase is Phase.SUCCEEDED and not rollout.active)


def test_an_upgrade_is_promoted_step_by_step_in_the_words_of_the_guide(serin: Serin, release: Release) -> None:
    started(serin, release)
    finished(serin)
    run = serin.messages[serin.messages.index("New revision detected! Scaling up frontend." + release.namespace) :]
    name = f"frontend.{release.namespace}"
    assert run == [
        f"New revision detected! Scaling up {name}",
        *[line for line in run if line.startswith("Halt advancement frontend.")],
        f"Starting canary analysis for {name}",
        *[f"Advance {name} canary weight {weight}" for weight in (10, 20, 30, 40, 50)],
        f"Copying {name} template spec to frontend-primary.{release.namespace}",
        *[line for line in run if line.startswith("Halt advancement frontend-primary.")],
        "Routing all traffic to primary",
        f"Promotion completed! Scaling down {name}",
    ]
    assert [event["message"] for event in events_of(release.cluster, release.namespace)] == serin.messages
    assert release.image("frontend-primary") == "app:2"
    assert release.weights() == (100, 0)
    assert release.get("deployment")["spec"]["replicas"] == 0
    assert release.phase() == "Succeeded"


def test_a_changed_config_is_a_revision_and_reaches_the_primary_only_by_promotion(
    serin: Serin, release: Release
) -> None:
    initialized(serin)
    release.patch("configmap", {"data": {"greeting": "bonjour"}})
    serin.hint()
    serin.run_until(lambda rollout: rollout.weight == 30)
    assert release.get("configmap", "frontend-primary")["data"] == {"greeting": "hello"}
    finished(serin)
    assert release.get("configmap", "frontend-primary")["data"] == {"greeting": "bonjour"}
    assert "ConfigMap frontend has changed" in serin.messages
    assert "ConfigMap frontend-primary synced" in serin.messages


def test_a_config_that_changes_in_a_run_restarts_it_by_the_next_sweep(serin: Serin, release: Release) -> None:
    started(serin, release)
    release.patch("secret", {"stringData": {"token": "another"}})
    serin.sweep()
    serin.run_until(lambda rollout: not rollout.weight and "Secret frontend has changed" in serin.messages)
    assert serin.messages[-1].startswith("New revision detected! Restarting analysis")
    finished(serin)
    of_primary = release.get("secret", "frontend-primary")
    assert of_primary["data"] == release.get("secret")["data"]


def test_weights_edited_by_hand_are_restored_and_nothing_advances(serin: Serin, release: Release) -> None:
    started(serin, release)
    routes = release.get("virtualservice")["spec"]["http"]
    routes[0]["route"][0]["weight"], routes[0]["route"][1]["weight"] = 0, 100
    release.patch("virtualservice", {"spec": {"http": routes}})
    version = serin.rollout.version
    serin.run_until(lambda rollout: rollout.version > version)
    assert serin.rollout.weight == 10
    assert release.weights() == (90, 10)
    finished(serin)


def test_ten_ticks_at_the_same_moment_make_one_step(serin: Serin, release: Release) -> None:
    started(serin, release)
    before = serin.rollout
    serin.clock.skip_to(before.due_at)
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda _: serin.tick(), range(10)))
    assert serin.rollout.version == before.version + 1
    assert serin.rollout.weight == 20
    assert release.weights() == (80, 20)


def test_an_api_server_that_is_down_for_three_ticks_loses_nothing(
    serin: Serin, release: Release, cluster: Cluster
) -> None:
    started(serin, release)
    weight, failed = serin.rollout.weight, serin.rollout.failed
    with cluster.api_down():
        for _ in range(3):
            serin.clock.skip_to(serin.rollout.due_at)
            serin.tick()
        assert (serin.rollout.weight, serin.rollout.failed) == (weight, failed)
        assert sum("Kubernetes API" in message for message in serin.messages) == 1
    finished(serin)
    assert release.image("frontend-primary") == "app:2"


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_tick_killed_at_any_of_its_steps_is_healed_by_the_next(
    step: str, after: bool, serin: Serin, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    started(serin, release)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        dying(serin, step, after, patch).run_until(lambda _: False)
    finished(serin)
    advances = [message for message in serin.messages if message.startswith("Advance")]
    assert len(advances) == len(set(advances))
    events = [event["message"] for event in events_of(release.cluster, release.namespace)]
    assert [event for event in events if event.startswith("Advance")] == [
        f"Advance frontend.{release.namespace} canary weight {weight}" for weight in (10, 20, 30, 40, 50)
    ]
    assert release.image("frontend-primary") == "app:2"
    assert release.weights() == (100, 0)
