"""Which router a Canary has, and when it must not be changed."""

from __future__ import annotations

import pytest

from shared.canary.model import Provider
from shared.plan import Route
from shared.render.router import is_left_behind, router_of
from shared.rollout import Phase, Rollout
from shared.scene import ObjectId
from tests.support.samples import canary


@pytest.mark.parametrize(
    ("provider", "api_version", "kind"),
    [
        (Provider.ISTIO, "networking.istio.io/v1beta1", "VirtualService"),
        (Provider.GATEWAY_API, "gateway.networking.k8s.io/v1", "HTTPRoute"),
        (Provider.GATEWAY_API_V1, "gateway.networking.k8s.io/v1", "HTTPRoute"),
        (Provider.GATEWAY_API_V1BETA1, "gateway.networking.k8s.io/v1beta1", "HTTPRoute"),
    ],
)
def test_a_provider_is_one_kind_of_object_that_reads_back_what_it_shows(
    provider: Provider, api_version: str, kind: str
) -> None:
    asking = canary(provider=provider)
    router = router_of(asking)
    assert router is not None
    shown = router.show(asking, Route(canary=30), 7)
    assert (shown["apiVersion"], shown["kind"]) == (router.api_version, router.kind) == (api_version, kind)
    assert router.id(asking) == ObjectId(kind, "frontend")
    assert router.read(shown, asking) == Route(canary=30)
    assert set(router.destinations(shown["spec"])) == {"frontend-primary", "frontend-canary"}


def test_istio_has_a_rule_for_each_side_beside_it_and_is_in_force_once_it_is_stored() -> None:
    router = router_of(canary())
    assert router is not None
    beside = (ObjectId("DestinationRule", "frontend-canary"), ObjectId("DestinationRule", "frontend-primary"))
    assert sorted(router.ids_beside(canary()), key=str) == list(beside)
    assert router.pending({"metadata": {}, "status": {}}) == ""


def test_without_a_mesh_nobody_splits_traffic() -> None:
    assert router_of(canary(provider=Provider.KUBERNETES)) is None


@pytest.mark.parametrize(
    ("before", "now", "weight", "left"),
    [
        ("istio", "gatewayapi:v1", 20, True),
        ("gatewayapi:v1", "istio", 20, True),
        ("istio", "kubernetes", 20, True),
        ("", "kubernetes", 20, True),
        ("istio", "gatewayapi:v1", 0, False),
        ("gatewayapi:v1beta1", "gatewayapi:v1", 20, False),
        ("istio", "istio", 20, False),
        ("", "gatewayapi:v1", 20, False),
        ("from a newer Serin", "istio", 20, False),
    ],
)
def test_a_router_that_sends_requests_to_the_target_is_not_left_behind(
    before: str, now: str, weight: int, left: bool
) -> None:
    running = Rollout(provider=before, weight=weight)
    assert is_left_behind(canary(provider=Provider(now)), running) == left


@pytest.mark.parametrize(
    ("before", "now", "phase", "replicas", "left"),
    [
        ("istio", "kubernetes", Phase.FAILED, 2, True),
        ("istio", "kubernetes", Phase.FINALISING, 2, True),
        ("istio", "gatewayapi:v1", Phase.FAILED, 2, True),
        ("istio", "istio", Phase.FAILED, 2, False),
        ("kubernetes", "kubernetes", Phase.FAILED, 2, False),
        ("istio", "kubernetes", Phase.FAILED, 0, False),
        ("istio", "kubernetes", Phase.SUCCEEDED, None, False),
    ],
)
def test_a_run_that_ended_under_another_router_keeps_its_pods_until_that_one_is_seen_at_home(
    before: str, now: str, phase: Phase, replicas: int | None, left: bool
) -> None:
    ended = Rollout(provider=before, phase=phase, replicas=replicas)
    assert is_left_behind(canary(provider=Provider(now)), ended) == left
