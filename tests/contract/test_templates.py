"""MetricTemplates on an API server: what the definition keeps and refuses, and how little is asked to use them."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from shared.canary.model import TemplateRef
from shared.canary.template import MetricsProvider
from shared.checks.providers.provider import Source
from shared.cluster.gateway import Gateway
from shared.cluster.templates import KEPT_SECONDS, Templates
from tests.support.api import ApiError
from tests.support.canaries import CUSTOM, canary
from tests.support.serin import client_of

if TYPE_CHECKING:
    from shared.canary.model import Canary
    from shared.json_types import Json, JsonObject
    from tests.support.cluster import Cluster

SPEC: JsonObject = {
    "provider": {
        "type": "prometheus",
        "address": "http://prometheus.monitoring:9090",
        "region": "eu-west-1",
        "insecureSkipVerify": True,
        "secretRef": {"name": "keys"},
        "headers": {"X-Scope-OrgID": ["shop", "cart"]},
    },
    "query": "sum(rate(errors{app='{{ target }}'}[{{ interval }}]))",
}
STATUS: JsonObject = {"conditions": [{"type": "Ready", "status": "True", "lastUpdateTime": "2026-11-23T12:00:00Z"}]}


def templates(namespace: str) -> str:
    return f"/apis/flagger.app/v1beta1/namespaces/{namespace}/metrictemplates"


def create(cluster: Cluster, namespace: str, spec: Json = SPEC) -> JsonObject:
    template = {"apiVersion": "flagger.app/v1beta1", "kind": "MetricTemplate", "metadata": {"name": "errors"}}
    return cluster.api.create(templates(namespace), {**template, "spec": spec})


def create_secret(cluster: Cluster, namespace: str, **values: bytes) -> None:
    data = {key: base64.b64encode(value).decode() for key, value in values.items()}
    cluster.api.create(f"/api/v1/namespaces/{namespace}/secrets", {"metadata": {"name": "keys"}, "data": data})


def refers(*refs: TemplateRef) -> Canary:
    return canary(*(replace(CUSTOM, name=f"m{n}", query=None, template=ref) for n, ref in enumerate(refs)))


def test_nothing_of_flaggers_template_is_lost(cluster: Cluster, namespace: str) -> None:
    made = create(cluster, namespace)
    assert made["spec"] == SPEC
    path = f"{templates(namespace)}/errors"
    found = cluster.api.replace(f"{path}/status", {**made, "status": STATUS})
    assert (found["spec"], found["status"]) == (SPEC, STATUS)


@pytest.mark.parametrize("spec", [{}, {"provider": {}}, {"query": "x"}, {**SPEC, "query": ""}, {**SPEC, "query": 7}])
def test_a_template_without_provider_or_query_is_refused(cluster: Cluster, namespace: str, spec: Json) -> None:
    with pytest.raises(ApiError) as refusal:
        create(cluster, namespace, spec)
    assert refusal.value.code == 422


def test_a_template_is_read_with_its_secret_once_in_five_minutes(cluster: Cluster, namespace: str) -> None:
    create(cluster, namespace)
    create_secret(cluster, namespace, token=b"s3cret\n", other=b"x")
    now = [0.0]
    known, gateway, ref = Templates(lambda: now[0]), Gateway(client_of(cluster)), TemplateRef(namespace, "errors")
    for _ in range(3):
        (source,) = known.sources(gateway, "here", refers(ref, ref)).values()
    assert gateway.spent == 2
    assert isinstance(source, Source)
    assert source.credentials == {"token": "s3cret", "other": "x"}
    assert source.template.provider == MetricsProvider(
        "prometheus", "http://prometheus.monitoring:9090", "eu-west-1", "keys", True, {"X-Scope-OrgID": "shop, cart"}
    )
    known.sources(gateway, "there", refers(ref))
    assert gateway.spent == 4, "another cluster's template is another one"
    now[0] += KEPT_SECONDS + 1
    known.sources(gateway, "here", refers(ref))
    assert gateway.spent == 6


def test_what_is_missing_is_named_and_found_as_soon_as_it_is_there(cluster: Cluster, namespace: str) -> None:
    known, gateway, ref = Templates(), Gateway(client_of(cluster)), TemplateRef(namespace, "errors")
    found = known.sources(gateway, "here", refers(ref))[ref]
    assert found == f"MetricTemplate errors.{namespace} not found: create it, or change templateRef in the Canary"
    create(cluster, namespace)
    found = known.sources(gateway, "here", refers(ref))[ref]
    assert found == f"Secret keys.{namespace} not found, and MetricTemplate errors.{namespace} needs it: create it"
    create_secret(cluster, namespace, token=b"\xff")
    assert (
        known.sources(gateway, "here", refers(ref))[ref] == f"Secret keys.{namespace} holds something that is not text"
    )


def test_a_cluster_that_does_not_answer_makes_its_templates_unknown_and_breaks_nothing(
    cluster: Cluster, namespace: str
) -> None:
    ref = TemplateRef(namespace, "errors")
    with cluster.api_down():
        found = Templates().sources(Gateway(client_of(cluster)), "here", refers(ref))[ref]
    assert isinstance(found, str)
    assert "Kubernetes API" in found


def test_a_cluster_without_a_metrics_adapter_serves_no_external_metric(cluster: Cluster) -> None:
    assert Gateway(client_of(cluster)).external_metric("default", "queue", "app=x") is None
