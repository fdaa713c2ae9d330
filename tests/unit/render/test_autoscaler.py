"""The primary's HorizontalPodAutoscaler."""

from __future__ import annotations

import pytest

from shared.render.autoscaler import primary_autoscaler
from shared.render.differences import up_to_date
from shared.render.overlay import overlay
from tests.unit.render.samples import OWNED, autoscaler, autoscaler_ref, canary


def test_the_primary_scales_as_the_target_does() -> None:
    hpa = autoscaler()
    assert primary_autoscaler(canary(autoscaler=autoscaler_ref()), hpa) == {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {
            "name": "podinfo-primary",
            "namespace": "test",
            "labels": {"app": "podinfo"},
            "annotations": OWNED,
        },
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo-primary"},
            "minReplicas": 2,
            "maxReplicas": 4,
            "metrics": hpa["spec"]["metrics"],
            "behavior": hpa["spec"]["behavior"],
        },
    }


@pytest.mark.parametrize(
    ("minimum", "maximum", "limits"), [(None, None, (2, 4)), (3, None, (3, 4)), (None, 9, (2, 9)), (5, 8, (5, 8))]
)
def test_the_canary_may_set_limits_for_the_primary(
    minimum: int | None, maximum: int | None, limits: tuple[int, int]
) -> None:
    spec = primary_autoscaler(canary(autoscaler=autoscaler_ref(minimum, maximum)), autoscaler())["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == limits


def test_a_behaviour_that_was_taken_back_goes_from_the_primarys_too() -> None:
    owner, hpa = canary(autoscaler=autoscaler_ref()), autoscaler()
    live = {**primary_autoscaler(owner, hpa), "status": {"desiredReplicas": 3}}
    del hpa["spec"]["behavior"]
    desired = primary_autoscaler(owner, hpa)
    assert not up_to_date(live, desired)
    assert overlay(live, desired) == desired
