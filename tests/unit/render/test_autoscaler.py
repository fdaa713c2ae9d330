"""The primary's autoscaler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from shared.canary.model import AutoscalerRef, ObjectRef
from shared.render.autoscaler import is_paused, most_replicas, pause_patch, primary_autoscaler
from shared.render.differences import up_to_date
from shared.render.overlay import overlay
from tests.unit.render.samples import OWNED, autoscaler, autoscaler_ref, canary

if TYPE_CHECKING:
    from shared.json_types import JsonObject


def test_the_primary_scales_as_the_target_does() -> None:
    hpa = autoscaler()
    assert primary_autoscaler(canary(), autoscaler_ref(), hpa) == {
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
    spec = primary_autoscaler(canary(), autoscaler_ref(minimum, maximum), autoscaler())["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == limits


def test_a_behaviour_that_was_taken_back_goes_from_the_primarys_too() -> None:
    hpa = autoscaler()
    live = {**primary_autoscaler(canary(), autoscaler_ref(), hpa), "status": {"desiredReplicas": 3}}
    del hpa["spec"]["behavior"]
    desired = primary_autoscaler(canary(), autoscaler_ref(), hpa)
    assert not up_to_date(live, desired)
    assert overlay(live, desired) == desired


def scaled_object(**spec: object) -> JsonObject:
    """KEDA's autoscaler of the target, as somebody wrote it."""
    trigger = {"type": "prometheus", "name": "rate", "metadata": {"query": QUERY, "threshold": "100"}}
    cpu = {"type": "cpu", "metricType": "Utilization", "metadata": {"value": "60"}}
    advanced = {"horizontalPodAutoscalerConfig": {"name": "podinfo-hpa", "behavior": {"scaleDown": {}}}}
    return {
        "kind": "ScaledObject",
        "apiVersion": "keda.sh/v1alpha1",
        "metadata": {"name": "podinfo", "namespace": "test", "labels": {"app": "podinfo"}},
        "spec": {
            "scaleTargetRef": {"name": "podinfo"},
            "minReplicaCount": 1,
            "pollingInterval": 10,
            "advanced": advanced,
            "triggers": [trigger, cpu],
            **spec,
        },
    }


def keda_ref(**primary: Any) -> AutoscalerRef:
    return AutoscalerRef(ObjectRef("keda.sh/v1alpha1", "ScaledObject", "podinfo"), **primary)


QUERY = 'sum(rate(http_requests_total{app="podinfo"}[2m]))'


def test_keda_scales_the_primary_as_the_target() -> None:
    target = scaled_object()
    made = primary_autoscaler(canary(), keda_ref(), target)
    assert (made["apiVersion"], made["kind"]) == ("keda.sh/v1alpha1", "ScaledObject")
    assert made["metadata"]["name"] == "podinfo-primary"
    assert made["spec"]["scaleTargetRef"] == {"name": "podinfo-primary"}
    assert made["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["name"] == "podinfo-hpa-primary"
    query, cpu = made["spec"]["triggers"]
    assert query["metadata"] == {"query": QUERY.replace("podinfo", "podinfo-primary"), "threshold": "100"}
    assert cpu == target["spec"]["triggers"][1]
    assert (made["spec"]["minReplicaCount"], made["spec"]["pollingInterval"]) == (1, 10)
    assert target == scaled_object(), "what was read is not touched"


@pytest.mark.parametrize(
    ("query", "primarys"),
    [
        ('pod=~"podinfo-[0-9a-z]+"', 'pod=~"podinfo-primary-[0-9a-z]+"'),
        ('service="podinfo-canary"', 'service="podinfo-primary"'),
        ('service="podinfo-primary"', 'service="podinfo-primary"'),
        ('app="my-podinfo", x="podinfos"', 'app="my-podinfo", x="podinfos"'),
        ('a="podinfo",b="podinfo"', 'a="podinfo-primary",b="podinfo-primary"'),
    ],
)
def test_a_query_about_the_target_becomes_one_about_the_primary(query: str, primarys: str) -> None:
    source = scaled_object(triggers=[{"type": "prometheus", "metadata": {"query": query}}])
    [trigger] = primary_autoscaler(canary(), keda_ref(), source)["spec"]["triggers"]
    assert trigger["metadata"]["query"] == primarys


def test_the_canary_may_give_the_primarys_query_by_the_name_of_its_trigger() -> None:
    made = primary_autoscaler(canary(), keda_ref(primary_queries={"rate": "vector(1)"}), scaled_object())
    assert made["spec"]["triggers"][0]["metadata"]["query"] == "vector(1)"


def test_the_canary_may_set_kedas_limits_for_the_primary() -> None:
    made = primary_autoscaler(canary(), keda_ref(primary_min_replicas=3, primary_max_replicas=9), scaled_object())
    assert (made["spec"]["minReplicaCount"], made["spec"]["maxReplicaCount"]) == (3, 9)


def test_a_pause_is_kedas_annotation_and_another_size_is_its_owners_own() -> None:
    assert is_paused({"metadata": pause_patch(paused=True)["metadata"]})
    assert not is_paused({"metadata": pause_patch(paused=False)["metadata"]})
    assert not is_paused({"metadata": {"annotations": {"autoscaling.keda.sh/paused-replicas": "3"}}})
    assert not is_paused(None)


@pytest.mark.parametrize(
    ("source", "most"),
    [(scaled_object(), 100), (scaled_object(maxReplicaCount=7), 7), (autoscaler(), 4)],
    ids=["KEDA's default", "KEDA", "HPA"],
)
def test_how_far_the_target_may_grow(source: JsonObject, most: int) -> None:
    assert most_replicas(source) == most
