"""charts/grafana ships the dashboards and the alert rules as they are, in objects that the API server accepts."""

from __future__ import annotations

import json
from itertools import product
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.support.charts import refusals, untried
from tests.support.dashboards import NAMES, read_dashboard
from tests.support.helm import CHARTS, Helm, HelmError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.json_types import JsonObject
    from tests.support.promtool import Promtool
    from tests.support.real_cluster import RealCluster

CHART = CHARTS / "grafana"
RULE = "PrometheusRule"
WRONG: tuple[tuple[JsonObject, str], ...] = (
    ({"dashboard": {}}, "dashboard"),
    ({"dashboards": {"canary": "yes"}}, "canary"),
    ({"sidecar": {"label": ""}}, "label"),
    ({"sidecar": {"labelValue": "a b"}}, "labelValue"),
    ({"labels": {"team": 1}}, "team"),
    ({"nameOverride": "Grafana"}, "nameOverride"),
)


def matrix() -> Iterator[JsonObject]:
    """Every combination of the switches, with all other values set in half of them."""
    more: JsonObject = {
        "nameOverride": "boards",
        "fullnameOverride": "dashboards",
        "labels": {"team": "birds"},
        "annotations": {"example.com/owner": 'say "hi": # yes'},
    }
    for canary, plane, rule, folder in product((True, False), repeat=4):
        values = more if (canary, plane, rule, folder).count(True) % 2 else {}
        sidecar = {"label": "grafana.com/dashboard", "labelValue": "true", "folder": "Serin" if folder else ""}
        sidecar |= {"folderAnnotation": "example.com/folder"} if plane else {}
        operator = {"enabled": rule, "labels": {"release": "prometheus"}}
        switches = {"dashboards": {"canary": canary, "controlPlane": plane}, "prometheusRule": operator}
        yield {**values, **switches, "sidecar": sidecar}


def test_whatever_is_switched_on_the_linter_and_the_api_server_have_nothing_against_it(
    helm: Helm, real_cluster: RealCluster, real_namespace: str
) -> None:
    """The Prometheus operator's kind is not served here: what is in it is judged below."""
    found = {}
    for values in matrix():
        helm.lint(CHART, values)
        rendered = helm.template("mon", CHART, real_namespace, values)
        switches = (*values["dashboards"].values(), values["prometheusRule"]["enabled"])
        assert len(rendered) == sum(switches)
        served = [obj for obj in rendered if obj["kind"] != RULE]
        found[str(values)] = refusals(real_cluster, served, real_namespace)
    assert len(found) == 16
    assert untried(CHART, matrix()) == []
    assert not {values: said for values, said in found.items() if said}


def test_a_config_map_holds_its_dashboard_unchanged_and_is_found_by_the_sidecar(helm: Helm) -> None:
    maps = helm.template("mon", CHART, values={"sidecar": {"folder": "Releases"}})
    dashboards = [json.loads(text) for obj in maps for text in obj["data"].values()]
    assert dashboards == [read_dashboard(name) for name in NAMES]
    assert [list(obj["data"]) for obj in maps] == [[f"serin-{name}.json"] for name in NAMES]
    assert {obj["metadata"]["labels"]["grafana_dashboard"] for obj in maps} == {"1"}
    assert {obj["metadata"]["annotations"]["grafana_folder"] for obj in maps} == {"Releases"}


def test_the_rules_in_the_prometheus_rule_are_those_of_the_file(helm: Helm, promtool: Promtool, tmp_path: Path) -> None:
    values = {"prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}}}
    (rule,) = (obj for obj in helm.template("mon", CHART, values=values) if obj["kind"] == RULE)
    assert rule["spec"] == yaml.safe_load((CHART / "rules" / "serin.yaml").read_text())
    assert rule["metadata"]["labels"]["release"] == "prometheus"
    rendered = tmp_path / "rules.yaml"
    rendered.write_text(yaml.safe_dump(rule["spec"]))
    assert "SUCCESS" in promtool.check_rules(rendered)


@pytest.mark.parametrize(("values", "named"), WRONG, ids=[named for _, named in WRONG])
def test_a_value_that_is_none_is_refused_by_its_name(helm: Helm, values: JsonObject, named: str) -> None:
    with pytest.raises(HelmError, match=rf"(?s)don't meet the specifications of the schema.*{named}"):
        helm.template("mon", CHART, values=values)


def test_an_installed_release_says_where_its_dashboards_are(
    helm: Helm, real_cluster: RealCluster, real_namespace: str
) -> None:
    said = helm.at(real_cluster).install("mon", CHART, real_namespace)
    assert "get configmaps -l grafana_dashboard=1" in said
    found = real_cluster.api.items(
        f"/api/v1/namespaces/{real_namespace}/configmaps", labelSelector="grafana_dashboard=1"
    )
    assert sorted(obj["metadata"]["name"] for obj in found) == ["mon-grafana-canary", "mon-grafana-control-plane"]
