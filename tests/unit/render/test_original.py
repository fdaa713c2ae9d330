"""What was there before the Canary is kept when it is taken over, and given back when it makes sense."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from shared.canary.model import Provider
from shared.plan import Route
from shared.render.istio import virtual_service
from shared.render.original import (
    FLAGGER_ORIGINAL,
    KUBECTL_APPLIED,
    keep_original,
    original_apex,
    original_router,
)
from shared.render.overlay import overlay
from shared.render.ownership import CANARY, CANARY_UID, ORIGINAL
from shared.render.pods import selector_label
from shared.render.router import ROUTERS
from shared.render.service import apex_service
from tests.unit.render.samples import canary, deployment

if TYPE_CHECKING:
    from shared.json_types import Json, JsonObject

OWNER = {"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "name": "podinfo", "uid": "u"}
ROUTES = {"hosts": ["podinfo"], "http": [{"timeout": "9s", "route": [{"destination": {"host": "podinfo"}}]}]}
PORT = {"name": "web", "port": 80, "targetPort": 9898, "protocol": "TCP", "nodePort": 30080}


def router(spec: Json, **annotations: str) -> JsonObject:
    return {
        "apiVersion": "networking.istio.io/v1beta1",
        "kind": "VirtualService",
        "metadata": {"name": "podinfo", "namespace": "test", "resourceVersion": "7", "annotations": annotations},
        "spec": {**spec, "exportTo": ["."]},
    }


def service(selector: Json, **annotations: str) -> JsonObject:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "podinfo", "namespace": "test", "resourceVersion": "8", "annotations": annotations},
        "spec": {"type": "LoadBalancer", "clusterIP": "10.0.0.9", "selector": selector, "ports": [PORT]},
    }


def taken(live: JsonObject, desired: JsonObject) -> JsonObject:
    return overlay(live, keep_original(desired, live))


ISTIO = ROUTERS[Provider.ISTIO]
GENERATED = virtual_service(canary(), Route(canary=0), 3)


def test_a_router_survives_the_takeover_and_the_way_back() -> None:
    before = router(ROUTES, note="n")
    held = taken(before, GENERATED)
    assert held["spec"]["http"] == GENERATED["spec"]["http"]
    assert original_router(held, canary(), ISTIO) == before


def test_a_service_survives_the_takeover_and_the_way_back() -> None:
    target = deployment()
    before = service(target["spec"]["selector"]["matchLabels"], note="n")
    held = taken(before, apex_service(canary(), target, selector_label(target, None)))
    after = original_apex(held, target)
    assert after["spec"] == before["spec"]
    assert after["metadata"]["annotations"] == {"note": "n"}


def test_what_a_canary_made_is_no_original() -> None:
    made = router(ROUTES, **{CANARY: "podinfo", CANARY_UID: "u"})
    assert keep_original(GENERATED, made) == GENERATED
    owned = {**router(ROUTES), "metadata": {"name": "podinfo", "ownerReferences": [OWNER]}}
    assert keep_original(GENERATED, owned) == GENERATED


@pytest.mark.parametrize(
    "annotations",
    [
        {FLAGGER_ORIGINAL: json.dumps(ROUTES)},
        {KUBECTL_APPLIED: json.dumps({"kind": "VirtualService", "spec": ROUTES})},
        {ORIGINAL: json.dumps(ROUTES), FLAGGER_ORIGINAL: json.dumps({"hosts": ["other"]})},
        {ORIGINAL: json.dumps(GENERATED["spec"]), FLAGGER_ORIGINAL: json.dumps(ROUTES)},
        {ORIGINAL: "{not json", FLAGGER_ORIGINAL: json.dumps(ROUTES)},
    ],
    ids=["flagger", "kubectl", "ours first", "ours is Flagger's own", "ours is broken"],
)
def test_the_first_original_that_makes_sense_is_given_back(annotations: dict[str, str]) -> None:
    held = router(GENERATED["spec"], **annotations)
    found = original_router(held, canary(), ISTIO)
    assert found is not None
    assert {key: found["spec"][key] for key in ROUTES} == ROUTES
    assert found["spec"]["exportTo"] == ["."]
    assert "gateways" not in found["spec"]
    assert found["metadata"].get("annotations", {}).keys() <= {KUBECTL_APPLIED}


@pytest.mark.parametrize("kept", [{}, {FLAGGER_ORIGINAL: json.dumps(GENERATED["spec"])}, {ORIGINAL: "[]"}])
def test_a_router_that_was_made_for_the_canary_has_no_original(kept: dict[str, str]) -> None:
    assert original_router(router(GENERATED["spec"], **kept), canary(), ISTIO) is None


@pytest.mark.parametrize(
    "selector",
    [{"app": "podinfo-primary"}, {"app": "podinfo", "release": "of-last-year"}, {}],
    ids=["the primary's pods", "labels that the target has not any more", "nobody"],
)
def test_a_service_never_goes_back_to_pods_that_are_not_there(selector: dict[str, str]) -> None:
    target = deployment()
    kept = json.dumps({"selector": selector, "ports": [PORT]})
    after = original_apex(service({"app": "podinfo-primary"}, **{ORIGINAL: kept}), target)
    assert after["spec"]["selector"] == target["spec"]["selector"]["matchLabels"]
    assert after["spec"]["ports"] == [PORT]
    assert after["spec"]["type"] == "LoadBalancer"


def test_flaggers_ownership_ends_with_the_canary() -> None:
    held = {**router(GENERATED["spec"]), "metadata": {"name": "podinfo", "ownerReferences": [OWNER]}}
    found = original_apex({**held, "kind": "Service", "spec": {"selector": {}, "ports": []}}, deployment())
    assert "ownerReferences" not in found["metadata"]
