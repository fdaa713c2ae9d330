"""What people are told of, read off the rollout before and after a decision."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from shared.canary.model import Alert, Hook, HookType
from shared.checks.verdict import CheckResult, Verdict
from shared.notice import Facts, Level, Mail, Notice, Occasion
from shared.notices.announce import announce
from shared.notices.evidence import NOBODY, Audience, Evidence
from shared.notices.facts import gather
from shared.notices.occasions import Told, occasions
from shared.notices.replies import AFTER
from shared.observed import Look
from shared.rollout import Line, Phase, Rollout, RolloutKey, Severity, Verb
from shared.scene import ObjectId, Scene
from tests.support.samples import NEW_CONFIG, NOW, canary, command, resting, result, rollout

if TYPE_CHECKING:
    from shared.json_types import JsonObject

KEY = RolloutKey("east", "test", "frontend")
APP = Audience(app=True)


def evidence(*texts: str, **changes: Any) -> Evidence:
    lines = tuple(Line(n, NOW, Severity.WARNING, text) for n, text in enumerate(texts))
    return replace(Evidence(KEY, canary(), Scene(Look.NOTHING, {}), NOW, lines), **changes)


def told(before: Rollout, after: Rollout, *texts: str, **changes: Any) -> list[tuple[str, str]]:
    return [(str(each.occasion), each.text) for each in occasions(before, after, evidence(*texts, **changes))]


ROLLED = "Rolling back frontend.test failed checks threshold reached 2"
LATE = "Rolling back frontend.test progress deadline exceeded deployment does not have minimum availability"


@pytest.mark.parametrize(
    ("before", "after", "line", "expected"),
    [
        ({"phase": Phase.INITIALIZING}, {"phase": Phase.INITIALIZED}, "", ("initialized", "New deployment detected, ")),
        ({"phase": Phase.FINALISING}, {"phase": Phase.SUCCEEDED}, "", ("promoted", "Canary analysis completed ")),
        (
            {"phase": Phase.FINALISING, "skipped": True},
            {"phase": Phase.SUCCEEDED, "skipped": True},
            "",
            ("promoted", "Canary analysis was skipped, "),
        ),
        ({}, {"phase": Phase.FAILED}, ROLLED, ("rolled-back", "Failed checks threshold reached 2")),
        ({}, {"phase": Phase.FAILED}, LATE, ("rolled-back", "Progress deadline exceeded deployment does not have ")),
        ({"phase": Phase.PROMOTING}, {"phase": Phase.FAILED}, "Promotion failed! x", ("rolled-back", "Promotion fail")),
        ({}, {"phase": Phase.INITIALIZED}, "", ("withdrawn", "Revision withdrawn")),
        ({}, {"phase": Phase.TERMINATING}, "", ("withdrawn", "The Canary is being deleted")),
        ({}, {"blind": True}, "Halt frontend.test advancement 10 checks", ("stuck", "10 checks")),
        ({}, {"gate": "confirm-promotion/a"}, "Halt advancement waiting for a", ("waiting", "Waiting for a")),
    ],
)
def test_an_occasion_is_told_with_its_reason(
    before: dict[str, Any], after: dict[str, Any], line: str, expected: tuple[str, str]
) -> None:
    ((occasion, text),) = told(rollout(**before), rollout(**{**before, **after}), *([line] if line else []))
    assert occasion == expected[0]
    assert text.startswith(expected[1])


@pytest.mark.parametrize("verdict", Verdict)
def test_every_answer_of_a_check_has_a_word(verdict: Verdict) -> None:
    (shown,) = gather(Facts(), rollout(), evidence(results=(result(verdict),))).checks
    assert shown.partition(": ")[0]


def test_a_rollback_on_the_deadline_is_no_secret() -> None:
    (each,) = occasions(rollout(), rollout(phase=Phase.FAILED), evidence(LATE))
    assert each.level is Level.ERROR


def test_an_abort_names_who_asked_for_it_and_why() -> None:
    before = rollout(commands=(command(Verb.ABORT, "ann", "too slow"),))
    assert told(before, rollout(phase=Phase.FAILED), "x") == [("aborted", "Aborted by ann: too slow")]


def test_what_only_a_person_can_put_right_is_told_once_and_only_in_a_run() -> None:
    after, problems = rollout(halt="no autoscaler"), ("no autoscaler",)
    assert told(rollout(), after, problems=problems) == [("stuck", "Stuck: no autoscaler")]
    assert told(after, after, problems=problems) == []
    assert told(resting(), resting(halt="no autoscaler"), problems=problems) == []
    assert told(rollout(), rollout(halt="waiting for pods")) == []


def test_a_run_that_goes_on_is_no_occasion() -> None:
    assert told(rollout(), rollout(weight=20, step=1), "Advance") == []
    assert told(rollout(gate="g"), rollout(gate="g")) == []


def sent(audience: Audience, before: Rollout, after: Rollout, about: Evidence) -> list[tuple[str, Occasion]]:
    mail = announce(audience, before, after, about)
    return [(notice.to, notice.occasion) for notice in mail.notices]


FINAL = (rollout(phase=Phase.FINALISING), rollout(phase=Phase.SUCCEEDED))


@pytest.mark.parametrize(
    ("severity", "hears"),
    [(Level.INFO, {"started", "aborted", "failed"}), (Level.WARN, {"aborted", "failed"}), (Level.ERROR, {"failed"})],
)
def test_an_alert_hears_of_its_severity_and_worse(severity: Level, hears: set[str]) -> None:
    alerts = (Alert("x", "test", "ops", severity),)
    about = evidence("line", canary=canary(alerts=alerts))
    ways = {
        "started": (resting(), rollout(runs=2)),
        "aborted": (rollout(commands=(command(Verb.ABORT),)), rollout(phase=Phase.FAILED)),
        "failed": (rollout(), rollout(phase=Phase.FAILED)),
    }
    assert {name for name, (before, after) in ways.items() if sent(NOBODY, before, after, about)} == hears


def test_alerts_speak_instead_of_the_installations_webhook() -> None:
    alerts = (Alert("a", "test", "near"), Alert("b", "ops", "far"))
    found = sent(Audience(webhook=True), *FINAL, evidence(canary=canary(alerts=alerts)))
    assert [to for to, _ in found] == ["alert/test/near", "alert/ops/far"]
    assert sent(Audience(webhook=True), *FINAL, evidence()) == [("webhook", Occasion.PROMOTED)]
    assert sent(NOBODY, *FINAL, evidence()) == []


def test_the_app_has_one_message_a_run_and_closes_the_one_before() -> None:
    first = announce(APP, resting(), rollout(runs=2), evidence("New revision"))
    assert [notice.occasion for notice in first.notices] == [Occasion.STARTED, Occasion.DETAILS]
    assert [card.facts.run for card in first.cards] == ["000002"]
    again = announce(APP, rollout(runs=2, mail=first), rollout(runs=3), evidence("New revision"))
    assert [(card.facts.run, card.ending) for card in again.cards] == [
        ("000002", "Superseded by a newer revision."),
        ("000003", ""),
    ]


def test_no_two_notices_have_one_id() -> None:
    first = announce(APP, resting(), rollout(runs=2), evidence("a"))
    second = announce(APP, rollout(version=8, runs=2, mail=first), rollout(runs=2, weight=20), evidence("b"))
    ids = [notice.id for notice in second.notices]
    assert len(set(ids)) == len(ids) == 3


def test_a_gate_whose_hook_is_mute_is_no_occasion() -> None:
    hooks = tuple(
        Hook("a", "http://a", kind, mute_alert=True)
        for kind in (HookType.CONFIRM_PROMOTION, HookType.CONFIRM_TRAFFIC_INCREASE)
    )
    for gate in ("confirm-promotion/a", "confirm-traffic-increase/a/20"):
        assert told(rollout(), rollout(gate=gate), "Halt", canary=canary(hooks=hooks)) == []
    assert told(rollout(), rollout(gate="confirm-promotion/b"), "Halt", canary=canary(hooks=hooks)) != []


def test_details_are_kept_to_a_run() -> None:
    assert sent(APP, resting(), resting(), evidence("Service frontend is not as committed")) == []


def reply(before: Rollout, after: Rollout, *texts: str) -> list[str]:
    waiting = replace(before, commands=tuple(replace(c, reply="https://r") for c in before.commands))
    mail = announce(NOBODY, waiting, replace(after, commands=()), evidence(*texts))
    return [notice.text for notice in mail.notices if notice.occasion is Occasion.REPLY]


@pytest.mark.parametrize(
    ("verb", "after", "text"),
    [
        (Verb.ABORT, {"phase": Phase.FAILED}, f"Aborted frontend.test by ann: traffic back on primary{AFTER}"),
        (Verb.ABORT, {"phase": Phase.FINALISING}, "frontend.test is promoted already: all traffic goes to the primary"),
        (Verb.PROMOTE, {"skipped": True}, "Promotion of frontend.test by ann: the rest of the analysis is skipped"),
        (Verb.PAUSE, {"paused": True}, "Paused frontend.test at weight 10 by ann"),
        (Verb.RESUME, {}, "Resumed frontend.test at weight 10 by ann"),
        (Verb.RETRY, {"runs": 2}, "Started frontend.test again by ann: run 000002"),
        (Verb.APPROVE, {}, "Gate g approved by ann"),
    ],
)
def test_a_reply_says_what_came_of_the_command(verb: Verb, after: dict[str, Any], text: str) -> None:
    before = rollout(commands=(command(verb, "ann"),))
    (answer,) = reply(before, rollout(**after), "Gate g approved by ann")
    assert answer.startswith(text)


def test_a_reply_says_that_nothing_came_of_it() -> None:
    before = rollout(commands=(command(Verb.ABORT, "ann"), command(Verb.PROMOTE, "ben")))
    texts = ("ann asked to abort, but there is nothing", "ben asked to promote, but the abort by ann comes first")
    assert reply(before, rollout(), *texts) == list(texts)


def test_a_command_that_still_waits_is_not_answered() -> None:
    before = rollout(commands=(replace(command(Verb.ABORT), reply="https://r"),))
    assert announce(NOBODY, before, before, evidence()).notices == ()


def deployment(image: str, **metadata: Any) -> JsonObject:
    containers = [{"name": "app", "image": image}, {"name": "proxy", "image": "envoy:1"}]
    return {"metadata": metadata, "spec": {"template": {"spec": {"containers": containers}}}}


def scene(target: JsonObject) -> Scene:
    objects = {
        ObjectId("Deployment", "frontend"): target,
        ObjectId("Deployment", "frontend-primary"): deployment("app:1"),
    }
    return Scene(Look.ALL, objects)


def test_the_facts_of_a_run_say_what_differs_and_who_changed_it() -> None:
    managed = [
        {"manager": "kubectl", "time": "2026-11-23T11:00:00Z", "fieldsV1": {"f:spec": {"f:template": {}}}},
        {"manager": "argocd", "time": "2026-11-23T11:30:00Z", "fieldsV1": {"f:spec": {"f:template": {}}}},
        {"manager": "serin", "time": "2026-11-23T11:50:00Z", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
    ]
    facts = gather(
        Facts(), rollout(applied=NEW_CONFIG), evidence(scene=scene(deployment("app:2", managedFields=managed)))
    )
    assert (facts.images, facts.configs, facts.started_by) == (
        ("app: app:1 → app:2",),
        ("ConfigMap frontend",),
        "argocd",
    )
    cause = {"annotations": {"kubernetes.io/change-cause": "SHOP-7"}, "managedFields": managed}
    assert gather(Facts(), rollout(), evidence(scene=scene(deployment("app:2", **cause)))).started_by == "SHOP-7"


def test_facts_stay_when_a_tick_does_not_look_and_failed_checks_stay_until_others_fail() -> None:
    known = gather(Facts(), rollout(), evidence(scene=scene(deployment("app:2")), results=(result(Verdict.FAIL),)))
    passed = CheckResult("request-success-rate", "metric", Verdict.PASS, value=99.95, bounds=">= 99")
    later = gather(known, rollout(weight=20), evidence(results=(passed,)))
    assert later.images == known.images == ("app: app:1 → app:2",)
    assert later.failed == ("success rate 62.50% < 99%",)
    assert later.checks == ("passed: request-success-rate 99.95 (>= 99)",)
    assert gather(later, rollout(runs=2), evidence()).failed == ()


@pytest.mark.parametrize("verdict", Verdict)
def test_every_answer_of_a_check_has_words(verdict: Verdict) -> None:
    (told,) = gather(Facts(), rollout(), evidence(results=(result(verdict),))).checks
    assert told.endswith(": request-success-rate" if verdict is Verdict.PASS else "success rate 62.50% < 99%")


def test_a_told_occasion_without_a_level_of_its_own_is_information() -> None:
    assert Told(Occasion.STARTED, "").level is Level.INFO
    assert isinstance(Mail().notices, tuple)
    assert Notice("", "", Occasion.REPLY, Level.INFO, NOW, "", address="https://secret").__repr__().count("secret") == 0
