"""A target that KEDA scales: it stays at zero between runs, and the primary has a ScaledObject of its own.

KEDA itself is not here; what it would do to a target at zero is done by the test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shared.rollout import Phase
from tests.support.app import NAME

if TYPE_CHECKING:
    from shared.json_types import JsonObject
    from shared.rollout import Rollout
    from tests.support.app import Release
    from tests.support.serin import Serin

SCALERS = "/apis/keda.sh/v1alpha1/namespaces/{}/scaledobjects"
TRIGGER = {"type": "prometheus", "metadata": {"query": f'sum(rate(requests{{app="{NAME}"}}[1m]))', "threshold": "10"}}


@pytest.fixture
def scaled(release: Release) -> Release:
    install_with_keda(release)
    return release


def install_with_keda(release: Release) -> None:
    """The app with a ScaledObject instead of a HorizontalPodAutoscaler."""
    release.install(interval="1s")
    api = release.cluster.api
    api.delete(release.path("hpa"))
    scaler = {"scaleTargetRef": {"name": NAME}, "minReplicaCount": 2, "maxReplicaCount": 4, "triggers": [TRIGGER]}
    path = SCALERS.format(release.namespace)
    api.create(
        path, {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": {"name": NAME}, "spec": scaler}
    )
    ref = {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": NAME}
    release.patch("canary", {"spec": {"autoscalerRef": ref, "revertOnDeletion": True}})


def scaler_of(release: Release, name: str = NAME) -> JsonObject:
    return release.cluster.api.get(f"{SCALERS.format(release.namespace)}/{name}")


def allow_more(release: Release) -> None:
    """Another limit of the ScaledObject."""
    release.cluster.api.patch(f"{SCALERS.format(release.namespace)}/{NAME}", {"spec": {"maxReplicaCount": 6}})


def is_paused(release: Release) -> bool:
    annotations = scaler_of(release)["metadata"].get("annotations", {})
    return bool(annotations.get("autoscaling.keda.sh/paused-replicas") == "0")


def scale_as_keda(release: Release) -> None:
    """Bring a target at zero to the least that its ScaledObject allows, unless that is paused."""
    if not is_paused(release) and not release.get("deployment")["spec"]["replicas"]:
        release.patch("deployment", {"spec": {"replicas": 2}})


def at_rest(rollout: Rollout) -> bool:
    return rollout.phase in (Phase.INITIALIZED, Phase.SUCCEEDED, Phase.FAILED) and not rollout.active


def test_keda_leaves_the_target_at_zero_between_runs_and_scales_it_during_one(serin: Serin, scaled: Release) -> None:
    serin.sweep()
    serin.run_until(at_rest)
    scale_as_keda(scaled)
    assert scaled.get("deployment")["spec"]["replicas"] == 0
    primarys = scaler_of(scaled, f"{NAME}-primary")["spec"]
    assert primarys["scaleTargetRef"] == {"name": f"{NAME}-primary"}
    assert f'app="{NAME}-primary"' in primarys["triggers"][0]["metadata"]["query"]

    scaled.upgrade("app:2")
    allow_more(scaled)
    serin.hint()
    serin.run_until(lambda rollout: rollout.weight > 0)
    assert not is_paused(scaled)
    serin.run_until(at_rest)
    assert serin.rollout.phase is Phase.SUCCEEDED
    assert is_paused(scaled)
    assert scaled.get("deployment")["spec"]["replicas"] == 0
    assert scaler_of(scaled, f"{NAME}-primary")["spec"]["maxReplicaCount"] == 6


def test_after_the_canary_keda_scales_the_target_again_and_the_primarys_is_gone(serin: Serin, scaled: Release) -> None:
    serin.sweep()
    serin.run_until(at_rest)
    scaled.cluster.api.delete(scaled.path("canary"))
    serin.sweep()
    while serin.parts.store.load(serin.key) is not None:
        serin.tick()
        if (rollout := serin.parts.store.load(serin.key)) is not None:
            serin.clock.skip_to(rollout.due_at)
    assert not is_paused(scaled)
    assert scaled.cluster.api.find(f"{SCALERS.format(scaled.namespace)}/{NAME}-primary") is None
