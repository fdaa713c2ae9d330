"""DaemonSets as targets, on a real cluster and on the embedded one: what the checks say is given, the rest is real.

Zero is a node selector that no node satisfies; it is never a revision, and never gets to the primary.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from shared.checks.verdict import CheckResult, Verdict
from shared.rollout import Phase
from tests.e2e.test_adoption import run_by_flagger, untouched
from tests.support.app import NAME, Release
from tests.support.team import Team
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from tests.support.cluster import Cluster
    from tests.support.serin import Serin

ZERO = {"flagger.app/scale-to-zero": "true"}


@pytest.fixture
def release(cluster: Cluster, namespace: str) -> Release:
    return Release(cluster, namespace, "DaemonSet")


def failing(_subject: object) -> tuple[CheckResult, ...]:
    return (CheckResult("request-success-rate", "metric", Verdict.FAIL, value=0.0),)


def selector(release: Release, name: str = NAME) -> object:
    return release.get("daemonset", name)["spec"]["template"]["spec"].get("nodeSelector")


def pods(release: Release, app: str = NAME) -> list[str]:
    """The uids of an app's pods."""
    path = f"/api/v1/namespaces/{release.namespace}/pods"
    found = release.cluster.api.get(path)["items"]
    return [pod["metadata"]["uid"] for pod in found if pod["metadata"]["labels"]["app"] == app]


def initialized(serin: Serin, release: Release) -> None:
    release.install(interval="1s")
    settled(serin, Phase.INITIALIZED)


def settled(serin: Serin, phase: Phase) -> None:
    serin.run_until(lambda rollout: rollout.phase is phase and not rollout.active)


def test_a_daemonset_gets_a_primary_and_goes_to_zero(serin: Serin, release: Release) -> None:
    release.install(interval="1s")
    serin.run_until(lambda rollout: rollout.phase is Phase.INITIALIZED)
    primary = release.get("daemonset", "frontend-primary")
    assert primary["spec"]["selector"]["matchLabels"] == {"app": "frontend-primary"}
    assert primary["spec"]["template"]["spec"]["volumes"][0]["configMap"]["name"] == "frontend-primary"
    assert (primary["status"]["numberAvailable"], selector(release, "frontend-primary")) == (1, None)
    settled(serin, Phase.INITIALIZED)
    assert selector(release) == ZERO
    eventually("the target has no pod", lambda: not pods(release))
    assert release.get("service")["spec"]["selector"]["app"] == "frontend-primary"
    assert release.weights() == (100, 0)


def test_a_new_version_gets_its_share_step_by_step_and_is_promoted(serin: Serin, release: Release) -> None:
    initialized(serin, release)
    release.upgrade("app:2")
    mark = release.cluster.mark()
    serin.sweep()
    listed = {entry.resource for entry in release.cluster.requests_by("serin", mark) if entry.verb == "list"}
    canaries = release.cluster.api.items("/apis/flagger.app/v1beta1/canaries")  # of other tests, too
    targets = {f"{canary['spec']['targetRef']['kind'].lower()}s" for canary in canaries}
    assert listed == {"canaries", "configmaps", "secrets", *targets}, "no kind is listed that nobody releases"
    serin.run_until(lambda rollout: rollout.weight == 25)
    assert (release.weights(), selector(release), len(pods(release))) == ((75, 25), None, 1)
    settled(serin, Phase.SUCCEEDED)
    assert f"Advance frontend.{release.namespace} canary weight 50" in serin.messages
    assert (release.image("frontend-primary"), selector(release, "frontend-primary")) == ("app:2", None)
    assert (release.weights(), selector(release)) == ((100, 0), ZERO)
    serin.sweep()
    assert not serin.rollout.active, "zero is no revision"


def test_a_bad_version_goes_back_to_zero_and_the_primary_stays_as_it_is(serin: Serin, release: Release) -> None:
    initialized(serin, release)
    release.upgrade("app:2")
    serin.sweep()
    settled(replace(serin, parts=replace(serin.parts, analyse=failing)), Phase.FAILED)
    assert (release.image("frontend-primary"), release.weights()) == ("app:1", (100, 0))
    assert selector(release) == ZERO
    eventually("the target has no pod", lambda: not pods(release))


def test_pods_that_never_get_ready_are_rolled_back_at_the_deadline(serin: Serin, release: Release) -> None:
    initialized(serin, release)
    release.patch("canary", {"spec": {"progressDeadlineSeconds": 1}})
    unready = {"annotations": {"local.serin.dev/ready": "false"}}
    release.patch("daemonset", {"spec": {"template": {"metadata": unready}}})
    serin.sweep()
    settled(serin, Phase.FAILED)
    assert any("progress deadline exceeded daemonset" in message for message in serin.messages)
    assert not any(message.startswith("Advance") for message in serin.messages)
    assert selector(release) == ZERO


def test_a_new_configuration_in_the_middle_of_a_run_is_read_by_new_pods(serin: Serin, release: Release) -> None:
    initialized(serin, release)
    release.upgrade("app:2")
    serin.sweep()
    serin.run_until(lambda rollout: rollout.weight == 25)
    before = pods(release)
    release.patch("configmap", {"data": {"greeting": "good day"}})
    serin.run_until(lambda rollout: rollout.weight == 0)
    serin.run_until(lambda rollout: rollout.weight == 25)
    assert (len(before), len(pods(release))) == (1, 1)
    assert set(before).isdisjoint(pods(release))
    settled(serin, Phase.SUCCEEDED)
    assert release.get("configmap", "frontend-primary")["data"] == {"greeting": "good day"}


def test_who_wakes_it_between_runs_does_no_harm(serin: Serin, release: Release) -> None:
    initialized(serin, release)
    release.patch("daemonset", {"spec": {"template": {"spec": {"nodeSelector": None}}}})
    serin.sweep()
    assert not serin.rollout.active
    assert release.weights() == (100, 0)
    release.upgrade("app:2")
    serin.sweep()
    settled(serin, Phase.SUCCEEDED)
    assert selector(release) == ZERO


@pytest.mark.parametrize(("phase", "weight"), [("Succeeded", 0), ("Progressing", 25)])
def test_what_flagger_left_is_taken_over_where_it_stands(
    serin: Serin, release: Release, phase: str, weight: int
) -> None:
    run_by_flagger(serin, release, phase, weight)
    before = untouched(release)
    serin.sweep()
    assert (untouched(release), serin.rollout.weight) == (before, weight)
    settled(serin, Phase.SUCCEEDED)
    assert release.image("frontend-primary") == ("app:2" if weight else "app:1")
    assert selector(release) == ZERO


@pytest.mark.parametrize("weight", [0, 25])
def test_a_deleted_canary_gives_the_app_back_to_its_daemonset(serin: Serin, release: Release, weight: int) -> None:
    initialized(serin, release)
    release.patch("canary", {"spec": {"revertOnDeletion": True}})
    serin.sweep()
    settled(serin, Phase.INITIALIZED)
    if weight:
        release.upgrade("app:2")
        serin.sweep()
        serin.run_until(lambda rollout: rollout.weight == weight)
    team = Team(serin, release)
    team.delete()
    team.forgotten()
    assert (team.left(), team.find("daemonset", "frontend-primary"), team.find("canary")) == ([], None, None)
    assert release.get("service")["spec"]["selector"] == {"app": NAME}
    assert (release.is_up(), selector(release)) == (True, None)
