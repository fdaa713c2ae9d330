"""Canaries that are edited in the middle of a run, on a real cluster and on the embedded one.

What the checks say is given here; everything else is real.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.rollout import Phase

if TYPE_CHECKING:
    from shared.json_types import JsonObject
    from tests.support.app import Release
    from tests.support.serin import Serin

ROUNDS: dict[str, object] = {"iterations": 3, "stepWeight": None, "maxWeight": None}
INSIDER = {"headers": {"x-user": {"exact": "insider"}}}
PARTNER = {"headers": {"x-user": {"exact": "partner"}}}


def running(serin: Serin, release: Release, step: int, **analysis: object) -> None:
    """A run of ``app:2`` at this step."""
    release.install(**{"interval": "1s", **analysis})
    serin.run_until(lambda rollout: rollout.phase is Phase.INITIALIZED and not rollout.active)
    release.upgrade("app:2")
    serin.hint()
    serin.run_until(lambda rollout: rollout.step == step)


def edited(release: Release, **analysis: object) -> None:
    release.patch("canary", {"spec": {"analysis": analysis}})


def rules(release: Release) -> list[JsonObject]:
    found: list[JsonObject] = release.get("virtualservice")["spec"]["http"]
    return found


def test_free_steps_that_no_longer_hold_the_weight_go_on_at_the_next_one_and_never_at_a_hundred(
    serin: Serin, release: Release
) -> None:
    running(serin, release, 1, stepWeight=None, maxWeight=None, stepWeights=[10, 20, 40])
    edited(release, stepWeights=[15, 30, 60])
    after = serin.run_until(lambda rollout: rollout.weight > 20)
    assert (after.weight, release.weights()) == (30, (70, 30))


def test_weights_that_become_an_ab_test_bring_everybody_home_first(serin: Serin, release: Release) -> None:
    running(serin, release, 1)
    assert release.weights() == (50, 50)
    edited(release, match=[INSIDER], **ROUNDS)
    serin.run_until(lambda rollout: rollout.step < 0)
    assert release.weights() == (100, 0)
    serin.run_until(lambda rollout: rollout.step == 0)
    chosen, others = rules(release)
    assert chosen["match"] == [INSIDER]
    assert [entry["weight"] for entry in chosen["route"]] == [0, 100]
    assert [entry["weight"] for entry in others["route"]] == [100]
    serin.run_until(lambda rollout: rollout.phase is Phase.SUCCEEDED and not rollout.active)
    name = f"frontend.{release.namespace}"
    assert f"Strategy changed from canary to ab-testing! Restarting analysis for {name}" in serin.messages
    assert rules(release) == [{"route": rules(release)[0]["route"]}]


def test_other_users_of_an_ab_test_are_chosen_at_once_and_no_round_is_lost(serin: Serin, release: Release) -> None:
    running(serin, release, 1, match=[INSIDER], **ROUNDS)
    edited(release, match=[PARTNER])
    serin.run_until(lambda _: rules(release)[0]["match"] == [PARTNER])
    assert serin.rollout.step == 1
    serin.run_until(lambda rollout: rollout.phase is Phase.SUCCEEDED)


def test_a_router_that_goes_away_under_a_run_stops_it_until_it_is_back(serin: Serin, release: Release) -> None:
    running(serin, release, 0)
    release.patch("canary", {"spec": {"provider": "kubernetes"}})
    serin.run_until(lambda rollout: "spec.provider is kubernetes" in rollout.halt)
    assert (serin.rollout.step, release.weights()) == (0, (75, 25))
    release.patch("canary", {"spec": {"provider": "istio"}})
    serin.run_until(lambda rollout: rollout.phase is Phase.SUCCEEDED)


def test_a_canary_without_a_router_gets_one_between_two_runs(serin: Serin, release: Release) -> None:
    release.install("kubernetes", interval="1s", **ROUNDS)
    serin.run_until(lambda rollout: rollout.phase is Phase.INITIALIZED and not rollout.active)
    assert release.cluster.api.find(release.path("virtualservice")) is None
    release.patch("canary", {"spec": {"provider": "istio"}})
    serin.sweep()
    serin.run_until(lambda rollout: not rollout.active)
    assert release.weights() == (100, 0)
    release.upgrade("app:2")
    serin.hint()
    serin.run_until(lambda rollout: rollout.phase is Phase.SUCCEEDED)
    assert "Routing all traffic to canary" in serin.messages
