"""The two copies of a target that is a Service, from what a Kubernetes API returns for one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.canary.model import Metadata, ObjectRef, Service
from shared.render.copies import canary_copy, obstacle, primary_copy
from shared.render.differences import up_to_date
from shared.render.overlay import overlay
from shared.render.workload import carried_revision, primary_workload
from shared.revision import template_forms
from shared.workload import template_of
from tests.unit.render.samples import OWNED, canary, service

if TYPE_CHECKING:
    from shared.canary.model import Canary
    from shared.json_types import JsonObject

GIVEN_BY_THE_CLUSTER: dict[str, Any] = {
    "clusterIP": "10.96.0.99",
    "clusterIPs": ["10.96.0.99"],
    "healthCheckNodePort": 30999,
    "externalTrafficPolicy": "Local",
    "loadBalancerIP": "192.0.2.7",
    "externalIPs": ["192.0.2.8"],
}
OUTSIDE: dict[str, Any] = {"type": "ExternalName", "externalName": "green.example.com", "sessionAffinity": "None"}


def of_service(own: Service | None = None) -> Canary:
    return replace(canary(own or Service("podinfo", 80)), target=ObjectRef("v1", "Service", "podinfo"))


def stored(wanted: JsonObject) -> JsonObject:
    """A copy after the API server has given it its own address, unless it is headless or a name."""
    found: JsonObject = {**wanted, "metadata": {**wanted["metadata"], "resourceVersion": "7"}, "status": {}}
    if wanted["spec"]["type"] == "ExternalName":
        return found
    address = wanted["spec"].get("clusterIP", "10.96.0.5")
    return {**found, "spec": {**wanted["spec"], "clusterIP": address, "clusterIPs": [address]}}


def test_a_copy_says_where_requests_go_and_nothing_else() -> None:
    target = service(**GIVEN_BY_THE_CLUSTER, type="LoadBalancer")
    own = Service("podinfo", 80, canary=Metadata({"team": "a"}, {"mesh": "yes"}))
    made = canary_copy(of_service(own), target, None, "v1-abc")
    revision = {"serin.dev/revision": "v1-abc"}
    assert made["metadata"] == {
        "name": "podinfo-canary",
        "namespace": "test",
        "labels": {"app": "podinfo", "team": "a"},
        "annotations": {"mesh": "yes", **OWNED, **revision},
    }
    assert made["spec"] == {
        "type": "ClusterIP",
        "selector": {"app": "podinfo", "stack": "blue"},
        "ports": [{"name": "http", "protocol": "TCP", "port": 80, "targetPort": 8080}],
        "ipFamilies": ["IPv4"],
        "ipFamilyPolicy": "SingleStack",
        "internalTrafficPolicy": "Cluster",
        "sessionAffinity": "None",
    }


@pytest.mark.parametrize("field", GIVEN_BY_THE_CLUSTER)
def test_what_the_cluster_gave_and_what_is_for_outside_is_no_revision(field: str) -> None:
    other = service(**{field: GIVEN_BY_THE_CLUSTER[field]}, type="LoadBalancer")
    assert template_forms(template_of(other)) == template_forms(template_of(service()))


@pytest.mark.parametrize(
    "change",
    [{"selector": {"app": "b"}}, {"sessionAffinity": "ClientIP"}, {"clusterIP": "None"}, {"ports": []}, OUTSIDE],
    ids=lambda change: next(iter(change)),
)
def test_where_requests_go_is_a_revision(change: dict[str, Any]) -> None:
    assert template_forms(template_of(service(**change))) != template_forms(template_of(service()))


def test_the_primary_carries_its_revision_and_is_read_back() -> None:
    made = primary_workload(of_service(), service(), None, (), "v1-abc", 1)
    assert (made["kind"], made["metadata"]["name"], carried_revision(made)) == ("Service", "podinfo-primary", "v1-abc")


SPECS = st.fixed_dictionaries(
    {},
    optional={
        "selector": st.just({"app": "other"}),
        "sessionAffinity": st.sampled_from(["None", "ClientIP"]),
        "internalTrafficPolicy": st.sampled_from(["Cluster", "Local"]),
        "publishNotReadyAddresses": st.booleans(),
        "trafficDistribution": st.just("PreferClose"),
        "ports": st.just([{"name": "http", "protocol": "TCP", "port": 80, "targetPort": 1, "nodePort": 30001}]),
        "type": st.sampled_from(["ClusterIP", "NodePort", "LoadBalancer"]),
    },
) | st.just(OUTSIDE)


@given(SPECS, SPECS)
def test_what_is_written_over_any_copy_is_as_desired_and_stays_so(old: JsonObject, new: JsonObject) -> None:
    live = stored(canary_copy(of_service(), service(**old), None, "v1-abc"))
    wanted = canary_copy(of_service(), service(**new), live, "v1-def")
    written = overlay(live, wanted)
    assert written["metadata"]["resourceVersion"] == "7"
    assert up_to_date(written, wanted)
    assert template_of(written) == template_of(service(**new))
    assert up_to_date(live, canary_copy(of_service(), service(**old), live, "v1-abc"))


def test_an_address_stays_where_kubernetes_gave_it() -> None:
    live = stored(primary_copy(of_service(), service(), None, "v1-a"))
    for spec in ({"selector": {"app": "b"}}, OUTSIDE):
        assert primary_copy(of_service(), service(**spec), live, "v1-b")["spec"]["clusterIP"] == "10.96.0.5"


HEADLESS = service(clusterIP="None")
ADDRESSED = service(clusterIP="10.96.0.5")
BY_NAME = service(**OUTSIDE)


@pytest.mark.parametrize(
    ("target", "live", "reason"),
    [
        (service(), None, ""),
        (BY_NAME, ADDRESSED, ""),
        (HEADLESS, BY_NAME, ""),
        (HEADLESS, HEADLESS, ""),
        (service(clusterIP="None", ports=[]), None, ""),
        (service(selector=None), None, "service podinfo.test has neither a selector nor an externalName"),
        (service(ports=[{"port": 81}, {"port": 82}]), None, "offers port 81, 82, but spec.service.port is 80"),
        (HEADLESS, ADDRESSED, "became headless"),
        (ADDRESSED, HEADLESS, "is no longer headless"),
    ],
)
def test_a_copy_that_would_lead_nowhere_or_cannot_be_written_is_told(
    target: JsonObject, live: JsonObject | None, reason: str
) -> None:
    found = obstacle(of_service(), target, live)
    assert reason in found
    assert bool(found) == bool(reason)
