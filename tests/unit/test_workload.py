"""Size and readiness of each kind of target, in the words that Flagger's users search for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.workload import (
    Workload,
    as_written,
    exceeded,
    is_smaller,
    parse_workload,
    readiness,
    scaling,
    serving,
    size_of,
    template_of,
)
from tests.support.reviews import anything
from tests.unit.render.samples import daemon_set, deployment, service

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


ZERO = {"flagger.app/scale-to-zero": "true"}


def _daemons(zero: bool = False, generation: int = 3, **status: int) -> JsonObject:
    raw = daemon_set()
    raw["metadata"]["generation"] = generation
    raw["spec"]["template"]["spec"]["nodeSelector"] = {"disk": "ssd", **(ZERO if zero else {})}
    counts = {"desired": "desiredNumberScheduled", "current": "currentNumberScheduled", "stray": "numberMisscheduled"}
    counts |= {"updated": "updatedNumberScheduled", "available": "numberAvailable"}
    raw["status"] = {"observedGeneration": 3, **{counts[name]: number for name, number in status.items()}}
    return raw


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (_daemons(desired=3, current=3, updated=3, available=3), ""),
        (_daemons(desired=3, current=3, updated=3, available=3, stray=1), ""),
        (
            _daemons(desired=3, current=3, updated=3, available=3, generation=4),
            "waiting for rollout to finish: observed daemonset generation less than desired generation",
        ),
        (
            _daemons(desired=3, current=3, updated=1, available=3),
            "waiting for rollout to finish: 1 out of 3 new replicas have been updated",
        ),
        (
            _daemons(desired=3, current=3, updated=3, available=2),
            "waiting for rollout to finish: 2 of 3 updated replicas are available",
        ),
        (_daemons(desired=0), "waiting for rollout to finish: 0 out of 1 new replicas have been updated"),
        (_daemons(zero=True), ""),
        (_daemons(zero=True, stray=2), "waiting for rollout to finish: 2 old replicas are pending termination"),
    ],
    ids=["up", "a closed node", "unseen", "updating", "not available", "no node", "at zero", "going to zero"],
)
def test_a_daemonset_is_ready_when_every_node_that_should_has_a_new_pod(raw: JsonObject, reason: str) -> None:
    assert readiness(parse_workload(raw)) == reason


def test_a_daemonset_without_a_node_serves_nobody() -> None:
    assert not serving(parse_workload(_daemons(desired=0)))
    assert not serving(parse_workload(_daemons(zero=True, available=2)))
    assert serving(parse_workload(_daemons(desired=2, available=1)))


def test_the_size_of_a_daemonset_is_zero_or_what_its_nodes_make_it() -> None:
    assert [size_of(_daemons(zero=True, desired=3)), size_of(_daemons()), size_of(_daemons(desired=3))] == [0, 1, 3]
    assert is_smaller(_daemons(zero=True), 3)
    assert not is_smaller(_daemons(desired=1), 3)
    assert not is_smaller(_daemons(zero=True), 0)


def test_the_size_of_a_deployment_is_its_replicas() -> None:
    assert (size_of(deployment()), size_of({"kind": "Deployment", "spec": {}})) == (3, 1)
    assert [is_smaller(deployment(), wanted) for wanted in (2, 3, 4)] == [False, False, True]


def test_zero_is_no_part_of_what_its_author_wrote() -> None:
    assert template_of(_daemons(zero=True)) == template_of(_daemons())
    without: JsonObject = {"spec": {"containers": []}}
    assert as_written({"spec": {**without["spec"], "nodeSelector": ZERO}}) == without


@given(anything)
def test_anything_else_is_left_as_it_is(value: object) -> None:
    assert as_written(value) is value


def test_each_kind_is_scaled_in_its_own_way() -> None:
    assert scaling("Deployment", 4) == ({"spec": {"replicas": 4}}, "scale")
    for replicas, mark in ((0, "true"), (4, None)):
        selector = {"flagger.app/scale-to-zero": mark}
        assert scaling("DaemonSet", replicas) == ({"spec": {"template": {"spec": {"nodeSelector": selector}}}}, "")


def test_a_service_has_no_size_is_ready_and_serves() -> None:
    workload = parse_workload(service())
    assert (size_of(service()), is_smaller(service(), 3), readiness(workload), serving(workload)) == (
        0,
        False,
        "",
        True,
    )


def test_a_service_out_of_a_list_has_the_same_template() -> None:
    listed = {field: value for field, value in service().items() if field not in ("kind", "apiVersion")}
    assert template_of(listed) == template_of(service())
