"""Canaries that Flagger ran until now: its objects and its status are there, and Serin has never heard of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.rollout import Phase

if TYPE_CHECKING:
    from shared.json_types import JsonObject
    from tests.support.app import Release
    from tests.support.serin import Serin

GENERATED = {
    "DaemonSet": ("daemonset", "configmap", "secret", "service"),
    "Deployment": ("deployment", "hpa", "configmap", "secret", "service"),
    "Service": ("service",),
}
"""The kinds of the primary's objects."""


def run_by_flagger(serin: Serin, release: Release, phase: str, weight: int = 0) -> None:
    """Leave the app as Flagger would: its owner references and hashes, nothing of Serin's."""
    release.install(interval="1s")
    serin.run_until(lambda rollout: rollout.phase is Phase.INITIALIZED and not rollout.active)
    if weight:
        release.upgrade("app:2")
        serin.hint()
        serin.run_until(lambda rollout: rollout.weight == weight)
    left_by_flagger(serin, release, {"phase": phase, "canaryWeight": weight})


def left_by_flagger(serin: Serin, release: Release, status: JsonObject, router: str = "virtualservice") -> None:
    """Everything as it is now, as if Flagger had made it, with this kind of router, and said ``status``."""
    serin.parts.store.delete(serin.key)
    canary = release.get("canary")
    owner = {
        "apiVersion": "flagger.app/v1beta1",
        "kind": "Canary",
        "name": "frontend",
        "uid": canary["metadata"]["uid"],
    }
    ours = {"serin.dev/canary": None, "serin.dev/canary-uid": None, "serin.dev/version": None}
    primarys = ((kind, "frontend-primary") for kind in GENERATED[release.target])
    apex = () if release.target == "Service" else (("service", "frontend"),)
    for kind, name in (*primarys, *apex, ("service", "frontend-canary"), (router, "frontend")):
        release.patch(kind, {"metadata": {"annotations": ours, "ownerReferences": [owner]}}, name)
    mark = {"metadata": {"annotations": {"serin.dev/revision": None, "flagger-id": "1b9d6bcd"}}}
    pods = {"spec": {"template": mark}}
    release.patch(release.target.lower(), mark if release.target == "Service" else pods, "frontend-primary")
    hashes = {"lastAppliedSpec": "5978589476", "lastPromotedSpec": "5978589476"}
    release.cluster.api.patch(release.path("canary") + "/status", {"status": {**hashes, **status}})


def untouched(release: Release) -> tuple[object, object, tuple[int, int]]:
    """What must not change: both workloads, but for the primary's annotation that says whose it is; the weights."""
    kind = release.target.lower()
    target, primary = release.get(kind), release.get(kind, "frontend-primary")
    return target["spec"], primary["spec"], release.weights()


def test_a_canary_at_rest_is_taken_over_without_restarting_a_pod(serin: Serin, release: Release) -> None:
    run_by_flagger(serin, release, "Succeeded")
    before = untouched(release)
    serin.sweep()
    serin.run_until(lambda rollout: rollout.phase is Phase.SUCCEEDED and not rollout.active)
    assert untouched(release) == before
    assert not any("New revision" in message for message in serin.messages)
    release.upgrade("app:2")
    serin.sweep()
    serin.run_until(lambda rollout: rollout.phase is Phase.SUCCEEDED and rollout.runs > 0 and not rollout.active)
    assert release.image("frontend-primary") == "app:2"


def test_a_run_goes_on_at_the_weight_that_flagger_reached(serin: Serin, release: Release) -> None:
    run_by_flagger(serin, release, "Progressing", weight=25)
    before = untouched(release)
    serin.sweep()
    assert (serin.rollout.phase, serin.rollout.weight) == (Phase.PROGRESSING, 25)
    assert untouched(release) == before
    serin.run_until(lambda rollout: rollout.phase is Phase.SUCCEEDED)
    assert f"Advance frontend.{release.namespace} canary weight 50" in serin.messages
    assert release.image("frontend-primary") == "app:2"


def test_a_change_that_flagger_did_not_see_any_more_is_a_new_revision(serin: Serin, release: Release) -> None:
    run_by_flagger(serin, release, "Succeeded")
    release.upgrade("app:2")
    serin.sweep()
    serin.run_until(lambda rollout: rollout.phase is Phase.PROGRESSING)
    assert release.image("frontend-primary") == "app:1"


def test_a_failed_revision_is_not_tried_again_by_the_takeover(serin: Serin, release: Release) -> None:
    run_by_flagger(serin, release, "Failed")
    release.upgrade("app:2")
    serin.sweep()
    serin.run_until(lambda rollout: rollout.phase is Phase.FAILED and not rollout.active)
    assert release.image("frontend-primary") == "app:1"


ROUNDS: dict[str, object] = {"interval": "1s", "iterations": 3, "stepWeight": None, "maxWeight": None}
INSIDER = {"headers": {"x-user": {"exact": "insider"}}}


def rounds_by_flagger(serin: Serin, release: Release, rounds: int, **analysis: object) -> None:
    """Flagger's run of ``app:2`` has begun this round."""
    release.install(**ROUNDS, **analysis)
    serin.run_until(lambda rollout: rollout.phase is Phase.INITIALIZED and not rollout.active)
    release.upgrade("app:2")
    serin.hint()
    serin.run_until(lambda rollout: rollout.step == rounds - 1)
    left_by_flagger(serin, release, {"phase": "Progressing", "canaryWeight": 0, "iterations": rounds})


def advanced(serin: Serin, release: Release) -> list[str]:
    """What Serin said of rounds, from the takeover to the end of the run."""
    serin.log.seek(0)
    serin.log.truncate()
    serin.sweep()
    serin.run_until(lambda rollout: rollout.phase is Phase.SUCCEEDED and not rollout.active)
    assert release.image("frontend-primary") == "app:2"
    return [text.partition(f".{release.namespace} ")[2] for text in serin.messages if text.startswith("Advance")]


def test_an_ab_test_goes_on_at_the_round_that_flagger_reached(serin: Serin, release: Release) -> None:
    rounds_by_flagger(serin, release, 2, match=[INSIDER])
    chosen, others = release.get("virtualservice")["spec"]["http"]
    weightless = {**others, "route": [{**others["route"][0], "weight": 0}]}  # as Flagger writes an only destination
    release.patch("virtualservice", {"spec": {"http": [chosen, weightless]}})
    assert advanced(serin, release) == ["canary iteration 3/3"]


def test_blue_green_goes_on_at_the_round_that_flagger_reached(serin: Serin, release: Release) -> None:
    rounds_by_flagger(serin, release, 1, mirror=True)
    assert advanced(serin, release) == ["canary iteration 2/3", "canary iteration 3/3"]


def test_a_blue_green_that_flagger_has_switched_is_promoted(serin: Serin, release: Release) -> None:
    rounds_by_flagger(serin, release, 4)
    assert release.weights() == (0, 100)
    assert advanced(serin, release) == []


def test_users_whom_flagger_gave_a_cookie_stay_and_it_is_taken_back(serin: Serin, release: Release) -> None:
    release.install(interval="1s", sessionAffinity={"cookieName": "side"})
    serin.run_until(lambda rollout: rollout.phase is Phase.INITIALIZED and not rollout.active)
    release.upgrade("app:2")
    serin.hint()
    serin.run_until(lambda rollout: rollout.weight == 25)
    status = {"phase": "Progressing", "canaryWeight": 25, "sessionAffinityCookie": "side=QwErTyUiOp"}
    left_by_flagger(serin, release, status)
    serin.sweep()
    serin.run_until(lambda _: "side=QwErTyUiOp" in str(release.get("virtualservice")["spec"]["http"][1]))
    serin.run_until(lambda rollout: rollout.weight == 50)
    drawn = release.get("virtualservice")["spec"]["http"][-1]
    assert "side=QwErTyUiOp" in drawn["route"][1]["headers"]["response"]["add"]["Set-Cookie"]
    serin.run_until(lambda rollout: rollout.phase is Phase.SUCCEEDED and not rollout.active)
    assert release.get("canary")["status"]["previousSessionAffinityCookie"] == "side=QwErTyUiOp"


def test_a_revision_that_waits_for_approval_gets_no_pod_by_the_takeover(serin: Serin, release: Release) -> None:
    run_by_flagger(serin, release, "Waiting")
    gate = {"name": "start", "type": "confirm-rollout", "url": "http://127.0.0.1:1/"}
    release.patch("canary", {"spec": {"analysis": {"webhooks": [gate]}}})
    release.upgrade("app:2")
    serin.sweep()
    serin.run_until(lambda rollout: rollout.gate == "confirm-rollout/start")
    assert (release.phase(), release.get("deployment")["spec"]["replicas"]) == ("Waiting", 0)
