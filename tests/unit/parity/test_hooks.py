"""Hooks: when each type is asked, and what its no does, as Flagger's users know them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from shared.canary.model import HookType
from shared.checks.verdict import Verdict
from shared.engine import decide, what_to_ask
from shared.letters import write_event, write_letters
from shared.loadtester.answer import RefusedRequest
from shared.loadtester.gates import Gate, Run, ask
from shared.loadtester.service import check_type
from shared.plan import HOME
from shared.rollout import Line, Phase, Severity, shown_phase
from tests.support.hooks import answers, asked_by, hook, hooked
from tests.support.samples import NEW, NOW, canary, resting, rollout, seen, situation, workload
from tests.unit.parity.table import row, rows, written

if TYPE_CHECKING:
    from shared.engine import Situation
    from shared.rollout import Rollout

SECTION = "Hooks"
NEW_REVISION = rollout(weight=0, step=-1, replicas=0)
BEFORE_TRAFFIC = rollout(weight=0, step=-1)
LAST_STEP = rollout(weight=50, step=4)
PROMOTED = rollout(phase=Phase.PROMOTING, weight=50, step=4)

NO: dict[str, tuple[Rollout, Verdict, tuple[str, int, int]]] = {
    "`confirm-rollout`": (NEW_REVISION, Verdict.WAIT, ("Waiting", 0, 0)),
    "`pre-rollout`": (BEFORE_TRAFFIC, Verdict.FAIL, ("Progressing", 0, 1)),
    "`rollout`": (rollout(), Verdict.FAIL, ("Progressing", 10, 1)),
    "`confirm-traffic-increase`": (rollout(), Verdict.WAIT, ("Progressing", 10, 0)),
    "`confirm-promotion`": (LAST_STEP, Verdict.WAIT, ("WaitingPromotion", 50, 0)),
}
"""Where the hook is asked, its no, and what the status then says: phase, weight, failed checks."""


def moment_of(kind: HookType, at: Rollout) -> Situation:
    target = workload(replicas=0) if at.replicas == 0 else workload()
    return situation(canary=hooked(kind), rollout=at, seen=seen(target=target))


def heard(moment: Situation, kind: HookType, verdict: Verdict) -> Rollout:
    """The rollout after the hook said that, and nothing else stood in the way."""
    return decide(replace(moment, results=answers(what_to_ask(moment), {kind: verdict}))).rollout


@rows(SECTION, ("at", "no", "status"), NO)
def test_a_no_is_heard_where_flagger_hears_it(
    request: pytest.FixtureRequest, at: Rollout, no: Verdict, status: tuple[str, int, int]
) -> None:
    kind = HookType(request.node.callspec.id.strip("`"))
    moment = moment_of(kind, at)
    assert kind in asked_by(moment)
    after = heard(moment, kind, no)
    assert (shown_phase(after), after.weight, after.failed) == status


def test_a_yes_goes_on_from_each_of_these_places() -> None:
    for words, (at, _, _) in NO.items():
        kind = HookType(words.strip("`"))
        after = heard(moment_of(kind, at), kind, Verdict.PASS)
        forward = (after.phase, after.replicas or 0, after.step) > (at.phase, at.replicas or 0, at.step)
        assert forward or after.phase is Phase.PROMOTING, words


def test_a_hook_without_a_type_is_a_rollout_hook() -> None:
    hooks = [{"name": "load", "url": "http://loadtester.test/"}]
    (read,) = written({"analysis.stepWeight": 10, "analysis.webhooks": hooks}).analysis.hooks
    assert read.type is HookType.ROLLOUT


@pytest.mark.parametrize("phase", [Phase.SUCCEEDED, Phase.FAILED])
@row(SECTION, "`post-rollout`")
def test_the_end_of_a_run_is_told_once_whatever_it_was(phase: Phase) -> None:
    app = hooked(HookType.POST_ROLLOUT)
    moment = situation(canary=app, rollout=resting(phase=phase, applied=NEW, ended=True))
    assert asked_by(moment) == {"post-rollout"}
    after = heard(moment, HookType.POST_ROLLOUT, Verdict.FAIL)
    assert after.phase is phase
    assert asked_by(situation(canary=app, rollout=after)) == set()


@pytest.mark.parametrize("at", [NEW_REVISION, BEFORE_TRAFFIC, rollout(), LAST_STEP, PROMOTED])
@row(SECTION, "`rollback`")
def test_a_yes_rolls_back_now_wherever_the_run_is(at: Rollout) -> None:
    after = heard(moment_of(HookType.ROLLBACK, at), HookType.ROLLBACK, Verdict.ABORT)
    assert (after.phase, after.route) == (Phase.FAILED, HOME)


@row(SECTION, "`event`")
def test_a_listener_gets_every_line_in_flaggers_words() -> None:
    bell = hook(HookType.EVENT)
    line = Line(1, NOW, Severity.WARNING, "Halt frontend.test advancement")
    (letter,) = write_letters(canary(hooks=(bell,)), rollout(), (line,))
    body = json.loads(write_event(canary(), bell, letter))
    assert (body["name"], body["namespace"], body["phase"]) == ("frontend", "test", "Progressing")
    assert (body["metadata"]["eventMessage"], body["metadata"]["eventType"]) == (line.text, "Warning")


@row(SECTION, "gate service")
def test_an_open_gate_is_open_for_one_run() -> None:
    hour = timedelta(hours=1)
    taken = ask(Gate(NOW), Run("a", "1"), NOW, hour)
    assert ask(taken, Run("a", "1"), NOW, hour)
    assert ask(taken, Run("b", "2"), NOW, hour) is None


@row(SECTION, "load tests")
def test_load_is_run_and_what_runs_anything_is_refused_by_name() -> None:
    check_type("cmd")
    for kind in ("bash", "helm", "helmv3", "kubectl", "concord", "ngrinder"):
        with pytest.raises(RefusedRequest, match=f"{kind} is not run here"):
            check_type(kind)
