"""charts/loadtester renders what the API server accepts and the load tester starts with, whatever its switches say."""

from __future__ import annotations

import base64
from itertools import product
from typing import TYPE_CHECKING

import pytest

from shared.loadtester.settings import Settings, read_settings
from tests.support.charts import refusals, untried
from tests.support.helm import CHARTS, Helm, HelmError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.json_types import Json, JsonObject
    from tests.support.real_cluster import RealCluster

CHART = CHARTS / "loadtester"
TOKEN = "a-token-of-the-tests-alone"
WRONG: tuple[tuple[JsonObject, str], ...] = (
    ({"replicaCount": 2}, "replicaCount"),
    ({"logLevel": "info"}, "logLevel"),
    ({"login": {"token": "short"}}, "token"),
    ({"login": {"token": TOKEN, "existingSecret": "mine"}}, "login"),
    ({"cmd": {"programs": ["sh"]}}, "programs"),
    ({"cmd": {"hosts": []}}, "hosts"),
    ({"cmd": {"timeout": "60"}}, "timeout"),
    ({"gates": {"timeout": 60}}, "timeout"),
    ({"istio": {"inject": "yes"}}, "inject"),
)


def matrix() -> Iterator[JsonObject]:
    """Every combination of the switches, with all other values set in half of them."""
    more: JsonObject = {
        "replicaCount": 0,
        "image": {"repository": "example/loadtester", "tag": "1.2.3", "pullPolicy": "Always"},
        "nameOverride": "load",
        "fullnameOverride": "load-of-the-shop",
        "namespaces": ["test", "team-*"],
        "cmd": {
            "programs": ["hey", "wrk"],
            "hosts": ["cluster", "*.example.com", "10.0.0.7"],
            "timeout": "10m",
            "mostRunning": 2,
            "logOutput": False,
        },
        "gates": {"timeout": "2h"},
        "service": {"type": "NodePort", "port": 8080},
        "podAnnotations": {"prometheus.io/scrape": "false"},
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "spot", "operator": "Exists"}],
        "affinity": {"podAntiAffinity": {}},
        "resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"memory": "1Gi"}},
    }
    logins: tuple[JsonObject, ...] = ({}, {"token": TOKEN}, {"existingSecret": "mine"})
    for number, (login, inject, kept, guarded) in enumerate(
        product(logins, (None, True), (True, False), (True, False))
    ):
        persistence = {"enabled": kept, "size": "2Gi", "storageClassName": "fast"}
        switches = {"persistence": persistence, "networkPolicy": {"enabled": guarded}}
        yield {**(more if number % 2 else {}), **switches, "login": login, "istio": {"inject": inject}}


def only(kind: str, rendered: list[JsonObject]) -> Json:
    """The one object of a kind."""
    (found,) = (obj for obj in rendered if obj["kind"] == kind)
    return found


def settings_of(rendered: list[JsonObject]) -> Settings:
    """What the load tester would read in its pod; the login alone comes from a Secret."""
    (container,) = only("Deployment", rendered)["spec"]["template"]["spec"]["containers"]
    return read_settings({entry["name"]: entry["value"] for entry in container["env"] if "value" in entry})


def test_whatever_is_switched_on_the_linter_the_api_server_and_the_load_tester_have_nothing_against_it(
    helm: Helm, real_cluster: RealCluster, real_namespace: str
) -> None:
    found = {}
    for values in matrix():
        helm.lint(CHART, values)
        rendered = helm.template("loadtester", CHART, real_namespace, values)
        found[str(values)] = refusals(real_cluster, rendered, real_namespace)
        assert settings_of(rendered).namespaces == tuple(values.get("namespaces", ()))
    assert len(found) == 24
    assert untried(CHART, matrix()) == []
    assert not {values: said for values, said in found.items() if said}


@pytest.mark.parametrize(
    ("values", "named"), WRONG, ids=[f"{named}-{number}" for number, (_, named) in enumerate(WRONG)]
)
def test_a_value_that_is_none_is_refused_by_its_name(helm: Helm, values: JsonObject, named: str) -> None:
    with pytest.raises(HelmError, match=rf"(?s)don't meet the specifications of the schema.*{named}"):
        helm.template("loadtester", CHART, values=values)


def test_the_charts_defaults_are_those_of_the_load_tester(helm: Helm) -> None:
    read = settings_of(helm.template("loadtester", CHART))
    assert read == Settings(gate_file="/state/gates.db")


def test_every_object_has_the_name_that_the_release_gives(helm: Helm) -> None:
    for release, name in (("loadtester", "loadtester"), ("tests", "tests-loadtester")):
        rendered = helm.template(release, CHART)
        assert {obj["metadata"]["name"] for obj in rendered} == {name}
        assert {obj["kind"] for obj in rendered} == {
            "Deployment", "NetworkPolicy", "PersistentVolumeClaim", "Secret", "Service",
        }  # fmt: skip


def test_load_passes_a_sidecar_where_it_is_asked_for(helm: Helm) -> None:
    labels = [
        only("Deployment", helm.template("loadtester", CHART, values={"istio": {"inject": inject}}))["spec"][
            "template"
        ]["metadata"]["labels"].get("sidecar.istio.io/inject")
        for inject in (None, True, False)
    ]
    assert labels == [None, "true", "false"]


def test_a_token_that_was_made_at_the_installation_is_kept(
    helm: Helm, real_cluster: RealCluster, real_namespace: str
) -> None:
    admin = helm.at(real_cluster)

    def tokens() -> str:
        secret = real_cluster.api.get(f"/api/v1/namespaces/{real_namespace}/secrets/loadtester")
        return base64.b64decode(secret["data"]["tokens"]).decode()

    notes = admin.install("loadtester", CHART, real_namespace)
    made = tokens()
    assert read_settings({"LOADTESTER_TOKENS": made}).tokens == (made,)
    assert f"http://serin:$TOKEN@loadtester.{real_namespace}/" in notes
    assert made not in notes
    admin.upgrade("loadtester", CHART, real_namespace, {"cmd": {"logOutput": False}})
    assert tokens() == made
    admin.upgrade("loadtester", CHART, real_namespace, {"login": {"token": TOKEN}})
    assert tokens() == TOKEN
    admin.uninstall("loadtester", real_namespace)
