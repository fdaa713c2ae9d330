"""Releases of charts/podinfo under Serin: installed, upgraded and switched over by Helm, on the real cluster."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from shared.rollout import Phase, RolloutKey
from tests.support.app import Release
from tests.support.helm import CHARTS
from tests.support.serin import Serin, passing_serin
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from shared.json_types import JsonObject
    from shared.state.store import Store
    from tests.support.helm import Helm
    from tests.support.real_cluster import RealCluster

CHART = CHARTS / "podinfo"
KINDS = ("configmap", "deployment", "hpa", "canary", "service", "virtualservice", "destinationrule")
BY_HELM = {"configmap/backend", "deployment/backend", "hpa/backend", "canary/backend"}
BY_SERIN = {
    "configmap/backend-primary",
    "deployment/backend-primary",
    "hpa/backend-primary",
    "service/backend",
    "service/backend-canary",
    "service/backend-primary",
    "virtualservice/backend",
    "destinationrule/backend-canary",
    "destinationrule/backend-primary",
}


class Team:
    """Who runs releases of the chart in one namespace, with Serin beside them."""

    def __init__(self, helm: Helm, cluster: RealCluster, namespace: str, store: Store) -> None:
        self.helm = helm.at(cluster)
        self.release = Release(cluster, namespace)
        self._serin = passing_serin(cluster, store, namespace)

    def serin(self, name: str) -> Serin:
        """Serin beside one of the releases."""
        return replace(self._serin, key=RolloutKey("test", self.release.namespace, name))

    def install(self, name: str, **values: object) -> None:
        """The guide's command."""
        self.helm.install(name, CHART, self.release.namespace, {"nameOverride": name, **values})

    def upgrade(self, name: str, *more: str) -> None:
        """As the guide does it: what was given before stays."""
        self.helm.upgrade(name, CHART, self.release.namespace, {}, "--reuse-values", *more)

    def settled(self, name: str, phase: Phase) -> Serin:
        """Serin has found what was done, and has brought it to this end."""
        serin = self.serin(name)
        serin.sweep()
        serin.run_until(lambda rollout: rollout.phase is phase and not rollout.active)
        return serin

    def names(self, app: str) -> set[str]:
        """Every object of an app, as kind/name."""
        found = ((kind, obj["metadata"]["name"]) for kind in KINDS for obj in self._all(kind))
        return {f"{kind}/{name}" for kind, name in found if name.startswith(app)}

    def _all(self, kind: str) -> list[JsonObject]:
        return self.release.cluster.api.items(self.release.path(kind, ""))


@pytest.fixture
def team(helm: Helm, real_cluster: RealCluster, real_namespace: str, sqlite: Store) -> Team:
    return Team(helm, real_cluster, real_namespace, sqlite)


def test_two_releases_are_the_objects_that_the_guide_lists_and_each_change_of_values_is_a_release(team: Team) -> None:
    team.install("backend")
    team.install("frontend", backend="http://backend.test:9898/echo", hpa={"enabled": False})
    for name in ("backend", "frontend"):
        team.settled(name, Phase.INITIALIZED)
    assert team.names("backend") == BY_HELM | BY_SERIN
    without = {name.replace("backend", "frontend") for name in BY_HELM | BY_SERIN if not name.startswith("hpa")}
    assert team.names("frontend") == without

    team.upgrade("frontend", "--set=image.tag=6.15.0")
    team.settled("frontend", Phase.SUCCEEDED)
    assert team.release.image("frontend-primary").endswith("podinfo:6.15.0")

    team.upgrade("backend", "--set=httpServer.timeout=25s")
    team.settled("backend", Phase.SUCCEEDED)
    assert "http-server-timeout: 25s" in team.release.get("configmap", "backend-primary")["data"]["config.yaml"]
    assert team.release.image("backend-primary").endswith("podinfo:6.14.1")


def test_values_that_are_not_the_apps_start_no_release(team: Team) -> None:
    team.install("backend")
    team.settled("backend", Phase.INITIALIZED)
    team.upgrade(
        "backend", "--set=canary.analysis.threshold=3", "--set=hpa.maxReplicas=4", "--set=service.type=NodePort"
    )
    serin = team.settled("backend", Phase.INITIALIZED)
    assert not any("New revision" in message for message in serin.messages)


def test_switching_the_canary_on_takes_nothing_away_from_callers(team: Team) -> None:
    team.install("backend", canary={"enabled": False})
    eventually("the app serves", lambda: team.release.cluster.rollout_complete(team.release.namespace, "backend"))
    before = team.release.get("service", "backend")
    team.upgrade("backend", "--set=canary.enabled=true")
    assert team.release.get("service", "backend")["metadata"]["uid"] == before["metadata"]["uid"]
    team.settled("backend", Phase.INITIALIZED)
    after = team.release.get("service", "backend")
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["spec"]["selector"] == {"app": "backend-primary"}
