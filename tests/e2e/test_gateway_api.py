"""Releases over the Gateway API: what the HTTPRoute says, and that nothing goes on before the Gateways accepted it.

What Gateways do to traffic is theirs; here a controller stands for them that writes the status of routes.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from shared.checks.verdict import CheckResult, Verdict
from shared.cluster.kinds import Kind
from shared.errors import Conflict
from shared.render.ownership import ORIGINAL, VERSION
from shared.rollout import Phase
from tests.e2e.test_adoption import left_by_flagger
from tests.support.app import NAME
from tests.support.gateways import ROUTES, Gateways
from tests.support.team import Team
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shared.checks.subject import Subject
    from shared.json_types import Json, JsonObject
    from shared.rollout import Rollout
    from tests.support.app import Release
    from tests.support.serin import Serin

PUBLIC = {"gatewayRefs": [{"name": "public", "namespace": "gateways"}], "hosts": ["shop.example.com"]}
INSIDER = {"headers": {"x-user": {"exact": "insider"}}}


@pytest.fixture
def gateways(release: Release) -> Iterator[Gateways]:
    with Gateways(release.cluster, release.namespace) as running:
        yield running


def installed(release: Release, provider: str = "gatewayapi:v1", **analysis: object) -> None:
    release.install(provider, **{"interval": "1s", **analysis})
    release.patch("canary", {"spec": {"service": PUBLIC}})


def initialized(serin: Serin, release: Release, provider: str = "gatewayapi:v1", **analysis: object) -> None:
    installed(release, provider, **analysis)
    serin.run_until(at_rest)


def at_rest(rollout: Rollout) -> bool:
    return rollout.phase in (Phase.INITIALIZED, Phase.SUCCEEDED, Phase.FAILED) and not rollout.active


def at_weight(share: int) -> Callable[[Rollout], bool]:
    return lambda rollout: rollout.weight == share


def upgraded(serin: Serin, release: Release) -> None:
    release.upgrade("app:2")
    serin.hint()
    serin.run_until(lambda rollout: rollout.phase is Phase.PROGRESSING)


def route_of(release: Release) -> JsonObject:
    return release.get("httproute")


def weights(rule: Json) -> dict[str, int]:
    return {backend["name"]: backend["weight"] for backend in rule["backendRefs"]}


def failing(_subject: Subject) -> tuple[CheckResult, ...]:
    return (CheckResult("request-success-rate", "metric", Verdict.FAIL, "Halt advancement", value=0.0),)


@pytest.mark.usefixtures("gateways")
@pytest.mark.parametrize("provider", ["gatewayapi:v1", "gatewayapi:v1beta1"])
def test_a_weighted_release_goes_step_by_step(serin: Serin, release: Release, provider: str) -> None:
    initialized(serin, release, provider)
    (rule,) = route_of(release)["spec"]["rules"]
    assert weights(rule) == {"frontend-primary": 100, "frontend-canary": 0}
    assert route_of(release)["spec"]["hostnames"] == ["shop.example.com"]
    upgraded(serin, release)
    for share in (25, 50):
        serin.run_until(at_weight(share))
        assert weights(route_of(release)["spec"]["rules"][0]) == {
            "frontend-primary": 100 - share,
            "frontend-canary": share,
        }
        assert route_of(release)["metadata"]["annotations"][VERSION] == str(serin.rollout.version)
    serin.run_until(at_rest)
    assert serin.rollout.phase is Phase.SUCCEEDED
    assert weights(route_of(release)["spec"]["rules"][0])["frontend-canary"] == 0
    assert release.image("frontend-primary") == "app:2"
    assert release.get("deployment")["spec"]["replicas"] == 0
    assert not any("not as committed" in message for message in serin.messages)
    assert release.cluster.api.find(release.path("virtualservice")) is None


def test_an_ab_test_sends_those_whom_it_is_about_to_the_canary(
    serin: Serin, release: Release, gateways: Gateways
) -> None:
    initialized(serin, release, match=[INSIDER], iterations=2, stepWeight=None, maxWeight=None)
    upgraded(serin, release)
    serin.run_until(lambda rollout: rollout.step == 0)
    chosen, others = route_of(release)["spec"]["rules"]
    assert chosen["matches"][0]["headers"] == [{"type": "Exact", "name": "x-user", "value": "insider"}]
    assert (weights(chosen)["frontend-canary"], weights(others)) == (100, {"frontend-primary": 100})
    gateways.refusal = "NotAllowedByListeners"
    eventually("the Gateway refuses", lambda: "NotAllowedByListeners" in str(route_of(release)["status"]))
    serin.run_until(lambda rollout: "NotAllowedByListeners" in rollout.halt)
    gateways.refusal = ""
    eventually("the Gateway accepts", lambda: "NotAllowedByListeners" not in str(route_of(release)["status"]))
    serin.run_until(at_rest)
    assert serin.rollout.phase is Phase.SUCCEEDED
    assert len(route_of(release)["spec"]["rules"]) == 1


@pytest.mark.usefixtures("gateways")
def test_a_failing_release_is_rolled_back(serin: Serin, release: Release) -> None:
    initialized(serin, release, threshold=1)
    upgraded(serin, release)
    serin.run_until(lambda rollout: rollout.weight == 25)
    replace(serin, parts=replace(serin.parts, analyse=failing)).run_until(at_rest)
    assert serin.rollout.phase is Phase.FAILED
    assert weights(route_of(release)["spec"]["rules"][0])["frontend-canary"] == 0
    assert release.image("frontend-primary") == "app:1"
    assert release.get("deployment")["spec"]["replicas"] == 0


def test_nothing_goes_on_before_the_gateways_accepted_the_route(serin: Serin, release: Release) -> None:
    installed(release)
    serin.run_until(lambda rollout: "is not accepted by Gateway public yet" in rollout.halt)
    look_on(serin)
    assert (serin.rollout.phase, release.get("deployment")["spec"]["replicas"]) == (Phase.INITIALIZING, 2)
    with Gateways(release.cluster, release.namespace):
        serin.run_until(at_rest)
        upgraded(serin, release)
        serin.run_until(lambda rollout: rollout.phase is Phase.PROGRESSING and rollout.replicas == 2)
    serin.run_until(lambda rollout: rollout.weight == 25)
    look_on(serin)
    assert serin.rollout.weight == 25
    refused = [text for text in serin.messages if text.endswith("is not accepted by Gateway public yet")]
    assert len(refused) == 2, "said once each time"
    with Gateways(release.cluster, release.namespace):
        serin.run_until(at_rest)
    assert (serin.rollout.phase, serin.rollout.failed) == (Phase.SUCCEEDED, 0)


def look_on(serin: Serin, ticks: int = 8) -> None:
    """More ticks than there are steps, each when it is due."""
    for _ in range(ticks):
        serin.clock.skip_to(serin.rollout.due_at)
        serin.tick()


OWN = {
    "metadata": {"name": NAME, "labels": {"team": "shop"}},
    "spec": {"parentRefs": PUBLIC["gatewayRefs"], "rules": [{"backendRefs": [{"name": NAME, "port": 9898}]}]},
}


@pytest.mark.usefixtures("gateways")
@pytest.mark.parametrize("before", [None, OWN], ids=["nothing", "a route of its own"])
def test_a_deleted_canary_gives_the_app_back(serin: Serin, release: Release, before: JsonObject | None) -> None:
    api, path = release.cluster.api, ROUTES.format(release.namespace)
    own = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", **(before or {})}
    kept = api.create(path, own) if before else None
    initialized(serin, release)
    assert (ORIGINAL in route_of(release)["metadata"]["annotations"]) is (before is not None)
    release.patch("canary", {"spec": {"revertOnDeletion": True}})
    upgraded(serin, release)
    serin.run_until(lambda rollout: rollout.weight == 25)
    team = Team(serin, release)
    team.delete()
    team.forgotten()
    assert team.left() == []
    found = team.find("httproute")
    assert (found and found["spec"]) == (kept and kept["spec"])
    assert release.get("service")["spec"]["selector"] == {"app": NAME}
    assert f"Routing all traffic to {NAME}.{release.namespace}" in serin.messages


@pytest.mark.usefixtures("gateways")
def test_a_run_of_flaggers_goes_on_at_the_weight_that_its_route_shows(serin: Serin, release: Release) -> None:
    initialized(serin, release)
    upgraded(serin, release)
    serin.run_until(lambda rollout: rollout.weight == 25)
    left_by_flagger(serin, release, {"phase": "Progressing", "canaryWeight": 25}, "httproute")
    serin.sweep()
    assert (serin.rollout.phase, serin.rollout.weight) == (Phase.PROGRESSING, 25)
    serin.run_until(at_rest)
    assert f"Advance frontend.{release.namespace} canary weight 50" in serin.messages
    assert release.image("frontend-primary") == "app:2"


@pytest.mark.usefixtures("gateways")
def test_a_slow_tick_cannot_write_an_older_decision_over_a_newer_one(serin: Serin, release: Release) -> None:
    initialized(serin, release)
    upgraded(serin, release)
    late = serin.parts.gateway("test")
    seen_before = route_of(release)
    serin.run_until(lambda rollout: rollout.weight == 25)
    with pytest.raises(Conflict):
        late.replace(Kind.HTTP_ROUTE, seen_before)


@pytest.mark.usefixtures("gateways")
def test_a_tick_costs_no_more_than_its_budget(serin: Serin, release: Release) -> None:
    initialized(serin, release)
    upgraded(serin, release)
    mark, spent = release.cluster.mark(), [0]

    def counted(rollout: Rollout) -> bool:
        spent.append(len(release.cluster.requests_by("serin", mark)))
        return at_rest(rollout)

    serin.run_until(counted)
    assert max(after - before for before, after in pairwise(spent)) <= 8


@pytest.mark.usefixtures("gateways")
def test_a_run_stays_with_the_router_that_it_began_with(serin: Serin, release: Release) -> None:
    initialized(serin, release)
    upgraded(serin, release)
    serin.run_until(at_weight(25))
    release.patch("canary", {"spec": {"provider": "istio"}})
    serin.run_until(lambda rollout: "set it back" in rollout.halt)
    look_on(serin)
    assert serin.rollout.weight == 25
    assert release.cluster.api.find(release.path("virtualservice")) is None
    release.patch("canary", {"spec": {"provider": "gatewayapi:v1"}})
    serin.run_until(at_rest)
    assert serin.rollout.phase is Phase.SUCCEEDED
    release.patch("canary", {"spec": {"provider": "istio"}})
    serin.sweep()
    serin.run_until(lambda rollout: at_rest(rollout) and rollout.provider == "istio")
    assert release.weights() == (100, 0)
