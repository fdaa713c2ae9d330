"""charts/podinfo renders what API server and Serin accept, whatever its switches say, and refuses what is no value."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import pytest

from tests.support.charts import refusals, remarks, untried
from tests.support.helm import CHARTS, Helm, HelmError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.json_types import JsonObject
    from tests.support.real_cluster import RealCluster

CHART = CHARTS / "podinfo"
INGRESS = {"enabled": True, "host": "frontend.example.com"}
WRONG: tuple[tuple[JsonObject, str], ...] = (
    ({"canry": {"enabled": True}}, "canry"),
    ({"canary": {"analysis": {"stepweight": 5}}}, "stepweight"),
    ({"canary": {"analysis": {"threshold": 0}}}, "threshold"),
    ({"canary": {"analysis": {"interval": "15"}}}, "interval"),
    ({"canary": {"istioIngress": {"enabled": True}}}, "host"),
    ({"canary": {"loadtest": {"url": "loadtester.test"}}}, "url"),
    ({"image": {"tag": 6.15}}, "tag"),
    ({"hpa": {"memory": "much"}}, "memory"),
    ({"service": {"port": 80}}, "port"),
    ({"backend": "backend.test:9898"}, "backend"),
)


def matrix() -> Iterator[JsonObject]:
    """Every combination of the switches, with all other values set in half of them."""
    more: JsonObject = {
        "image": {"repository": "example/podinfo", "tag": "6.15.0", "pullPolicy": "Always"},
        "nameOverride": "shop",
        "fullnameOverride": "shop-frontend",
        "backend": "http://backend.test:9898/echo",
        "message": 'say "hi": # yes',
        "logLevel": "debug",
        "httpServer": {"timeout": "25s"},
        "faults": {"delay": True, "error": True},
        "service": {"type": "NodePort", "port": 9899},
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "spot", "operator": "Exists"}],
        "affinity": {"podAntiAffinity": {}},
        "hpa": {"minReplicas": 1, "maxReplicas": 4, "cpu": 50, "memory": None},
        "resources": {"requests": {"cpu": "1", "memory": "64Mi"}, "limits": {"cpu": 2}},
    }
    of_canary: JsonObject = {
        "progressDeadlineSeconds": 600,
        "analysis": {"interval": "1m30s", "threshold": 5, "maxWeight": 60, "stepWeight": 20},
        "thresholds": {"successRate": 99.5, "latency": 250},
    }
    for canary, hpa, ingress, loadtest in product((True, False), repeat=4):
        plain = (canary, hpa, ingress, loadtest).count(True) % 2 == 0
        switches = {
            "enabled": canary,
            "istioIngress": {**INGRESS, "enabled": ingress, **({} if plain else {"gateway": "shop/public"})},
            "loadtest": {"enabled": loadtest, **({} if plain else {"url": "http://serin:token@loadtester.shop/"})},
        }
        values, of_canary_here = ({}, {}) if plain else (more, of_canary)
        yield {
            **values,
            "canary": {**of_canary_here, **switches},
            "hpa": {**values.get("hpa", {}), "enabled": hpa},
        }


def test_whatever_is_switched_on_the_linter_the_api_server_and_serin_have_nothing_against_it(
    helm: Helm, real_cluster: RealCluster, real_namespace: str
) -> None:
    found = {}
    for values in matrix():
        helm.lint(CHART, values)
        rendered = helm.template("frontend", CHART, real_namespace, values)
        said = [text for obj in rendered if obj["kind"] == "Canary" for text in remarks(obj)]
        found[str(values)] = refusals(real_cluster, rendered, real_namespace) + said
    assert len(found) == 16
    assert untried(CHART, matrix()) == []
    assert not {values: said for values, said in found.items() if said}


@pytest.mark.parametrize(("values", "named"), WRONG, ids=[named for _, named in WRONG])
def test_a_value_that_is_none_is_refused_by_its_name(helm: Helm, values: JsonObject, named: str) -> None:
    with pytest.raises(HelmError, match=rf"(?s)don't meet the specifications of the schema.*{named}"):
        helm.template("frontend", CHART, values=values)


@pytest.mark.parametrize(
    ("release", "values", "name"),
    [
        ("frontend", {"nameOverride": "frontend"}, "frontend"),
        ("frontend", {}, "frontend-podinfo"),
        ("my-podinfo", {}, "my-podinfo"),
        ("a", {"fullnameOverride": "shop"}, "shop"),
        ("a" * 53, {}, "a" * 53 + "-p"),
    ],
)
def test_every_object_has_the_name_that_the_release_gives(
    helm: Helm, release: str, values: JsonObject, name: str
) -> None:
    rendered = helm.template(release, CHART, "test", values, "--no-hooks")
    assert {obj["metadata"]["name"] for obj in rendered} == {name}
    (canary,) = (obj for obj in rendered if obj["kind"] == "Canary")
    refs = (canary["spec"][ref]["name"] for ref in ("targetRef", "autoscalerRef"))
    assert set(refs) == {name}


def test_the_load_test_calls_the_app_by_its_own_name_in_both_ways(helm: Helm) -> None:
    values = {"nameOverride": "backend", "canary": {"loadtest": {"enabled": True}}}
    rendered = helm.template("backend", CHART, "test", values)
    (canary,) = (obj for obj in rendered if obj["kind"] == "Canary")
    hooks = canary["spec"]["analysis"]["webhooks"]
    assert {(hook["type"], hook["url"], hook["metadata"]["type"]) for hook in hooks} == {
        ("rollout", "http://loadtester.test/", "cmd")
    }
    assert [hook["metadata"]["cmd"] for hook in hooks] == [
        "hey -z 1m -q 5 -c 2 http://backend.test:9898",
        "hey -z 1m -q 5 -c 2 -m POST -d '{\"test\": true}' http://backend.test:9898/echo",
    ]
