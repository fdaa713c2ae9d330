"""Readiness of a Deployment, in the words that Flagger's users search for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.workload import Workload, exceeded, parse_workload, readiness, serving
from tests.unit.render.samples import deployment

if TYPE_CHECKING:
    from shared.json_types import JsonObject


def _workload(status: JsonObject | None = None, size: int = 2, generation: int = 3, paused: bool = False) -> Workload:
    raw = deployment()
    raw["metadata"]["generation"] = generation
    raw["spec"].update(replicas=size, paused=paused)
    raw["status"] = {"observedGeneration": 3, **(status or {})}
    return parse_workload(raw)


def _counts(current: int, updated: int, available: int, conditions: list[JsonObject] | None = None) -> JsonObject:
    counts = {"replicas": current, "updatedReplicas": updated, "availableReplicas": available}
    return {**counts, "conditions": conditions}


EXCEEDED: list[JsonObject] = [
    {"type": "Available", "status": "False", "reason": "MinimumReplicasUnavailable"},
    {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"},
]


def test_a_deployment_as_the_api_returns_it() -> None:
    workload = parse_workload(deployment())
    assert str(workload) == "podinfo.test"
    assert (workload.replicas, workload.current, workload.updated, workload.ready, workload.available) == (3,) * 5
    assert [(c.type, c.status, c.reason) for c in workload.conditions] == [
        ("Available", "True", "MinimumReplicasAvailable"),
        ("Progressing", "True", "NewReplicaSetAvailable"),
    ]
    assert readiness(workload) == ""
    assert serving(workload)


@pytest.mark.parametrize(
    ("workload", "reason"),
    [
        (
            _workload(_counts(2, 2, 2), generation=4),
            "waiting for rollout to finish: observed deployment generation less than desired generation",
        ),
        (_workload(_counts(2, 2, 2, EXCEEDED)), 'deployment "podinfo" exceeded its progress deadline'),
        (_workload(_counts(2, 1, 2)), "waiting for rollout to finish: 1 out of 2 new replicas have been updated"),
        (_workload(), "waiting for rollout to finish: 0 out of 2 new replicas have been updated"),
        (_workload(_counts(3, 2, 3)), "waiting for rollout to finish: 1 old replicas are pending termination"),
        (_workload(_counts(2, 2, 1)), "waiting for rollout to finish: 1 of 2 updated replicas are available"),
        (
            _workload(_counts(2, 0, 2), paused=True),
            "waiting for rollout to finish: 0 out of 2 new replicas have been updated (the deployment is paused)",
        ),
        (_workload(_counts(2, 2, 2)), ""),
        (_workload(size=0), ""),
        (_workload(_counts(2, 2, 2), paused=True), ""),
    ],
)
def test_the_reason_is_flaggers(workload: Workload, reason: str) -> None:
    assert readiness(workload) == reason


@pytest.mark.parametrize(
    ("percent", "available", "reason"),
    [
        (100, 2, "waiting for rollout to finish: 2 of 3 updated replicas are available"),
        (67, 2, ""),
        (50, 0, "waiting for rollout to finish: 0 of 1 (readyThreshold 50%) updated replicas are available"),
        (10, 0, "waiting for rollout to finish: 0 of 1 (readyThreshold 10%) updated replicas are available"),
        (0, 0, "waiting for rollout to finish: 0 of 1 (readyThreshold 0%) updated replicas are available"),
    ],
)
def test_part_of_the_pods_can_be_enough_but_never_none(percent: int, available: int, reason: str) -> None:
    assert readiness(_workload(_counts(3, 3, available), size=3), percent) == reason


def test_kubernetes_giving_up_counts_only_for_the_newest_template() -> None:
    assert exceeded(_workload(_counts(2, 1, 1, EXCEEDED)))
    assert not exceeded(_workload(_counts(2, 1, 1, EXCEEDED), generation=4))
    assert not exceeded(_workload(_counts(2, 1, 1)))


@pytest.mark.parametrize(
    ("workload", "serves"),
    [
        (_workload(_counts(2, 2, 1)), True),
        (_workload(_counts(2, 2, 0)), False),
        (_workload(size=0), False),
        (_workload(_counts(2, 2, 2), size=0, generation=4), False),
    ],
    ids=["one pod", "none available", "at zero", "told to go to zero"],
)
def test_a_deployment_at_zero_is_ready_but_serves_nobody(workload: Workload, serves: bool) -> None:
    assert serving(workload) is serves


@given(st.integers(1, 9), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.integers(0, 100))
def test_what_is_ready_and_has_a_size_serves(
    replicas: int, current: int, updated: int, available: int, percent: int
) -> None:
    workload = _workload(_counts(current, updated, available), replicas)
    assert readiness(workload, percent) or serving(workload)
