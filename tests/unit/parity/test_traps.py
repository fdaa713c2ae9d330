"""Where Flagger fails its users: each trap is walked into here, and nothing snaps."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from shared.canary.model import Bounds, HookType
from shared.checks.judge import judge_metric
from shared.checks.queries import write_query
from shared.checks.verdict import Verdict
from shared.engine import decide
from shared.notice import Occasion
from shared.notices.evidence import Evidence
from shared.notices.occasions import occasions
from shared.observed import Look
from shared.plan import HOME
from shared.render.configs import copy_config
from shared.render.pods import selector_label
from shared.render.service import apex_service
from shared.render.status import canary_status
from shared.revision import ConfigKind, ConfigRef, config_forms
from shared.rollout import Phase, RolloutKey, Verb, shown_phase
from shared.scene import Scene
from tests.support.hooks import asked_by, hooked
from tests.support.samples import (
    NEW,
    NEWER,
    NOW,
    OLD,
    canary,
    command,
    resting,
    result,
    rollout,
    seen,
    situation,
    workload,
)
from tests.unit.parity.table import refusals, row, written
from tests.unit.render import samples as objects

if TYPE_CHECKING:
    from shared.canary.model import Canary
    from shared.engine import Situation

SECTION = "Where Serin differs on purpose"
STEPS: dict[str, object] = {"analysis.stepWeight": 10}
METRIC = "analysis.metrics[0]"
OFF = seen(primary=workload("frontend-primary", replicas=0))
GATE = "confirm-traffic-increase"


def walk(app: Canary) -> list[int]:
    """The canary's weight after each tick of a run that nothing holds up, until it is promoted."""
    at, weights = rollout(weight=0, step=-1), []
    for _ in range(20):
        at = decide(situation(canary=app, rollout=at, now=at.due_at)).rollout
        if at.phase is not Phase.PROGRESSING:
            assert at.phase is Phase.PROMOTING
            break
        weights.append(at.weight)
    return weights


@row(SECTION, "steps beside the maximum")
def test_steps_that_do_not_meet_the_maximum_are_promoted_from_it() -> None:
    assert walk(written({"analysis.stepWeight": 20, "analysis.maxWeight": 50})) == [20, 40, 50]


@row(SECTION, "windows of the success rate")
def test_the_success_rate_has_one_window() -> None:
    app = written({**STEPS, f"{METRIC}.interval": "3m"})
    assert re.findall(r"\[(\w+)\]", write_query(app, app.analysis.metrics[0])) == ["3m", "3m"]


@row(SECTION, "checks that check nothing")
def test_what_would_judge_nothing_is_refused_and_an_emergency_still_needs_ready_pods() -> None:
    assert refusals({**STEPS, "analysis.threshold": 0}) == ["spec.analysis.threshold"]
    assert refusals({**STEPS, f"{METRIC}.name": "request-succes-rate"}) == [f"spec.{METRIC}.name"]
    app = written({**STEPS, "skipAnalysis": True})
    late = rollout(waiting_since=NOW - timedelta(seconds=app.progress_deadline + 1))
    unready = seen(target=workload(ready=0))
    assert decide(situation(canary=app, rollout=late, seen=unready)).rollout.phase is Phase.FAILED


def test_the_service_of_callers_selects_the_primary() -> None:
    target = objects.deployment()
    service = apex_service(objects.canary(), target, selector_label(target, None))
    assert service["spec"]["selector"] == {"app": "podinfo-primary"}


@row(SECTION, "missing ConfigMaps")
def test_what_is_missing_holds_by_name_and_is_no_new_revision() -> None:
    missing = seen(revision=None, problems=("configmap settings is referenced but does not exist: create it",))
    held = decide(situation(seen=missing))
    assert (held.rollout.weight, held.rollout.runs, held.rollout.failed) == (10, 1, 0)
    assert [line.text for line in held.lines] == list(missing.problems)


@row(SECTION, "rollback at a closed gate")
def test_a_rollback_hook_is_heard_at_a_closed_gate() -> None:
    for at in (rollout(gate=GATE), rollout(weight=0, step=-1, replicas=0, gate="confirm-rollout/x")):
        app = hooked(HookType.ROLLBACK, HookType.CONFIRM_ROLLOUT)
        asked = situation(canary=app, rollout=at)
        assert "rollback" in asked_by(asked)
        yes = replace(result(Verdict.ABORT), kind="rollback", name="rollback")
        assert decide(replace(asked, results=(yes,))).rollout.phase is Phase.FAILED


@row(SECTION, "silent rollbacks")
def test_a_rollback_at_the_deadline_is_told_with_its_reason() -> None:
    before = rollout(waiting_since=NOW - timedelta(hours=1))
    decision = decide(situation(rollout=before, seen=seen(target=workload(ready=0))))
    evidence = Evidence(RolloutKey("east", "test", "frontend"), canary(), Scene(Look.NOTHING, {}), NOW, decision.lines)
    (told,) = occasions(before, decision.rollout, evidence)
    assert told.occasion is Occasion.ROLLED_BACK
    assert told.text.startswith("Progress deadline exceeded")


@row(SECTION, "edited steps")
def test_an_edit_of_the_steps_goes_on_at_the_next_higher_one() -> None:
    app = written({"analysis.stepWeights": [15, 30, 60]})
    assert decide(situation(canary=app, rollout=rollout(weight=20, step=1))).rollout.weight == 30


@row(SECTION, "bounds below a millisecond, and two checks of one name")
def test_bounds_are_numbers_and_one_name_is_one_check() -> None:
    app = written({**STEPS, METRIC: {"name": "request-duration", "thresholdRange": {"max": 0.5}}})
    (latency,) = app.analysis.metrics
    verdicts = [judge_metric(app, latency, [value], "").verdict for value in (0.4, 0.6)]
    assert verdicts == [Verdict.PASS, Verdict.FAIL]
    named = {"name": "request-duration", "templateRef": {"name": "mine"}, "thresholdRange": {"max": 1}}
    (templated,) = written({**STEPS, METRIC: named}).analysis.metrics
    assert (templated.builtin, templated.template is not None) == (None, True)


@row(SECTION, "metrics without a range")
def test_a_metric_that_could_not_fail_is_refused() -> None:
    for metric in ({"name": "request-success-rate"}, {"name": "errors", "query": "errors"}):
        assert refusals({**STEPS, METRIC: metric}) == [f"spec.{METRIC}.thresholdRange"]
    (old,) = written({**STEPS, METRIC: {"name": "istio_requests_total", "threshold": 99}}).analysis.metrics
    assert old.bounds == Bounds(min=99)


@row(SECTION, "hooks before a closed gate")
def test_what_passed_before_a_closed_gate_is_not_asked_again() -> None:
    app = hooked(HookType.PRE_ROLLOUT, HookType.CONFIRM_TRAFFIC_INCREASE)
    first = situation(canary=app, rollout=rollout(weight=0, step=-1), results=())
    assert asked_by(first) == {"pre-rollout", GATE}
    closed = replace(result(Verdict.WAIT), kind=GATE, name=GATE)
    passed = replace(result(Verdict.PASS), kind="pre-rollout", name="pre-rollout")
    after = decide(replace(first, results=(passed, closed))).rollout
    assert after.step == -1
    assert asked_by(replace(first, rollout=after, now=after.due_at)) == {GATE}


@row(SECTION, "approvals")
def test_an_approval_does_not_open_the_gate_of_another_revision() -> None:
    app = hooked(HookType.CONFIRM_ROLLOUT)
    waiting = rollout(weight=0, step=-1, replicas=0, gate="confirm-rollout/confirm-rollout")
    approved = replace(waiting, commands=(command(Verb.APPROVE),))
    opened = decide(situation(canary=app, rollout=approved, results=())).rollout
    assert opened.opened == (waiting.gate,)
    pushed = replace(opened, due_at=NOW, step_at=NOW)
    newer = decide(situation(canary=app, rollout=pushed, seen=seen(revision=NEWER), results=())).rollout
    assert (newer.applied, newer.opened, newer.replicas) == (NEWER, (), 0)


@row(SECTION, "binary data")
def test_binary_data_is_watched_and_copied() -> None:
    before, after = objects.config_map(), objects.config_map()
    after["binaryData"]["logo"] = "AAAA"
    ref = ConfigRef(ConfigKind.CONFIGMAP, "settings")
    assert config_forms(ref, before, (b"key",)) != config_forms(ref, after, (b"key",))
    assert copy_config(objects.canary(), after)["binaryData"] == {"logo": "AAAA"}


def held_for_a_primary_without_pods(moment: Situation) -> bool:
    decision = decide(moment)
    is_said = [line.text for line in decision.lines] == [
        "Halt advancement frontend-primary.test is scaled to zero: scale it up"
    ]
    return is_said and decision.rollout.route == moment.rollout.route


@row(SECTION, "a primary at zero")
def test_no_traffic_goes_to_a_primary_that_was_scaled_to_zero() -> None:
    promoted = rollout(phase=Phase.PROMOTING, weight=50, step=4, promoted=NEW)
    assert held_for_a_primary_without_pods(situation(seen=OFF))
    assert held_for_a_primary_without_pods(situation(rollout=promoted, seen=OFF))
    assert decide(situation(rollout=promoted)).rollout.route == HOME
    late = rollout(waiting_since=NOW - timedelta(hours=1))
    assert held_for_a_primary_without_pods(situation(rollout=late, seen=OFF)), "no deadline sends traffic there"


def test_without_a_router_an_app_that_sleeps_is_released() -> None:
    app = written({"provider": "kubernetes", "analysis.iterations": 2})
    asleep = situation(canary=app, rollout=rollout(weight=0, step=0), seen=OFF)
    assert decide(asleep).rollout.step == 1


@row(SECTION, "what is promoted")
def test_what_nobody_analysed_is_analysed_and_not_copied() -> None:
    deciding = decide(situation(rollout=rollout(weight=50, step=4))).rollout
    assert deciding.phase is Phase.PROMOTING
    pushed = replace(deciding, due_at=NOW, step_at=NOW)
    after = decide(situation(rollout=pushed, seen=seen(revision=NEWER))).rollout
    assert (after.phase, after.applied, after.promoted, after.route) == (Phase.PROGRESSING, NEWER, OLD, HOME)
    unread = decide(situation(rollout=resting(), seen=seen(revision=None))).rollout
    assert (unread.runs, unread.applied) == (1, OLD)


@row(SECTION, "rounds of a weighted canary")
def test_rounds_are_never_below_zero() -> None:
    waiting = rollout(weight=50, step=4, gate="confirm-promotion/sign-off")
    assert shown_phase(waiting) == "WaitingPromotion"
    assert canary_status(canary(), waiting)["iterations"] == 0
