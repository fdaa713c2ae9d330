"""The rights that charts/serin gives, on the real API server: all that a whole life of a Canary needs, and no other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from shared.checks.allowlist import Egress
from shared.checks.transport import Http
from shared.checks.verdict import CheckResult, Verdict
from shared.delivery.courier import Courier
from shared.delivery.receivers import Receivers
from shared.errors import Refused
from shared.rollout import Phase
from tests.e2e.test_adoption import run_by_flagger
from tests.e2e.test_keda import allow_more, install_with_keda
from tests.support.app import Release, release_key
from tests.support.gateways import Gateways
from tests.support.installed import Installed, refused, rights_of, rights_used
from tests.support.receivers import install_provider
from tests.support.serin import Serin, passing_serin
from tests.support.team import Team
from tests.support.web import WebServer, reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.checks.subject import Subject
    from shared.state.store import Store
    from tests.support.helm import Helm
    from tests.support.real_cluster import RealCluster

RBAC = "/apis/rbac.authorization.k8s.io/v1"


@pytest.fixture
def installed(real_cluster: RealCluster, helm: Helm) -> Iterator[Installed]:
    """The chart, not yet installed, in a namespace of its own."""
    made = Installed(real_cluster, real_cluster.create_namespace(), helm)
    yield made
    made.uninstall()
    real_cluster.api.delete(f"/api/v1/namespaces/{made.namespace}")


@pytest.fixture
def release(real_cluster: RealCluster, real_namespace: str) -> Release:
    return Release(real_cluster, real_namespace)


@pytest.fixture
def others(real_cluster: RealCluster) -> Iterator[tuple[Release, Release]]:
    """The app as a DaemonSet and as a Service, each in a namespace of its own."""
    agents = Release(real_cluster, real_cluster.create_namespace(), "DaemonSet")
    address = Release(real_cluster, real_cluster.create_namespace(), "Service")
    yield agents, address
    for made in (agents, address):
        real_cluster.api.delete(f"/api/v1/namespaces/{made.namespace}")


@pytest.fixture
def serin(real_cluster: RealCluster, real_namespace: str, sqlite: Store) -> Serin:
    return passing_serin(real_cluster, sqlite, real_namespace)


def failing(_subject: Subject) -> tuple[CheckResult, ...]:
    """An analysis whose one check fails."""
    return (CheckResult("request-success-rate", "metric", Verdict.FAIL, value=0.0),)


def whole_life(serin: Serin, release: Release) -> None:
    """Taken over from Flagger, released with everything that can change, rolled back, and given back at the end."""
    run_by_flagger(serin, release, "Succeeded")
    service = {"port": 9898, "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}}}
    release.patch("canary", {"spec": {"revertOnDeletion": True, "service": service}})
    settled(serin, Phase.SUCCEEDED)
    change_everything(release)
    settled(serin, Phase.SUCCEEDED, runs=1)
    release.upgrade("app:3")
    settled(replace(serin, parts=replace(serin.parts, analyse=failing)), Phase.FAILED, runs=2)
    give_back(serin, release)


def life_with_keda(serin: Serin, release: Release) -> None:
    """Released with another limit of its ScaledObject, and given back."""
    install_with_keda(release)
    settled(serin, Phase.INITIALIZED)
    release.upgrade("app:2")
    allow_more(release)
    settled(serin, Phase.SUCCEEDED)
    give_back(serin, release)


def life_at_a_gateway(serin: Serin, release: Release) -> None:
    """Released over an HTTPRoute, and given back."""
    with Gateways(release.cluster, release.namespace):
        release.install("gatewayapi:v1", interval="1s")
        service = {"gatewayRefs": [{"name": "public"}]}
        release.patch("canary", {"spec": {"revertOnDeletion": True, "service": service}})
        settled(serin, Phase.INITIALIZED)
        release.upgrade("app:2")
        settled(serin, Phase.SUCCEEDED)
        give_back(serin, release)


def life_without_autoscaler(serin: Serin, release: Release) -> None:
    """Released in another version, and given back."""
    release.install(interval="1s")
    release.patch("canary", {"spec": {"revertOnDeletion": True}})
    settled(serin, Phase.INITIALIZED)
    release.upgrade("app:2")
    settled(serin, Phase.SUCCEEDED)
    give_back(serin, release)


def give_back(serin: Serin, release: Release) -> None:
    """The Canary is deleted, and the app is as it was before."""
    team = Team(serin, release)
    team.delete()
    team.forgotten()


def change_everything(release: Release) -> None:
    """The app's pods, its configuration, its autoscaler, how it is reached, what is measured and who is told."""
    release.upgrade("app:2")
    release.patch("configmap", {"data": {"greeting": "good day"}})
    release.patch("secret", {"stringData": {"token": "t1"}})
    release.patch("hpa", {"spec": {"maxReplicas": 6}})
    policy = {"tls": {"mode": "DISABLE"}}
    metric = {"name": "errors", "templateRef": {"name": "errors"}, "thresholdRange": {"max": 1}}
    service = {"portName": "http-web", "trafficPolicy": policy}
    alert = {"name": "ops", "providerRef": {"name": "ops"}}
    release.patch("canary", {"spec": {"service": service, "analysis": {"metrics": [metric], "alerts": [alert]}}})


def told(serin: Serin) -> Serin:
    """Serin, whose alert providers may be on loopback."""
    receivers = Receivers(guarded=Http(Egress(("127.0.0.1",))))
    return replace(serin, parts=replace(serin.parts, courier=Courier(receivers)))


def settled(serin: Serin, phase: Phase, runs: int = 0) -> None:
    """Serin looks, and brings what it finds to this end."""
    serin.sweep()
    serin.run_until(lambda rollout: rollout.phase is phase and rollout.runs >= runs and not rollout.active)


def test_every_right_is_used_and_none_is_missing(
    installed: Installed, release: Release, others: tuple[Release, Release], serin: Serin
) -> None:
    installed.install({"webhook": {"enabled": False}})
    mark = installed.cluster.mark()
    with WebServer(reply()) as ops:
        install_provider(installed.cluster.api, release.namespace, "ops", ops.url)
        whole_life(installed.run(told(serin)), release)
        assert ops.requests
    scaled = Release(installed.cluster, installed.namespace)
    life_with_keda(installed.run(replace(serin, key=release_key(scaled.namespace))), scaled)
    routed = Release(installed.cluster, installed.cluster.create_namespace())
    life_at_a_gateway(installed.run(replace(serin, key=release_key(routed.namespace))), routed)
    for other in others:
        life_without_autoscaler(installed.run(replace(serin, key=release_key(other.namespace))), other)
    asked = installed.requests(mark)
    installed.cluster.api.delete(f"/api/v1/namespaces/{routed.namespace}")
    own = {each.namespace for each in (release, *others, scaled, routed)}
    assert not list(refused([entry for entry in asked if entry.namespace in own]))
    role = installed.cluster.api.get(f"{RBAC}/clusterroles/{installed.namespace}-serin")
    granted = rights_of(role)
    assert rights_used(asked) - granted == set()
    assert granted - rights_used(asked) == set(), "these rights are given for nothing"


def test_with_a_list_of_namespaces_it_has_no_right_in_any_other_and_asks_for_none(
    installed: Installed, release: Release, serin: Serin
) -> None:
    installed.install({"webhook": {"enabled": False}, "rbac": {"namespaces": [release.namespace]}})
    elsewhere = Release(installed.cluster, installed.namespace)
    for app in (elsewhere, release):
        app.install(interval="1s")
    mark = installed.cluster.mark()
    limited = installed.run(replace(serin, parts=replace(serin.parts, namespaces=(release.namespace,))))
    settled(limited, Phase.INITIALIZED)
    release.upgrade("app:2")
    settled(limited, Phase.SUCCEEDED)
    asked = installed.requests(mark)
    assert not list(refused(asked))
    assert {entry.namespace for entry in asked} == {release.namespace}
    assert elsewhere.phase() == ""
    with pytest.raises(Refused, match="cannot list resource"):
        installed.run(serin).sweep()
