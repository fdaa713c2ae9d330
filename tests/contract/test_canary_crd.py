"""The Canary's CustomResourceDefinition on an API server: what it keeps, what it refuses, and how it shows a Canary."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import urllib3

from tests.support.manifests import GOOD, everything_else, good
from tests.support.paths import REMOVED, edit

if TYPE_CHECKING:
    from shared.json_types import Json, JsonObject
    from tests.support.cluster import Cluster

CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/canaries.flagger.app"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
METRIC = "spec.analysis.metrics[0]"
HOOK = "spec.analysis.webhooks[0]"

FLAGGERS_STATUS: JsonObject = {
    "phase": "WaitingPromotion",
    "canaryWeight": 50,
    "failedChecks": 1,
    "iterations": -1,
    "lastAppliedSpec": "6c7f8b5d9",
    "lastPromotedSpec": "85d557f47b",
    "lastTrackedRevision": "4",
    "trackedConfigs": {"configmap/podinfo": "a1b2c3d4e5f60718"},
    "lastTransitionTime": "2026-11-23T12:00:00Z",
    "observedGeneration": 1,
    "sessionAffinityCookie": "canary=1",
    "primarySessionAffinityCookie": "primary=1",
    "previousSessionAffinityCookie": "canary=0",
    "conditions": [
        {
            "type": "Promoted",
            "status": "Unknown",
            "reason": "WaitingPromotion",
            "message": "Waiting for approval.",
            "observedGeneration": 1,
            "lastUpdateTime": "2026-11-23T12:00:00Z",
            "lastTransitionTime": "2026-11-23T12:00:00Z",
        }
    ],
}

REFUSED = [
    ("spec.targetRef", REMOVED),
    ("spec.targetRef.name", REMOVED),
    ("spec.targetRef.kind", "StatefulSet"),
    ("spec.autoscalerRef.primaryScalerReplicas.minReplicas", 0),
    ("spec.provider", "envoy"),
    ("spec.progressDeadlineSeconds", 0),
    ("spec.suspend", "yes"),
    ("spec.service.port", 0),
    ("spec.service.port", 65536),
    ("spec.service.port", "80"),
    ("spec.service.port", 80.5),
    ("spec.service.name", "9shop"),
    ("spec.service.targetPort", True),
    ("spec.service.trafficDistribution", "Far"),
    ("spec.service.hosts", "shop"),
    ("spec.service.hosts[0]", ""),
    ("spec.service.timeout", "soon"),
    ("spec.service.match[0]", "/"),
    ("spec.service.match[0].uri", "/"),
    ("spec.service.retries.attempts", -1),
    ("spec.service.apex.labels.team", 1),
    ("spec.analysis.interval", "1x"),
    ("spec.analysis.interval", "10s0"),
    ("spec.analysis.interval", "1m\n"),
    ("spec.analysis.interval", 60),
    ("spec.analysis.threshold", 0),
    ("spec.analysis.threshold", 2.5),
    ("spec.analysis.threshold", REMOVED),
    ("spec.analysis.maxUnknown", 0),
    ("spec.analysis.maxWeight", 101),
    ("spec.analysis.stepWeight", 0),
    ("spec.analysis.stepWeights[1]", 101),
    ("spec.analysis.stepWeightPromotion", -1),
    (f"{METRIC}.name", REMOVED),
    (f"{METRIC}.interval", "1.5m"),
    (f"{METRIC}.onNoData", "ignore"),
    (f"{METRIC}.compare", "canary"),
    (f"{METRIC}.minimumSamples", 0),
    (f"{METRIC}.maxWait", "soon"),
    (f"{METRIC}.confidence", 101),
    (f"{METRIC}.tolerance", -1),
    (f"{METRIC}.thresholdRange.min", "99"),
    (f"{HOOK}.url", REMOVED),
    (f"{HOOK}.url", "ftp://tests"),
    (f"{HOOK}.type", "gate"),
    (f"{HOOK}.timeout", "-5s"),
    (f"{HOOK}.retries", -1),
    (f"{HOOK}.metadata.cmd", 1),
]


def test_the_definition_is_accepted_as_it_stands(cluster: Cluster) -> None:
    found = cluster.api.get(CRD)
    assert {condition["type"]: condition["status"] for condition in found["status"]["conditions"]} == {
        "NamesAccepted": "True",
        "Established": "True",
    }
    assert found["status"]["storedVersions"] == ["v1beta1"]


@pytest.mark.parametrize("version", ["v1beta1", "v1alpha3"])
@pytest.mark.parametrize("name", [*GOOD, "everything else"])
def test_nothing_of_flaggers_manifests_is_lost_in_either_version(
    cluster: Cluster, namespace: str, name: str, version: str
) -> None:
    manifest = everything_else() if name == "everything else" else good(name)
    made = create(cluster, namespace, manifest)
    path = f"{canaries(namespace, version)}/{manifest['metadata']['name']}"
    found = cluster.api.get(path)
    assert found["spec"] == made["spec"] == manifest["spec"]
    assert found["apiVersion"] == f"flagger.app/{version}"
    assert cluster.api.replace(path, found)["metadata"]["generation"] == 1


@pytest.mark.parametrize(("path", "value"), REFUSED, ids=[path for path, _ in REFUSED])
def test_what_the_schema_forbids_is_refused_by_the_name_of_its_field(
    cluster: Cluster, namespace: str, path: str, value: object
) -> None:
    code, status = post(cluster, namespace, edit(good("istio"), {"spec.autoscalerRef": SCALER, path: value}))
    assert code == 422
    assert path in {cause["field"] for cause in status["details"]["causes"]}
    assert path in status["message"]


SCALER = {
    "apiVersion": "autoscaling/v2",
    "kind": "HorizontalPodAutoscaler",
    "name": "frontend",
    "primaryScalerReplicas": {},
}


def test_a_canary_without_an_analysis_is_refused(cluster: Cluster, namespace: str) -> None:
    code, status = post(cluster, namespace, edit(good("istio"), {"spec.analysis": REMOVED}))
    assert code == 422
    assert "spec.analysis: Required value" in status["message"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("spec.analysis.interval", "1h"),
        ("spec.analysis.interval", "1m30s"),
        ("spec.analysis.interval", "1500ms"),
        (f"{METRIC}.interval", "1d"),
        (f"{METRIC}.threshold", 99.9),
        ("spec.service.targetPort", "http"),
        ("spec.service.name", ""),
        (f"{HOOK}.type", ""),
        (f"{HOOK}.url", "HTTPS://user:word@tests:8443/gate?x=1"),
    ],
)
def test_what_flaggers_users_may_write_is_taken(cluster: Cluster, namespace: str, path: str, value: object) -> None:
    manifest = edit(good("istio"), {path: value})
    assert create(cluster, namespace, manifest)["spec"] == manifest["spec"]


def test_a_port_that_helm_made_a_float_is_a_port(cluster: Cluster, namespace: str) -> None:
    assert create(cluster, namespace, edit(good("istio"), {"spec.service.port": 80.0}))["spec"]["service"]["port"] == 80


def test_an_empty_value_of_a_template_counts_as_absent(cluster: Cluster, namespace: str) -> None:
    empty = {"spec.service.hosts": None, "spec.autoscalerRef": None, "spec.analysis.metrics": None}
    spec = create(cluster, namespace, edit(good("istio"), empty))["spec"]
    assert "autoscalerRef" not in spec
    assert "hosts" not in spec["service"]
    assert "metrics" not in spec["analysis"]


def test_unknown_fields_go_except_in_what_is_istios(cluster: Cluster, namespace: str) -> None:
    news = {"spec.analysis.stepWeigth": 5, "spec.service.trafficPolicy.proxyProtocol": {"version": "V2"}}
    spec = create(cluster, namespace, edit(good("istio"), news))["spec"]
    assert "stepWeigth" not in spec["analysis"]
    assert spec["service"]["trafficPolicy"]["proxyProtocol"] == {"version": "V2"}


def test_status_and_spec_are_written_apart(cluster: Cluster, namespace: str) -> None:
    made = create(cluster, namespace, {**good("podinfo"), "status": {"phase": "Failed"}})
    assert "status" not in made
    path = f"{canaries(namespace)}/podinfo"
    changed = edit(made, {"status": FLAGGERS_STATUS, "spec.analysis.threshold": 9})
    through_status = cluster.api.replace(f"{path}/status", changed)
    assert through_status["status"] == FLAGGERS_STATUS
    assert through_status["spec"] == made["spec"]
    through_object = cluster.api.patch(path, {"status": {"phase": "Failed"}, "spec": {"suspend": True}})
    assert through_object["status"] == FLAGGERS_STATUS
    assert through_object["spec"]["suspend"] is True


def test_only_a_change_of_the_spec_makes_a_new_generation(cluster: Cluster, namespace: str) -> None:
    path = f"{canaries(namespace)}/podinfo"
    assert create(cluster, namespace, good("podinfo"))["metadata"]["generation"] == 1
    changes: list[tuple[str, JsonObject, int]] = [
        ("", {"metadata": {"labels": {"team": "shop"}}}, 1),
        ("/status", {"status": {"phase": "Progressing"}}, 1),
        ("", {"spec": {"analysis": {"threshold": 6}}}, 2),
        ("", {"spec": {"analysis": {"threshold": 6}}}, 2),
    ]
    for subresource, change, generation in changes:
        assert cluster.api.patch(path + subresource, change)["metadata"]["generation"] == generation


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("status.phase", "Sleeping"),
        ("status.canaryWeight", 101),
        ("status.failedChecks", -1),
        ("status.lastTransitionTime", "noon"),
        ("status.conditions[0].status", "Maybe"),
        ("status.conditions[0].reason", REMOVED),
        ("status.trackedConfigs.secret/x", 1),
    ],
)
def test_a_status_that_no_controller_should_write_is_refused(
    cluster: Cluster, namespace: str, path: str, value: object
) -> None:
    made = create(cluster, namespace, good("podinfo"))
    body = edit({**made, "status": FLAGGERS_STATUS}, {path: value})
    code, status = ask(cluster, "PUT", f"{canaries(namespace)}/podinfo/status", body)
    assert code == 422
    assert path in {cause["field"] for cause in status["details"]["causes"]}


@pytest.mark.parametrize(("version", "name"), [("v1beta1", "podinfo"), ("v1alpha3", "flagger-0.6")])
def test_kubectl_get_shows_where_the_canary_stands(cluster: Cluster, namespace: str, version: str, name: str) -> None:
    made = create(cluster, namespace, edit(good(name), {"spec.suspend": True}))
    cluster.api.replace(f"{canaries(namespace, version)}/podinfo/status", {**made, "status": FLAGGERS_STATUS})
    _, table = ask(cluster, "GET", canaries(namespace, version), accept=TABLE)
    assert [(column["name"], column["priority"]) for column in table["columnDefinitions"]] == [
        ("Name", 0),
        ("Status", 0),
        ("Weight", 0),
        ("FailedChecks", 1),
        ("Interval", 1),
        ("Mirror", 1),
        ("Iterations", 1),
        ("StepWeight", 1),
        ("StepWeights", 1),
        ("MaxWeight", 1),
        ("Suspended", 1),
        ("LastTransitionTime", 0),
    ]
    step = 10 if name == "podinfo" else 5
    steps = [None, None, step, None, 50]
    cells = ["podinfo", "WaitingPromotion", 50, 1, "1m", *steps, True, "2026-11-23T12:00:00Z"]
    assert [row["cells"] for row in table["rows"]] == [cells]


@pytest.mark.parametrize(
    ("changes", "cells"),
    [
        ({"spec.analysis.stepWeights": [1, 2, 10]}, [None, None, None, "[1,2,10]", 50]),
        ({"spec.analysis.iterations": 3, "spec.analysis.mirror": True}, [True, 3, None, None, 50]),
    ],
    ids=["free steps", "rounds"],
)
def test_kubectl_get_shows_the_steps_of_every_strategy(
    cluster: Cluster, namespace: str, changes: dict[str, object], cells: list[object]
) -> None:
    create(cluster, namespace, edit(good("podinfo"), {"spec.analysis.stepWeight": REMOVED, **changes}))
    _, table = ask(cluster, "GET", canaries(namespace), accept=TABLE)
    assert [row["cells"][5:10] for row in table["rows"]] == [cells]


def canaries(namespace: str, version: str = "v1beta1") -> str:
    return f"/apis/flagger.app/{version}/namespaces/{namespace}/canaries"


def create(cluster: Cluster, namespace: str, manifest: Json) -> JsonObject:
    """The Canary as the API server stored it, through the manifest's own version."""
    code, answer = post(cluster, namespace, manifest)
    assert code == 201, answer
    return answer


def post(cluster: Cluster, namespace: str, manifest: Json) -> tuple[int, JsonObject]:
    version = manifest["apiVersion"].removeprefix("flagger.app/")
    return ask(cluster, "POST", canaries(namespace, version), edit(manifest, {"metadata.namespace": namespace}))


def ask(
    cluster: Cluster, method: str, path: str, body: Json | None = None, accept: str = "application/json"
) -> tuple[int, JsonObject]:
    """The status code and the JSON of any answer, refusals too."""
    headers = {
        "Authorization": f"Bearer {cluster.token}",
        "Content-Type": "application/json",
        "Accept": accept,
    }
    with urllib3.PoolManager(ca_certs=cluster.ca_file, retries=False) as pool:
        text = None if body is None else json.dumps(body)
        response = pool.request(method, cluster.url.rstrip("/") + path, headers=headers, body=text, timeout=10)
    answer: JsonObject = response.json()
    return response.status, answer
