"""Strategies: what Flagger's users write, and what the plan, the router and the engine make of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from shared.canary.model import AutoscalerRef, ObjectRef
from shared.checks.verdict import Verdict
from shared.cookies import with_cookie
from shared.engine import decide
from shared.plan import HOME, Route, make_plan
from shared.render.istio_rules import istio_rules
from shared.render.pods import primary_pods, selector_label
from shared.rollout import Phase
from tests.support.samples import NEW, NEWER, OLD, resting, result, rollout, seen, situation, workload
from tests.unit.parity.table import refusals, row, rows, written
from tests.unit.render.samples import deployment

if TYPE_CHECKING:
    from shared.json_types import JsonObject

SECTION = "Strategies"
INSIDERS = [{"headers": {"x-user": {"exact": "insider"}}}]
COOKIES: dict[str, object] = {
    "analysis.stepWeight": 10,
    "analysis.sessionAffinity": {"cookieName": "version", "primaryCookieName": "old"},
}
WEIGHTS: dict[str, object] = {"analysis.stepWeight": 10, "analysis.maxWeight": 50}


def _shares(*shares: int) -> list[Route]:
    return [Route(canary=share) for share in shares]


PLANS: dict[str, tuple[dict[str, object], list[Route]]] = {
    "weighted canary, equal steps": ({"analysis.stepWeight": 20, "analysis.maxWeight": 50}, _shares(20, 40, 50)),
    "weighted canary, free steps": ({"analysis.stepWeights": [1, 2, 10, 80]}, _shares(1, 2, 10, 80)),
    "A/B testing": (
        {"analysis.match": INSIDERS, "analysis.iterations": 2},
        [Route(canary=100, matching=True)] * 2,
    ),
    "blue/green": ({"analysis.iterations": 2}, _shares(0, 0, 100)),
    "blue/green without a mesh": ({"provider": "kubernetes", **WEIGHTS, "analysis.match": INSIDERS}, [HOME] * 10),
    "mirrored traffic": (
        {"analysis.stepWeight": 50, "analysis.mirror": True, "analysis.mirrorWeight": 30},
        [Route(canary=0, mirror=30), *_shares(50, 100)],
    ),
}


@rows(SECTION, ("fields", "routes"), PLANS)
def test_what_is_written_is_a_plan(fields: dict[str, object], routes: list[Route]) -> None:
    assert [step.route for step in make_plan(written(fields)).steps] == routes


@row(SECTION, "gradual way back to the primary")
def test_traffic_comes_back_in_steps() -> None:
    app = written({**WEIGHTS, "analysis.stepWeightPromotion": 20})
    promoted = rollout(phase=Phase.PROMOTING, weight=50, step=4, promoted=NEW)
    after = decide(situation(canary=app, rollout=promoted)).rollout
    assert (after.phase, after.weight) == (Phase.PROMOTING, 30)
    assert make_plan(app).homeward == (30, 10, 0)


def _rules(weight: int) -> list[JsonObject]:
    app = written(COOKIES)
    route = with_cookie(Route(canary=weight), app, rollout()) if weight else Route(canary=0, cookie="version=spent")
    rules: list[JsonObject] = istio_rules(app, route)["http"]
    return rules


def _given(destination: JsonObject) -> str:
    return str(destination["headers"]["response"]["add"]["Set-Cookie"])


@row(SECTION, "sticky users of the canary")
def test_a_user_of_the_canary_stays_until_the_run_is_over() -> None:
    stuck, *_, drawn = _rules(10)
    cookie = _given(drawn["route"][1]).partition(";")[0]
    assert cookie.startswith("version=")
    assert "Max-Age=86400" in _given(drawn["route"][1])
    assert cookie in stuck["match"][0]["headers"]["cookie"]["regex"].replace("\\", "")
    assert [to["weight"] for to in stuck["route"]] == [0, 100]
    taken, everybody = _rules(0)
    assert "Max-Age=-1" in _given(taken["route"][0])
    assert [to["weight"] for to in everybody["route"]] == [100, 0]


@row(SECTION, "sticky users of the primary")
def test_a_user_of_the_primary_stays_for_an_interval() -> None:
    _, stuck, drawn = _rules(10)
    assert [to["weight"] for to in stuck["route"]] == [100, 0]
    assert _given(drawn["route"][0]).startswith("old=")
    assert "Max-Age=10" in _given(drawn["route"][0])


@row(SECTION, "TCP traffic")
def test_tcp_has_weights_and_nothing_that_needs_http() -> None:
    tcp = {"service.appProtocol": "TCP", **WEIGHTS}
    (rule,) = istio_rules(written(tcp), Route(canary=10))["tcp"]
    assert [to["weight"] for to in rule["route"]] == [90, 10]
    assert "spec.analysis.mirror" in refusals({**tcp, "analysis.mirror": True})
    assert "spec.analysis.match" in refusals({**tcp, "analysis.match": INSIDERS})


@row(SECTION, "checks skipped in an emergency")
def test_a_run_is_promoted_without_checks_once_its_pods_are_ready() -> None:
    app = written({**WEIGHTS, "skipAnalysis": True})
    failing = situation(canary=app, results=(result(Verdict.FAIL),))
    assert decide(failing).rollout.phase is Phase.PROMOTING
    unready = replace(failing, seen=seen(target=workload(ready=0)))
    assert decide(unready).rollout.phase is Phase.PROGRESSING


@pytest.mark.parametrize("phase", [Phase.PROGRESSING, Phase.PROMOTING])
@row(SECTION, "a new revision restarts the run")
def test_a_new_revision_sends_traffic_home_and_begins_anew(phase: Phase) -> None:
    running = rollout(phase=phase, weight=30, step=2, failed=1)
    after = decide(situation(rollout=running, seen=seen(revision=NEWER))).rollout
    assert (after.phase, after.route, after.step, after.failed) == (Phase.PROGRESSING, HOME, -1, 0)
    assert (after.applied, after.runs) == (NEWER, running.runs + 1)


@row(SECTION, "going back to the promoted version")
def test_the_promoted_version_starts_nothing_and_ends_a_run() -> None:
    back = seen(revision=OLD)
    rested = decide(situation(rollout=resting(applied=NEW, promoted=OLD), seen=back)).rollout
    assert (rested.phase, rested.runs, rested.active) == (Phase.SUCCEEDED, 1, False)
    ended = decide(situation(rollout=rollout(weight=30, step=2), seen=back)).rollout
    assert (ended.phase, ended.route, ended.runs) == (Phase.INITIALIZED, HOME, 1)


@row(SECTION, "the canary's size")
def test_the_canary_starts_as_large_as_the_primary_and_a_step_waits_for_its_pods() -> None:
    large = seen(primary=workload("frontend-primary", replicas=7))
    assert decide(situation(rollout=resting(), seen=large)).rollout.replicas == 7
    running = rollout(weight=30, step=2, capacity=10)
    few, enough = seen(target=workload(replicas=3)), seen(target=workload(replicas=4))
    assert decide(situation(rollout=running, seen=few)).rollout.weight == 30
    assert decide(situation(rollout=running, seen=enough)).rollout.weight == 40


@row(SECTION, "the primary's size as traffic leaves it")
def test_the_primary_is_raised_before_traffic_comes_back() -> None:
    scaler = AutoscalerRef(ObjectRef("autoscaling/v2", "HorizontalPodAutoscaler", "frontend"))
    app = replace(written(WEIGHTS), autoscaler=scaler)
    promoted = rollout(phase=Phase.PROMOTING, weight=50, step=4, promoted=NEW, capacity=10)
    shrunk = seen(target=workload(replicas=5), primary=workload("frontend-primary", replicas=5))
    after = decide(situation(canary=app, rollout=promoted, seen=shrunk)).rollout
    assert (after.weight, after.primary_floor) == (50, 10)


@row(SECTION, "versions on different nodes")
def test_the_primarys_pods_keep_away_from_pods_of_their_own_name() -> None:
    target = deployment()
    terms = [{"labelSelector": {"matchLabels": {"app": "podinfo"}}, "topologyKey": "kubernetes.io/hostname"}]
    rule = {"requiredDuringSchedulingIgnoredDuringExecution": terms}
    target["spec"]["template"]["spec"]["affinity"] = {"podAntiAffinity": rule}
    pods = primary_pods(target["spec"]["template"], selector_label(target, None))
    (term,) = pods["spec"]["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert term["labelSelector"]["matchLabels"]["app"] == "podinfo-primary"
