"""What users do to Canaries and the objects around them, on a real cluster and on the embedded one.

What the checks say is given here; everything else is real.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.cluster.converge import converge
from shared.errors import Conflict
from shared.rollout import Command, Phase, RolloutKey, Verb
from tests.support.app import NAME, Release, canary
from tests.support.serin import Serin, events_of


def initialized(serin: Serin, release: Release, **analysis: object) -> None:
    release.install(**{"interval": "1s", **analysis})
    serin.run_until(lambda rollout: rollout.phase is Phase.INITIALIZED and not rollout.active)


def upgraded(serin: Serin, release: Release, image: str = "app:2") -> None:
    release.upgrade(image)
    serin.hint()
    serin.run_until(lambda rollout: rollout.phase is Phase.PROGRESSING)


def settled(serin: Serin, phase: Phase) -> None:
    serin.run_until(lambda rollout: rollout.phase is phase and not rollout.active)


def test_initialization_makes_what_flagger_makes(serin: Serin, release: Release) -> None:
    initialized(serin, release)
    primary = release.get("deployment", "frontend-primary")
    assert primary["spec"]["selector"]["matchLabels"] == {"app": "frontend-primary"}
    assert primary["spec"]["template"]["spec"]["volumes"][0]["configMap"]["name"] == "frontend-primary"
    assert release.get("secret", "frontend-primary")["data"] == release.get("secret")["data"]
    assert release.get("hpa", "frontend-primary")["spec"]["scaleTargetRef"]["name"] == "frontend-primary"
    selectors = {
        name: release.get("service", name)["spec"]["selector"]["app"]
        for name in ("frontend", "frontend-primary", "frontend-canary")
    }
    assert selectors == {
        "frontend": "frontend-primary",
        "frontend-primary": "frontend-primary",
        "frontend-canary": "frontend",
    }
    assert release.weights() == (100, 0)
    assert release.get("deployment")["spec"]["replicas"] == 0
    promoted = next(c for c in release.get("canary")["status"]["conditions"] if c["type"] == "Promoted")
    assert (promoted["status"], release.get("canary")["status"]["observedGeneration"]) == ("True", 1)


def test_without_its_autoscaler_the_app_goes_on_serving_until_somebody_helps(serin: Serin, release: Release) -> None:
    release.install(interval="1s")
    release.cluster.api.delete(release.path("hpa"))
    serin.run_until(lambda rollout: "HorizontalPodAutoscaler" in rollout.halt)
    for _ in range(3):
        serin.clock.skip_to(serin.rollout.due_at)
        serin.tick()
    assert release.get("deployment")["spec"]["replicas"] == 2
    assert sum("HorizontalPodAutoscaler" in message for message in serin.messages) == 1


def test_a_stranger_in_the_way_is_never_overwritten(serin: Serin, release: Release) -> None:
    stranger = {"metadata": {"name": "frontend-primary"}, "data": {"mine": "yes"}}
    release.cluster.api.create(release.path("configmap", ""), stranger)
    release.install(interval="1s")
    serin.run_until(lambda rollout: "does not belong" in rollout.halt)
    assert release.get("configmap", "frontend-primary")["data"] == {"mine": "yes"}
    release.cluster.api.delete(release.path("configmap", "frontend-primary"))
    settled(serin, Phase.INITIALIZED)


def test_a_canary_that_makes_no_sense_says_so_and_stops_nobody_else(serin: Serin, release: Release) -> None:
    initialized(serin, release)
    bad = canary(threshold=1, metrics=[{"name": "request-latency"}])
    bad["metadata"]["name"] = "bad"
    bad["spec"]["targetRef"]["name"] = "nobody"
    release.cluster.api.create(release.path("canary", ""), bad)
    serin.sweep()
    condition = next(c for c in release.get("canary", "bad")["status"]["conditions"] if c["type"] == "Ready")
    assert (condition["status"], condition["reason"]) == ("False", "InvalidSpec")
    assert "spec.analysis.metrics[0]" in condition["message"]
    events = [event["message"] for event in events_of(release.cluster, release.namespace)]
    assert sum("spec.analysis.metrics[0]" in event for event in events) == 1
    upgraded(serin, release)
    settled(serin, Phase.SUCCEEDED)


def test_a_canary_that_reaches_into_another_namespace_is_held_where_that_is_not_allowed(
    serin: Serin, release: Release
) -> None:
    strict = replace(serin, parts=replace(serin.parts, foreign=False))
    release.install(interval="1s", alerts=[{"name": "chat", "providerRef": {"name": "slack", "namespace": "ops"}}])
    strict.tick()
    condition = next(c for c in release.get("canary")["status"]["conditions"] if c["type"] == "Ready")
    assert (condition["status"], condition["reason"]) == ("False", "InvalidSpec")
    assert "spec.analysis.alerts[0].providerRef.namespace" in condition["message"]
    settled(serin, Phase.INITIALIZED)


def test_of_two_canaries_for_one_target_the_younger_gives_way(serin: Serin, release: Release) -> None:
    initialized(serin, release)
    rival = canary(interval="1s")
    rival["metadata"]["name"] = "rival"
    release.cluster.api.create(release.path("canary", ""), rival)
    serin.sweep()
    conditions = release.get("canary", "rival")["status"]["conditions"]
    assert any(f"frontend.{release.namespace}" in c["message"] for c in conditions if c["type"] == "Ready")
    upgraded(serin, release)
    settled(serin, Phase.SUCCEEDED)


def test_pods_that_never_get_ready_are_rolled_back_at_the_deadline(serin: Serin, release: Release) -> None:
    initialized(serin, release)
    release.patch("canary", {"spec": {"progressDeadlineSeconds": 1}})
    unready = {"annotations": {"local.serin.dev/ready": "false"}}
    release.patch("deployment", {"spec": {"template": {"metadata": unready}}})
    serin.sweep()
    settled(serin, Phase.FAILED)
    assert any("progress deadline exceeded" in message for message in serin.messages)
    assert not any(message.startswith("Advance") for message in serin.messages)
    assert release.get("deployment")["spec"]["replicas"] == 0


def test_going_back_to_the_promoted_template_ends_the_run_and_starts_none(serin: Serin, release: Release) -> None:
    initialized(serin, release)
    upgraded(serin, release)
    release.upgrade("app:1")
    settled(serin, Phase.INITIALIZED)
    assert any(message.startswith("Revision withdrawn!") for message in serin.messages)
    assert release.weights() == (100, 0)
    serin.sweep()
    assert not serin.rollout.active


def test_a_newer_revision_restarts_the_run_and_only_it_is_promoted(serin: Serin, release: Release) -> None:
    initialized(serin, release)
    upgraded(serin, release)
    serin.run_until(lambda rollout: rollout.weight == 25)
    release.upgrade("app:3")
    settled(serin, Phase.SUCCEEDED)
    assert f"New revision detected! Restarting analysis for frontend.{release.namespace}" in serin.messages
    assert release.image("frontend-primary") == "app:3"


def test_a_suspended_canary_stays_where_it_is_and_goes_on_when_it_is_resumed(serin: Serin, release: Release) -> None:
    initialized(serin, release)
    upgraded(serin, release)
    serin.run_until(lambda rollout: rollout.weight == 25)
    release.patch("canary", {"spec": {"suspend": True}})
    serin.run_until(lambda rollout: not rollout.active)
    serin.sweep()
    serin.tick()
    assert release.weights() == (75, 25)
    release.patch("canary", {"spec": {"suspend": False}})
    serin.sweep()
    settled(serin, Phase.SUCCEEDED)
    assert release.image("frontend-primary") == "app:2"


def test_skip_analysis_promotes_what_is_ready(serin: Serin, release: Release) -> None:
    initialized(serin, release)
    release.patch("canary", {"spec": {"skipAnalysis": True}})
    upgraded(serin, release)
    settled(serin, Phase.SUCCEEDED)
    name = f"frontend.{release.namespace}"
    assert f"Promotion completed! Canary analysis was skipped for {name}" in serin.messages
    assert not any(message.startswith("Advance") for message in serin.messages)
    assert release.image("frontend-primary") == "app:2"


def test_an_abort_brings_traffic_home_at_the_next_tick(serin: Serin, release: Release) -> None:
    initialized(serin, release)
    upgraded(serin, release)
    serin.run_until(lambda rollout: rollout.weight == 25)
    serin.parts.store.submit(serin.key, Command("c1", Verb.ABORT, "stefan", serin.clock(), "smells"))
    serin.tick()
    assert release.weights() == (100, 0)
    settled(serin, Phase.FAILED)
    assert f"Rolling back frontend.{release.namespace} aborted by stefan: smells" in serin.messages
    assert release.image("frontend-primary") == "app:1"


@pytest.mark.parametrize("running", [False, True], ids=["at rest", "in a run"])
def test_a_lost_document_is_rebuilt_from_the_cluster(running: bool, serin: Serin, release: Release) -> None:
    initialized(serin, release)
    pods = release.get("deployment", "frontend-primary")["metadata"]["generation"]
    if running:
        upgraded(serin, release)
        serin.run_until(lambda rollout: rollout.weight == 25)
    serin.parts.store.delete(serin.key)
    serin.sweep()
    if running:
        settled(serin, Phase.SUCCEEDED)
        assert release.image("frontend-primary") == "app:2"
    else:
        settled(serin, Phase.INITIALIZED)
        assert release.get("deployment", "frontend-primary")["metadata"]["generation"] == pods
    assert release.weights() == (100, 0)


def test_a_deleted_primary_is_made_again_of_the_promoted_revision_only(serin: Serin, release: Release) -> None:
    initialized(serin, release)
    release.cluster.api.delete(release.path("deployment", "frontend-primary"))
    serin.hint()
    settled(serin, Phase.INITIALIZED)
    assert release.image("frontend-primary") == "app:1"
    release.cluster.api.delete(release.path("deployment", "frontend-primary"))
    release.upgrade("app:2")
    serin.hint()
    serin.run_until(lambda rollout: "is gone" in rollout.halt)
    assert release.cluster.api.find(release.path("deployment", "frontend-primary")) is None


def test_a_slow_tick_cannot_write_an_older_decision_over_a_newer_one(
    serin: Serin, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    initialized(serin, release)
    upgraded(serin, release)
    serin.run_until(lambda rollout: rollout.weight == 25)
    late: list[tuple[object, ...]] = []
    monkeypatch.setattr("shared.tick.converge", lambda *write: late.append(write))
    serin.clock.skip_to(serin.rollout.due_at)
    serin.tick()
    monkeypatch.undo()
    settled(serin, Phase.SUCCEEDED)
    with pytest.raises(Conflict):
        converge(*late[0])  # type: ignore[arg-type]  # what tick gave it
    assert release.weights() == (100, 0)


def test_an_edited_canary_reaches_the_objects_made_of_it(serin: Serin, release: Release) -> None:
    initialized(serin, release)
    release.patch("canary", {"spec": {"service": {"timeout": "15s", "gateways": ["public/gateway"]}}})
    serin.sweep()
    serin.run_until(lambda rollout: not rollout.active)
    spec = release.get("virtualservice")["spec"]
    assert (spec["http"][0]["timeout"], spec["gateways"]) == ("15s", ["public/gateway"])
    assert serin.rollout.reconciled == 2


def test_a_canary_that_is_gone_is_forgotten_and_its_primary_serves_on(serin: Serin, release: Release) -> None:
    initialized(serin, release)
    release.cluster.api.delete(release.path("canary", NAME))
    serin.sweep()
    serin.tick()
    assert serin.parts.store.load(RolloutKey("test", release.namespace, NAME)) is None
    assert release.cluster.rollout_complete(release.namespace, "frontend-primary")


def test_a_side_that_an_autoscaler_shrank_is_raised_before_it_gets_traffic(serin: Serin, release: Release) -> None:
    release.install(interval="1s", stepWeight=25)
    release.patch("deployment", {"spec": {"replicas": 4}})
    serin.sweep()
    serin.run_until(lambda rollout: rollout.phase is Phase.INITIALIZED and not rollout.active)
    release.upgrade("app:2")
    serin.hint()
    serin.run_until(lambda rollout: rollout.weight == 25)
    release.patch("deployment", {"spec": {"replicas": 1}})
    release.patch("deployment", {"spec": {"replicas": 1}}, "frontend-primary")
    serin.run_until(lambda rollout: rollout.weight == 50)
    assert release.get("deployment")["status"]["availableReplicas"] >= 2
    serin.run_until(lambda rollout: rollout.phase is Phase.FINALISING)
    assert release.get("deployment", "frontend-primary")["status"]["availableReplicas"] == 4
