"""Each receiver's JSON, to the letter: what a chat does not understand, nobody reads."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from shared.notice import Card, Facts, Level, Notice, Occasion
from shared.notices.message import write_message
from shared.notices.provider import Provider, address_of, read_provider, write_for
from shared.notices.receivers.attachment import write_attachment
from shared.notices.receivers.slack_card import write_card, write_details, write_loud
from shared.rollout import RolloutKey
from tests.support.samples import NOW
from tests.support.slack_blocks import actions_of, refusal, texts_of

KEY = RolloutKey("east", "shop", "cart")
FACTS = Facts(
    run="000012",
    phase="Failed",
    weight=30,
    traffic="70% primary, 30% canary",
    revision="v1-3c",
    images=("app: cart:1 → cart:2",),
    configs=("ConfigMap cart",),
    started_by="ann",
    checks=("failed: success rate 62.50% < 99%",),
    failed=("success rate 62.50% < 99%",),
    terms=("Target: Deployment/cart.shop", "Traffic routing: Weight step: 10 max: 50"),
)
NOTICE = Notice("n1", "x", Occasion.ROLLED_BACK, Level.ERROR, NOW, "Failed checks threshold reached 5", FACTS)
LINKS = (("Grafana", "https://g/{namespace}/{name}?run={run}&c={cluster}"),)
MESSAGE = write_message(KEY, NOTICE, LINKS)
URL = "https://g/shop/cart?run=000012&c=east"
FACT_LIST = [
    ("Canary", "cart.shop"),
    ("Cluster", "east"),
    ("Phase", "Failed"),
    ("Traffic", "70% primary, 30% canary"),
    ("Run", "000012"),
    ("Started by", "ann"),
    ("Image", "app: cart:1 → cart:2"),
    ("Config changes", "ConfigMap cart"),
    ("Failed checks", "success rate 62.50% < 99%"),
]


def test_every_receiver_is_told_the_same_facts() -> None:
    assert [(fact.title, fact.value) for fact in MESSAGE.facts] == FACT_LIST
    for type_ in ("slack", "rocket", "msteams", "discord", "gchat", "webhook"):
        sent = json.dumps(write_for(Provider(type_, "general", "serin", "https://x"), MESSAGE), ensure_ascii=False)
        plain = sent.replace("&lt;", "<").replace("\\\\", "")
        for _, value in FACT_LIST:
            assert value in plain or value == "cart.shop", f"{type_} does not say {value}"


def test_slack_attachments_are_the_predecessors() -> None:
    started = replace(NOTICE, occasion=Occasion.STARTED, level=Level.INFO, text="New revision detected, <b>.")
    sent = write_attachment(write_message(KEY, started, ()), "general", "flagger")
    assert sent["attachments"][0].pop("fields")[:2] == [
        {"title": "Target", "value": "Deployment/cart.shop", "short": False},
        {"title": "Traffic routing", "value": "Weight step: 10 max: 50", "short": False},
    ]
    assert sent == {
        "channel": "general",
        "username": "flagger",
        "icon_url": "",
        "icon_emoji": "",
        "attachments": [
            {
                "color": "good",
                "author_name": "cart.shop",
                "text": "New revision detected, &lt;b&gt;.",
                "mrkdwn_in": ["text"],
            }
        ],
    }
    assert write_attachment(MESSAGE, "x", "y")["attachments"][0]["color"] == "danger"


def test_teams_takes_an_adaptive_card() -> None:
    message = replace(MESSAGE, facts=MESSAGE.facts[:2])
    assert write_for(Provider("msteams", "", "", ""), message) == {
        "type": "message",
        "attachments": [
            {
                "contentType": "application/vnd.microsoft.card.adaptive",
                "contentUrl": None,
                "content": {
                    "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                    "type": "AdaptiveCard",
                    "version": "1.4",
                    "msteams": {"width": "Full"},
                    "body": [
                        {
                            "type": "TextBlock",
                            "size": "Medium",
                            "weight": "Bolder",
                            "color": "Attention",
                            "text": "Rolled back: cart.shop",
                            "wrap": True,
                        },
                        {"type": "TextBlock", "text": "Failed checks threshold reached 5", "wrap": True},
                        {
                            "type": "FactSet",
                            "facts": [
                                {"title": "Canary", "value": "cart.shop"},
                                {"title": "Cluster", "value": "east"},
                            ],
                        },
                    ],
                    "actions": [{"type": "Action.OpenUrl", "title": "Grafana", "url": URL}],
                },
            }
        ],
    }


def test_discord_takes_an_embed_that_mentions_nobody() -> None:
    message = replace(MESSAGE, facts=MESSAGE.facts[:1], text="@everyone *look*")
    assert write_for(Provider("discord", "", "serin", ""), message) == {
        "username": "serin",
        "embeds": [
            {
                "title": "Rolled back: cart.shop",
                "description": f"@everyone \\*look\\*\n[Grafana]({URL})",
                "color": 0xA30200,
                "timestamp": "2026-11-23T12:00:00+00:00",
                "fields": [{"name": "Canary", "value": "cart.shop", "inline": True}],
            }
        ],
        "allowed_mentions": {"parse": []},
    }


def test_google_chat_takes_a_card() -> None:
    message = replace(MESSAGE, facts=MESSAGE.facts[-1:])
    assert write_for(Provider("gchat", "", "", ""), message) == {
        "text": "❌ Rolled back: cart.shop",
        "cardsV2": [
            {
                "cardId": "n1",
                "card": {
                    "header": {"title": "❌ Rolled back: cart.shop", "subtitle": "east"},
                    "sections": [
                        {
                            "widgets": [
                                {"textParagraph": {"text": "Failed checks threshold reached 5"}},
                                {
                                    "decoratedText": {
                                        "topLabel": "Failed checks",
                                        "text": "success rate 62.50% &lt; 99%",
                                        "wrapText": True,
                                    }
                                },
                                {
                                    "buttonList": {
                                        "buttons": [{"text": "Grafana", "onClick": {"openLink": {"url": URL}}}]
                                    }
                                },
                            ]
                        }
                    ],
                },
            }
        ],
    }


def test_any_other_webhook_takes_the_predecessors_event() -> None:
    assert write_for(Provider("webhook", "", "", ""), MESSAGE) == {
        "name": "cart",
        "namespace": "shop",
        "phase": "Failed",
        "checksum": "v1-3c",
        "metadata": {
            "eventMessage": "Failed checks threshold reached 5",
            "eventType": "Warning",
            "timestamp": "1795435200000",
            "id": "n1",
            "occasion": "rolled-back",
            "severity": "error",
            "cluster": "east",
            "traffic": "70% primary, 30% canary",
            "run": "000012",
            "startedBy": "ann",
            "image": "app: cart:1 → cart:2",
            "configChanges": "ConfigMap cart",
            "failedChecks": "success rate 62.50% < 99%",
        },
    }


def test_a_card_has_what_can_be_done_and_an_ended_one_nothing() -> None:
    running = Card(replace(FACTS, phase="Progressing"), NOW)
    waiting = replace(running, facts=replace(FACTS, phase="WaitingPromotion"), waits=True)
    promoting = replace(running, facts=replace(FACTS, phase="Promoting"))
    ended = replace(running, ending="Promoted")
    shown = [[b["action_id"] for b in actions_of(write_card(KEY, card, LINKS))] for card in (running, waiting)]
    assert shown == [["abort", "promote"], ["approve", "abort"]]
    assert [b["action_id"] for b in actions_of(write_card(KEY, promoting, ()))] == ["abort"]
    assert actions_of(write_card(KEY, ended, ())) == []
    (button, _) = actions_of(write_card(KEY, running, ()))
    assert json.loads(button["value"]) == {
        "rollout": "east:shop:cart",
        "run": "000012",
        "revision": "v1-3c",
        "gate": "",
    }


def test_whatever_a_hook_answers_makes_no_link_and_no_message_that_slack_refuses() -> None:
    wild = tuple("<!channel> <https://x|y> & " + "w" * 300 for _ in range(8))
    facts = replace(FACTS, images=wild, configs=wild, checks=wild, failed=wild, revision="v1-" + "x" * 1900)
    notice = replace(NOTICE, facts=facts, text="<!here>" * 140, details=wild * 2, occasion=Occasion.WAITING)
    messages = (write_card(KEY, Card(facts, NOW), LINKS), write_loud(KEY, notice, LINKS), write_details(notice))
    for message in messages:
        assert refusal(message) == ""
        assert "<!" not in texts_of(message)
    assert "&lt;!here&gt;" in texts_of(messages[1])


def test_a_provider_is_read_with_flaggers_defaults_and_its_secret_wins() -> None:
    raw = {"spec": {"type": "slack", "address": "https://a", "secretRef": {"name": "s"}}}
    secret = {"data": {"address": "aHR0cHM6Ly9iCg==", "token": "eG94Yi0x"}}
    assert read_provider(raw, secret) == Provider("slack", "general", "serin", "https://b", "xoxb-1")
    assert read_provider(raw, {"data": {}}) == Provider("slack", "general", "serin", "https://a")
    assert "xoxb-1" not in repr(read_provider(raw, secret))
    assert address_of(Provider("discord", "", "", "https://d/slack")) == "https://d"


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ({"type": "pager", "address": "https://a"}, "its type has to be one of slack, msteams"),
        ({"type": "slack"}, "it has no address"),
        ({"type": "slack", "secretRef": {"name": "s"}}, "there is no Secret s"),
        ({"type": "slack", "address": "https://a", "proxy": "http://p"}, "proxies are not supported"),
        (None, "its type has to be one of"),
    ],
)
def test_a_provider_that_cannot_be_used_says_why(spec: object, complaint: str) -> None:
    found = read_provider({"spec": spec}, None)
    assert isinstance(found, str)
    assert found.startswith(complaint)
