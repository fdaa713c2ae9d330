"""What people are told of a release, by the real slack-sdk against a local Slack API: once, in one place, with the
reason, and never at the price of a tick.
"""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from shared.checks.allowlist import Egress
from shared.checks.transport import Http
from shared.checks.verdict import CheckResult, Verdict
from shared.delivery.courier import Courier
from shared.delivery.receivers import Receivers, Webhook
from shared.delivery.slack_app import SlackApp
from shared.outbox import BUDGET
from shared.revision import revision_mark
from shared.rollout import Command, Phase, Verb
from shared.state.open import open_store
from tests.support.app import Release
from tests.support.receivers import install_provider
from tests.support.serin import Serin, passing_serin
from tests.support.slack_api import CHANNEL, TOKEN, SlackApi, limited, silent
from tests.support.slack_blocks import actions_of, texts_of
from tests.support.web import WebServer, reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shared.checks.subject import Subject
    from shared.cluster.gateway import Gateway
    from shared.json_types import JsonObject
    from shared.rollout import Rollout
    from tests.support.embedded_cluster import EmbeddedCluster

LINKS = (("Grafana", "https://grafana.example.com/{name}?run={run}"),)


@pytest.fixture
def slack() -> Iterator[SlackApi]:
    with SlackApi() as server:
        yield server


@pytest.fixture
def release(embedded_cluster: EmbeddedCluster) -> Release:
    return Release(embedded_cluster, embedded_cluster.create_namespace())


def told_by(release: Release, receivers: Receivers, **analysis: object) -> Serin:
    """Serin beside the initialized app, with these receivers."""
    release.install(**{"interval": "10s", "stepWeight": 25, "maxWeight": 50, **analysis})
    made = passing_serin(release.cluster, open_store("sqlite://"), release.namespace)
    told = replace(made, parts=replace(made.parts, courier=Courier(receivers)))
    told.run_until(rests_in(Phase.INITIALIZED))
    return told


def app_of(slack: SlackApi) -> Receivers:
    return Receivers(SlackApp(TOKEN, CHANNEL, slack.base_url), links=LINKS, slack_api=slack.base_url)


def rests_in(phase: Phase) -> Callable[[Rollout], bool]:
    return lambda rollout: rollout.phase is phase and not rollout.active


def is_far(serin: Serin, rollout: Rollout) -> bool:
    return (rollout.due_at - serin.clock()).total_seconds() > 3000


def upgrade(release: Release, serin: Serin) -> None:
    release.upgrade("app:2")
    serin.hint()


def failing(subject: Subject) -> tuple[CheckResult, ...]:
    text = f"Halt {subject.canary} advancement success rate 62.50% < 99%"
    return (CheckResult("request-success-rate", "metric", Verdict.FAIL, text, 62.5, ">= 99"),)


def test_a_release_is_one_message_with_a_thread_and_a_loud_end(release: Release, slack: SlackApi) -> None:
    serin = told_by(release, app_of(slack), stepWeight=10)
    release.patch("deployment", {"metadata": {"annotations": {"kubernetes.io/change-cause": "ann: SHOP-7"}}})
    release.patch("configmap", {"data": {"greeting": "good day"}})
    upgrade(release, serin)
    serin.run_until(rests_in(Phase.SUCCEEDED))
    ready, run, end = slack.messages()
    assert "initialization completed" in texts_of(ready)
    shown = texts_of(run)
    for fact in ("app: app:1 → app:2", "ConfigMap frontend", "ann: SHOP-7", "request-success-rate 100", "000001"):
        assert fact in shown
    assert "<https://grafana.example.com/frontend?run=000001|Grafana>" in shown
    assert "promotion finished" in shown
    assert actions_of(run) == [], "nobody can abort what is over"
    assert (end["subtype"], end["thread_ts"]) == ("thread_broadcast", run["ts"])
    assert "Promoted: frontend" in texts_of(end)
    thread = [message["text"] for message in slack.messages(thread=run["ts"])]
    advanced = [line for text in thread for line in text.splitlines() if "Advance" in line]
    assert [line.rpartition(" ")[2] for line in advanced] == ["10", "20", "30", "40", "50"]
    assert len(thread) == len(set(thread)), "nothing is said twice"
    assert serin.rollout.mail.notices == ()


def test_the_message_of_a_run_shows_its_weight_and_buttons_bound_to_its_revision(
    release: Release, slack: SlackApi
) -> None:
    serin = told_by(release, app_of(slack))
    upgrade(release, serin)
    rollout = serin.run_until(lambda rollout: rollout.weight == 25)
    run = slack.messages()[1]
    assert "█████░░░░░░░░░░░░░░░` 75% primary, 25% canary" in texts_of(run)
    assert [button["action_id"] for button in actions_of(run)] == ["abort", "promote"]
    value = {"rollout": str(serin.key), "run": "000001", "revision": revision_mark(rollout.applied), "gate": ""}
    assert [json.loads(button["value"]) for button in actions_of(run)] == [value, value]


def test_a_rollback_is_loud_and_says_why_with_value_and_bound(release: Release, slack: SlackApi) -> None:
    serin = told_by(release, app_of(slack), threshold=2)
    upgrade(release, serin)
    bad = replace(serin, parts=replace(serin.parts, analyse=failing))
    bad.run_until(rests_in(Phase.FAILED))
    loud = texts_of(slack.messages()[-1])
    assert "❌ *Rolled back: frontend" in loud
    assert "Failed checks threshold reached 2" in loud
    assert "success rate 62.50% &lt; 99%" in loud
    assert "Failed checks threshold reached 2" in texts_of(slack.messages()[1])


def test_an_abort_is_answered_when_the_traffic_is_back_and_told_to_all(release: Release, slack: SlackApi) -> None:
    serin = told_by(release, app_of(slack))
    upgrade(release, serin)
    serin.run_until(lambda rollout: rollout.weight == 25)
    url = slack.make_response_url()
    serin.parts.store.submit(serin.key, command(serin, Verb.ABORT, url))
    serin.tick()
    assert release.weights() == (100, 0)
    (answer,) = slack.answers(url)
    text, _, seconds = answer["text"].rpartition(" after ")
    assert text == f"Aborted frontend.{release.namespace} by @ann: too slow: traffic back on primary"
    assert 0 <= float(seconds.removesuffix(" s")) < 5
    assert answer["replace_original"] is True
    assert "⚠️ *Aborted: frontend" in texts_of(slack.messages()[-1])
    assert "Aborted by @ann: too slow" in texts_of(slack.messages()[-1])


def test_of_two_who_ask_at_once_both_are_told(release: Release, slack: SlackApi) -> None:
    serin = told_by(release, app_of(slack))
    upgrade(release, serin)
    serin.run_until(lambda rollout: rollout.weight == 25)
    promoting, aborting = slack.make_response_url(), slack.make_response_url()
    serin.parts.store.submit(serin.key, command(serin, Verb.PROMOTE, promoting, by="@ben"))
    serin.parts.store.submit(serin.key, command(serin, Verb.ABORT, aborting))
    serin.tick()
    assert serin.rollout.phase is Phase.FAILED
    assert "the abort by @ann comes first" in slack.answers(promoting)[0]["text"]
    assert "traffic back on primary" in slack.answers(aborting)[0]["text"]


def test_the_message_of_a_canary_that_is_deleted_in_a_run_has_no_buttons(release: Release, slack: SlackApi) -> None:
    serin = told_by(release, app_of(slack))
    upgrade(release, serin)
    serin.run_until(lambda rollout: rollout.weight == 25)
    release.cluster.api.delete(release.path("canary"))
    serin.clock.skip_to(serin.rollout.due_at)
    serin.tick()
    assert serin.parts.store.load(serin.key) is None
    run = slack.messages()[1]
    assert "The Canary was deleted." in texts_of(run)
    assert actions_of(run) == []


@pytest.mark.parametrize("url", ["https://evil.example.com/x", "http://169.254.169.254/token"])
def test_an_answer_goes_to_slack_only(release: Release, slack: SlackApi, url: str) -> None:
    serin = told_by(release, app_of(slack))
    serin.parts.store.submit(serin.key, command(serin, Verb.PAUSE, url))
    serin.tick()
    serin.run_until(lambda rollout: not rollout.mail.notices)
    assert any("not one of Slack's" in line for line in serin.messages)
    assert url not in serin.log.getvalue()


def test_a_slack_that_hangs_costs_one_tick_its_budget_and_the_next_ones_nothing(
    release: Release, slack: SlackApi
) -> None:
    serin = told_by(release, app_of(slack))
    slack.fail("chat.postMessage", *[silent] * 9)
    upgrade(release, serin)
    began = time.monotonic()
    serin.tick()
    assert 2 < time.monotonic() - began < 6
    began = time.monotonic()
    for _ in range(3):
        serin.hint()
        serin.tick()
    assert time.monotonic() - began < 2
    slack.heal()
    serin.run_until(rests_in(Phase.SUCCEEDED), seconds=90)
    assert ["Promoted" in texts_of(m) for m in slack.messages()] == [False, False, True]


def test_a_limit_is_kept_to_and_what_waits_is_delivered_when_the_rollout_rests(
    release: Release, slack: SlackApi
) -> None:
    serin = told_by(release, app_of(slack))
    upgrade(release, serin)
    serin.run_until(lambda rollout: rollout.weight == 50)
    slack.fail("chat.update", limited(3600))
    before = len(slack.calls)
    waiting = serin.run_until(lambda rollout: rollout.phase is Phase.SUCCEEDED and is_far(serin, rollout))
    assert waiting.active
    assert len(slack.calls) == before + 2, "a details post, the refused edit, and then nothing"
    serin.run_until(rests_in(Phase.SUCCEEDED))
    assert "Promoted" in texts_of(slack.messages()[-1])


def test_an_incoming_webhook_has_the_predecessors_shape(release: Release, slack: SlackApi) -> None:
    url = slack.make_webhook_url()
    serin = told_by(release, Receivers(webhook=Webhook(url, "general", "flagger")))
    upgrade(release, serin)
    serin.run_until(rests_in(Phase.SUCCEEDED))
    texts = [post["attachments"][0]["text"] for post in slack.answers(url)]
    assert texts == [
        "New deployment detected, initialization completed.",
        "New revision detected, starting canary analysis.",
        "Canary analysis completed successfully, promotion finished.",
    ]
    first = slack.answers(url)[0]
    assert list(first) == ["channel", "username", "icon_url", "icon_emoji", "attachments"]
    attachment = first["attachments"][0]
    assert (attachment["color"], attachment["author_name"]) == ("good", f"frontend.{release.namespace}")
    assert attachment["fields"][1] == {
        "title": "Traffic routing",
        "value": "Weight step: 25 max: 50",
        "short": False,
    }


def test_alerts_choose_by_severity_and_silence_the_installations_webhook(release: Release, slack: SlackApi) -> None:
    with WebServer(reply()) as everything, WebServer(reply()) as errors:
        url, api = slack.make_webhook_url(), release.cluster.api
        install_provider(api, release.namespace, "all", everything.url)
        install_provider(api, release.namespace, "on-call", errors.url, secret=True)
        http = Http(Egress(("127.0.0.1",)))
        alerts = [alert("all", ""), alert("on-call", "error"), alert("gone", "info")]
        serin = told_by(release, Receivers(webhook=Webhook(url, "ops", "x"), guarded=http), alerts=alerts, threshold=1)
        upgrade(release, serin)
        gateways: list[Gateway] = []
        bad = replace(serin, parts=replace(serin.parts, analyse=failing, gateway=kept(serin.parts.gateway, gateways)))
        bad.run_until(lambda rollout: rollout.weight > 0)
        assert len(everything.requests) == 2, "the start of a run is told before its first step"
        bad.run_until(lambda rollout: rollout.phase is Phase.FAILED and bool(errors.requests))
        assert max(gateway.spent for gateway in gateways) <= BUDGET
        heard = [json.loads(request.body)["metadata"]["occasion"] for request in everything.requests]
        assert heard == ["initialized", "started", "rolled-back"], "an empty severity means info"
        assert [json.loads(request.body)["phase"] for request in errors.requests] == ["Failed"]
        assert slack.answers(url) == []
        complaints = [line for line in serin.messages if line.startswith("Notice not delivered")]
        assert complaints == [f"Notice not delivered to AlertProvider gone.{release.namespace}: there is none"]
        assert errors.url not in serin.log.getvalue()


def kept(opened: Callable[[str], Gateway], gateways: list[Gateway]) -> Callable[[str], Gateway]:
    """Gateways, of which each is remembered."""

    def opens(cluster: str) -> Gateway:
        gateways.append(opened(cluster))
        return gateways[-1]

    return opens


def alert(provider: str, severity: str) -> JsonObject:
    return {"name": provider, "severity": severity, "providerRef": {"name": provider}}


def command(serin: Serin, verb: Verb, url: str, by: str = "@ann") -> Command:
    return Command(f"slack:{verb}", verb, by, serin.clock(), "too slow", "Slack #releases", url)
