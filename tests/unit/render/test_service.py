"""The three Services of a Canary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from shared.canary.model import Metadata, Service
from shared.render.differences import up_to_date
from shared.render.overlay import overlay
from shared.render.pods import PodLabel
from shared.render.service import apex_service, canary_service, primary_service
from tests.unit.render.samples import OWNED, canary, deployment

if TYPE_CHECKING:
    from shared.json_types import JsonObject

LABEL = PodLabel("app", "podinfo")
HTTP = {"name": "http", "protocol": "TCP", "port": 9898, "targetPort": 9898}


def _ports(service: Service, containers: list[JsonObject] | None = None) -> list[JsonObject]:
    target = deployment()
    if containers is not None:
        target["spec"]["template"]["spec"]["containers"] = containers
    ports: list[JsonObject] = apex_service(canary(service), target, LABEL)["spec"]["ports"]
    return ports


def test_apex_and_primary_select_the_primarys_pods_and_canary_the_targets() -> None:
    made = [make(canary(), deployment(), LABEL) for make in (apex_service, primary_service, canary_service)]
    assert [(obj["metadata"]["name"], obj["spec"]["selector"]) for obj in made] == [
        ("podinfo", {"app": "podinfo-primary"}),
        ("podinfo-primary", {"app": "podinfo-primary"}),
        ("podinfo-canary", {"app": "podinfo"}),
    ]
    assert made[0] == {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "podinfo", "namespace": "test", "labels": {"app": "podinfo"}, "annotations": OWNED},
        "spec": {"type": "ClusterIP", "selector": {"app": "podinfo-primary"}, "ports": [HTTP]},
    }


def test_names_and_metadata_are_the_canarys() -> None:
    service = Service(
        "backend",
        80,
        apex=Metadata(labels={"team": "a"}, annotations={"note": "apex"}),
        primary=Metadata(annotations={"note": "primary"}),
        canary=Metadata(labels={"app": "not mine"}),
    )
    made = [make(canary(service), deployment(), LABEL) for make in (apex_service, primary_service, canary_service)]
    assert [obj["metadata"] for obj in made] == [
        {
            "name": "backend",
            "namespace": "test",
            "labels": {"team": "a", "app": "backend"},
            "annotations": {"note": "apex", **OWNED},
        },
        {
            "name": "backend-primary",
            "namespace": "test",
            "labels": {"app": "backend-primary"},
            "annotations": {"note": "primary", **OWNED},
        },
        {
            "name": "backend-canary",
            "namespace": "test",
            "labels": {"app": "backend-canary"},
            "annotations": OWNED,
        },
    ]


@pytest.mark.parametrize(
    ("service", "main"),
    [
        (Service("podinfo", 80, target_port=9898), {**HTTP, "port": 80}),
        (Service("podinfo", 80, target_port="http"), {**HTTP, "port": 80, "targetPort": "http"}),
        (Service("podinfo", 9898, port_name="grpc"), {**HTTP, "name": "grpc"}),
        (Service("podinfo", 9898, app_protocol="kubernetes.io/h2c"), {**HTTP, "appProtocol": "kubernetes.io/h2c"}),
    ],
)
def test_the_port(service: Service, main: JsonObject) -> None:
    assert _ports(service) == [main]


METRICS = {"name": "http-metrics", "protocol": "TCP", "port": 9797, "targetPort": 9797}
NAMELESS = {"name": "tcp-podinfod-2", "protocol": "TCP", "port": 9999, "targetPort": 9999}
APP_PORT = {"name": "http", "protocol": "TCP", "port": 9898, "targetPort": 9898}


@pytest.mark.parametrize(
    ("service", "others"),
    [
        (Service("podinfo", 9898, port_discovery=True), [METRICS, NAMELESS]),
        (Service("podinfo", 80, target_port=9898, port_discovery=True), [METRICS, NAMELESS]),
        (Service("podinfo", 80, target_port="http", port_discovery=True), [METRICS, NAMELESS]),
        (Service("podinfo", 80, port_name="web", port_discovery=True), [APP_PORT, METRICS, NAMELESS]),
        (Service("podinfo", 80, target_port=9898, port_name="http-metrics", port_discovery=True), [NAMELESS]),
        (Service("podinfo", 9797, target_port=9898, port_discovery=True), [NAMELESS]),
    ],
    ids=["same port", "by number", "by name", "an unlisted port", "name is taken", "number is taken"],
)
def test_port_discovery_adds_every_other_port_of_the_app_and_none_of_the_proxy(
    service: Service, others: list[JsonObject]
) -> None:
    assert _ports(service)[1:] == others


def test_a_port_is_offered_in_its_own_protocol_and_once() -> None:
    dns = [{"name": "dns", "containerPort": 53, "protocol": "UDP"}, {"containerPort": 53}, {"containerPort": 53}]
    found = _ports(Service("podinfo", 80, port_discovery=True), [{"name": "app", "ports": dns}, {"name": "bare"}])
    assert found[1:] == [
        {"name": "dns", "protocol": "UDP", "port": 53, "targetPort": 53},
        {"name": "tcp-app-1", "protocol": "TCP", "port": 53, "targetPort": 53},
    ]


def test_headless_and_traffic_distribution() -> None:
    service = Service("podinfo", 9898, headless=True, traffic_distribution="PreferClose")
    spec = canary_service(canary(service), deployment(), LABEL)["spec"]
    assert (spec["clusterIP"], spec["trafficDistribution"]) == ("None", "PreferClose")


def _users_service() -> JsonObject:
    """An app's own LoadBalancer before Serin takes it over, as the API returns it."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "podinfo", "namespace": "test", "resourceVersion": "5", "annotations": {"cloud": "yes"}},
        "spec": {
            "type": "LoadBalancer",
            "clusterIP": "10.0.0.7",
            "selector": {"app": "podinfo", "release": "r"},
            "ports": [{**HTTP, "nodePort": 31234}],
            "sessionAffinity": "None",
            "internalTrafficPolicy": "Cluster",
        },
        "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}},
    }


def test_taking_over_a_load_balancer_moves_its_selector_and_nothing_else() -> None:
    live, desired = _users_service(), apex_service(canary(), deployment(), LABEL)
    assert not up_to_date(live, desired)
    written = overlay(live, desired)
    assert written["spec"] == {
        **live["spec"],
        "selector": {"app": "podinfo-primary"},
        "ports": [HTTP],
    }
    assert written["metadata"]["annotations"] == {"cloud": "yes", **OWNED}
    returned = {**written, "spec": {**written["spec"], "ports": [{**HTTP, "nodePort": 31234}]}}
    assert up_to_date(returned, desired)


@pytest.mark.parametrize(
    "drift",
    [
        {"selector": {"app": "podinfo-primary", "release": "r"}},
        {"selector": {"app": "podinfo"}},
        {"ports": [{**HTTP, "appProtocol": "http"}]},
        {"ports": [HTTP, METRICS]},
        {"ports": [{**HTTP, "port": 80}]},
        {"trafficDistribution": "PreferClose"},
    ],
)
def test_what_a_service_selects_and_offers_is_exactly_as_rendered(drift: dict[str, Any]) -> None:
    desired = apex_service(canary(), deployment(), LABEL)
    live = {**desired, "spec": {**desired["spec"], **drift}}
    assert not up_to_date(live, desired)
    assert overlay(live, desired) == desired
