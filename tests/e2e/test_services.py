"""Services as targets, on a real cluster and on the embedded one: what the checks say is given, the rest is real.

The target belongs to its author and is never written; what the router sends traffic to are its two copies.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from shared.checks.verdict import CheckResult, Verdict
from shared.rollout import Command, Phase, Verb
from tests.e2e.test_adoption import run_by_flagger, untouched
from tests.support.app import NAME, Release
from tests.support.gateways import Gateways
from tests.support.team import Team

if TYPE_CHECKING:
    from shared.json_types import JsonObject
    from tests.support.cluster import Cluster
    from tests.support.serin import Serin

OUTSIDE = {"type": "ExternalName", "externalName": "blue.example.com", "selector": None, "ports": None}


@pytest.fixture
def release(cluster: Cluster, namespace: str) -> Release:
    return Release(cluster, namespace, "Service")


def failing(_subject: object) -> tuple[CheckResult, ...]:
    return (CheckResult("request-success-rate", "metric", Verdict.FAIL, value=0.0),)


def initialized(serin: Serin, release: Release, **service: object) -> None:
    release.install(interval="1s")
    if service:
        release.patch("service", {"spec": service})
    settled(serin, Phase.INITIALIZED)


def settled(serin: Serin, phase: Phase) -> None:
    serin.run_until(lambda rollout: rollout.phase is phase and not rollout.active)


def images(release: Release) -> list[str]:
    """What the primary's and the canary's copy select."""
    return [release.image(f"frontend-{side}") for side in ("primary", "canary")]


def spec(release: Release, side: str) -> JsonObject:
    found: JsonObject = release.get("service", f"frontend-{side}")["spec"]
    return found


def test_a_service_gets_two_copies_and_is_not_written(serin: Serin, release: Release) -> None:
    release.install(interval="1s")
    change = {"spec": {"type": "LoadBalancer", "sessionAffinity": "ClientIP", "externalIPs": ["192.0.2.1"]}}
    release.patch("service", {**change, "metadata": {"annotations": {"external-dns/hostname": "shop.example.com"}}})
    before = release.get("service")
    settled(serin, Phase.INITIALIZED)
    assert (release.get("service"), release.weights(), images(release)) == (before, (100, 0), ["app:1", "app:1"])
    assert (
        len({spec(release, side)["clusterIP"] for side in ("primary", "canary")} | {before["spec"]["clusterIP"]}) == 3
    )
    for side in ("primary", "canary"):
        copied = release.get("service", f"frontend-{side}")
        assert (copied["spec"]["type"], copied["spec"]["sessionAffinity"]) == ("ClusterIP", "ClientIP")
        assert copied["metadata"]["labels"] == {"app": "frontend"}
        assert "external-dns/hostname" not in copied["metadata"]["annotations"]
        assert "externalIPs" not in copied["spec"]


def test_a_new_spec_gets_its_share_step_by_step_and_is_promoted(serin: Serin, release: Release) -> None:
    initialized(serin, release)
    release.upgrade("app:2")
    mark = release.cluster.mark()
    serin.sweep()
    listed = [entry.resource for entry in release.cluster.requests_by("serin", mark) if entry.verb == "list"]
    assert listed.count("services") == 1
    serin.run_until(lambda rollout: rollout.weight == 25)
    assert (release.weights(), images(release)) == ((75, 25), ["app:1", "app:2"])
    settled(serin, Phase.SUCCEEDED)
    assert f"Advance frontend.{release.namespace} canary weight 50" in serin.messages
    assert (release.weights(), images(release)) == ((100, 0), ["app:2", "app:2"])
    assert not [message for message in serin.messages if "not as committed" in message]
    serin.sweep()
    assert not serin.rollout.active


def test_a_bad_spec_goes_back_and_the_primary_stays_as_it_is(serin: Serin, release: Release) -> None:
    initialized(serin, release)
    release.upgrade("app:2")
    serin.sweep()
    settled(replace(serin, parts=replace(serin.parts, analyse=failing)), Phase.FAILED)
    assert (release.image("frontend-primary"), release.weights()) == ("app:1", (100, 0))
    release.upgrade("app:1")
    serin.sweep()
    settled(serin, Phase.FAILED)
    assert images(release) == ["app:1", "app:1"]


def test_a_change_in_the_middle_of_a_run_gets_no_traffic_before_it_starts_again(serin: Serin, release: Release) -> None:
    initialized(serin, release)
    release.upgrade("app:2")
    serin.sweep()
    serin.run_until(lambda rollout: rollout.weight == 25)
    release.upgrade("app:3")
    assert (release.weights(), images(release)) == ((75, 25), ["app:1", "app:2"])
    mark = release.cluster.mark()
    serin.run_until(lambda rollout: rollout.weight == 0)
    written = [entry.resource for entry in release.cluster.requests_by("serin", mark) if entry.verb == "update"]
    assert written == ["virtualservices", "services"], "traffic goes home before the copy changes"
    assert (release.weights(), images(release)) == ((100, 0), ["app:1", "app:3"])
    settled(serin, Phase.SUCCEEDED)
    assert images(release) == ["app:3", "app:3"]


def test_what_is_outside_of_the_cluster_is_released_by_its_name(serin: Serin, release: Release) -> None:
    initialized(serin, release, **OUTSIDE)
    release.patch("service", {"spec": {"externalName": "green.example.com"}})
    serin.sweep()
    serin.run_until(lambda rollout: rollout.weight == 25)
    names = [spec(release, side)["externalName"] for side in ("primary", "canary")]
    assert names == ["blue.example.com", "green.example.com"]
    settled(serin, Phase.SUCCEEDED)
    assert spec(release, "primary")["externalName"] == "green.example.com"


def test_an_app_moves_out_of_the_cluster_and_back(serin: Serin, release: Release) -> None:
    initialized(serin, release)
    inside = {"selector": {"app": NAME, "image": "app-4"}, "ports": [{"name": "http", "port": 9898}]}
    ways = ({**OUTSIDE, "clusterIP": None}, {"type": "ClusterIP", "externalName": None, **inside})
    for way in ways:
        release.patch("service", {"spec": way})
        serin.sweep()
        serin.run_until(lambda rollout: rollout.weight == 25)
        settled(serin, Phase.SUCCEEDED)
        assert [spec(release, side)["type"] for side in ("primary", "canary")] == [way["type"]] * 2
    assert images(release) == ["app:4", "app:4"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"selector": None}, "has neither a selector nor an externalName"),
        ({"ports": [{"name": "http", "port": 80}]}, "offers port 80, but spec.service.port is 9898"),
    ],
    ids=["endpoints by hand", "another port"],
)
def test_a_copy_that_would_lead_nowhere_is_not_made(
    serin: Serin, release: Release, change: JsonObject, reason: str
) -> None:
    initialized(serin, release)
    release.patch("service", {"spec": change})
    serin.sweep()
    serin.run_until(lambda rollout: not rollout.active)
    assert [message for message in serin.messages if reason in message]
    assert (images(release), release.weights(), serin.rollout.runs) == (["app:1", "app:1"], (100, 0), 0)


def test_a_service_is_released_at_a_gateway_too(serin: Serin, release: Release) -> None:
    with Gateways(release.cluster, release.namespace):
        release.install("gatewayapi:v1", interval="1s")
        release.patch("canary", {"spec": {"service": {"gatewayRefs": [{"name": "public"}]}}})
        settled(serin, Phase.INITIALIZED)
        release.upgrade("app:2")
        serin.sweep()
        serin.run_until(lambda rollout: rollout.weight == 25)
        sides = release.get("httproute")["spec"]["rules"][0]["backendRefs"]
        assert {side["name"]: side["weight"] for side in sides} == {"frontend-primary": 75, "frontend-canary": 25}
        settled(serin, Phase.SUCCEEDED)
    assert images(release) == ["app:2", "app:2"]


def test_a_service_of_somebody_else_is_never_the_primary(serin: Serin, release: Release) -> None:
    stranger = {"metadata": {"name": "frontend-primary"}, "spec": {"ports": [{"port": 9898}], "selector": {"a": "b"}}}
    release.cluster.api.create(release.path("service", ""), stranger)
    release.install(interval="1s")
    serin.run_until(lambda rollout: "Service frontend-primary exists and does not belong" in rollout.halt)
    assert release.cluster.api.find(release.path("virtualservice")) is None
    assert spec(release, "primary")["selector"] == {"a": "b"}
    release.cluster.api.delete(release.path("service", "frontend-primary"))
    settled(serin, Phase.INITIALIZED)
    assert (images(release), release.weights()) == (["app:1", "app:1"], (100, 0))


def test_an_abort_sends_traffic_home_although_the_target_leads_nowhere(serin: Serin, release: Release) -> None:
    initialized(serin, release)
    release.upgrade("app:2")
    serin.sweep()
    serin.run_until(lambda rollout: rollout.weight == 25)
    release.patch("service", {"spec": {"selector": None}})
    serin.hint()
    serin.tick()
    assert release.weights() == (75, 25)
    command = Command("1", Verb.ABORT, "ada", serin.parts.clock())
    rollout = serin.rollout
    serin.parts.store.commit(
        serin.key, replace(rollout, version=rollout.version + 1, commands=(command,), due_at=command.at), None
    )
    serin.run_until(lambda rollout: rollout.phase is Phase.FAILED)
    assert (release.weights(), images(release)) == ((100, 0), ["app:1", "app:2"])


def test_a_copy_that_somebody_changed_is_put_right_before_it_gets_more(serin: Serin, release: Release) -> None:
    initialized(serin, release)
    release.upgrade("app:2")
    serin.sweep()
    serin.run_until(lambda rollout: rollout.weight == 25)
    release.patch("service", {"spec": {"selector": {"image": "app-9"}}}, "frontend-canary")
    settled(serin, Phase.SUCCEEDED)
    assert f"Service frontend-canary.{release.namespace} is not as committed: restoring it" in serin.messages
    assert images(release) == ["app:2", "app:2"]


@pytest.mark.parametrize(("phase", "weight"), [("Succeeded", 0), ("Progressing", 25)])
def test_what_flagger_left_is_taken_over_where_it_stands(
    serin: Serin, release: Release, phase: str, weight: int
) -> None:
    run_by_flagger(serin, release, phase, weight)
    release.patch("service", {"spec": {"type": "LoadBalancer"}}, "frontend-primary")  # Flagger copies the type
    before = untouched(release)
    said = len(serin.messages)
    serin.sweep()
    assert (untouched(release), serin.rollout.weight) == (before, weight)
    settled(serin, Phase.SUCCEEDED)
    assert not [message for message in serin.messages[said:] if message.startswith("New revision")]
    assert spec(release, "primary")["type"] == ("ClusterIP" if weight else "LoadBalancer")
    assert release.image("frontend-primary") == ("app:2" if weight else "app:1")
    owned = [release.get("service", f"frontend-{side}")["metadata"] for side in ("primary", "canary")]
    assert [metadata.get("ownerReferences") for metadata in owned] == [None, None]


@pytest.mark.parametrize("weight", [0, 25])
def test_a_deleted_canary_leaves_the_service_as_it_is_now(serin: Serin, release: Release, weight: int) -> None:
    initialized(serin, release)
    release.patch("canary", {"spec": {"revertOnDeletion": True}})
    serin.sweep()
    settled(serin, Phase.INITIALIZED)
    if weight:
        release.upgrade("app:2")
        serin.sweep()
        serin.run_until(lambda rollout: rollout.weight == weight)
    before = release.get("service")
    team = Team(serin, release)
    team.delete()
    team.forgotten()
    assert (team.left(), team.find("virtualservice"), team.find("canary")) == ([], None, None)
    assert release.get("service") == before
