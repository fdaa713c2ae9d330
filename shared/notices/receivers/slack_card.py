"""The Slack app's messages: the one of a run, which is edited as it goes on, and those in its thread.

A button carries the run and the revision that were shown, so that a click on an old message can never act on a newer
one. Formats and limits: docs.slack.dev, "Block Kit reference".
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from shared.mrkdwn import bar, cut, escape
from shared.notice import Occasion
from shared.notices.message import SIGNS, fill_links, list_facts, write_message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.json_types import JsonObject
    from shared.notice import Card, Facts, Notice
    from shared.rollout import RolloutKey

_SECTION, _FIELD, _VALUE = 3000, 2000, 2000


def write_card(key: RolloutKey, card: Card, links: tuple[tuple[str, str], ...]) -> JsonObject:
    """``text`` (for notifications) and ``blocks`` of a run's message."""
    headline = _headline(key, card)
    blocks = [_section(headline), *_progress(card), *_fields(card.facts), *_checks(card.facts)]
    if filled := fill_links(links, key, card.facts.run):
        blocks.append(_context(" · ".join(f"<{link.url}|{escape(link.label)}>" for link in filled)))
    if not card.ending:
        blocks += _actions(key, card.facts, _verbs(card.facts.phase, card.waits))
    return {"text": headline, "blocks": blocks}


def write_loud(key: RolloutKey, notice: Notice, links: tuple[tuple[str, str], ...]) -> JsonObject:
    """``text`` and ``blocks`` of what everybody should see: how a run ended, or that it waits for somebody."""
    message = write_message(key, notice, links)
    text = f"{SIGNS[notice.level]} *{escape(message.title)}*\n{escape(notice.text)}"
    failed = "".join(f"\n• {escape(each)}" for each in notice.facts.failed)
    blocks = [_section(text + (failed if notice.occasion is Occasion.ROLLED_BACK else ""))]
    blocks.append(_context(" · ".join(escape(f"{fact.title} {fact.value}") for fact in message.facts if fact.short)))
    if notice.details:
        blocks.append(_context("\n".join(map(escape, notice.details))))
    if notice.occasion is Occasion.WAITING:
        blocks += _actions(key, notice.facts, ("approve", "abort"))
    return {"text": text, "blocks": blocks}


def write_details(notice: Notice) -> JsonObject:
    """``text`` and ``blocks`` of the log's lines, for the thread."""
    text = cut("\n".join(map(escape, notice.details)), _SECTION)
    return {"text": text, "blocks": [_section(text)]}


def button_value(key: RolloutKey, facts: Facts) -> str:
    """What a click sends: the rollout, and the run, the revision and the gate that the message shows."""
    shown = {"run": facts.run, "revision": facts.revision, "gate": facts.gate}
    return json.dumps({"rollout": str(key), **shown})


def _headline(key: RolloutKey, card: Card) -> str:
    name = escape(f"{key.name}.{key.namespace}")
    state = f"{SIGNS[card.level]} {escape(card.ending)}" if card.ending else card.facts.phase
    return f"*{name}* in {escape(key.cluster)}: {state}"


def _progress(card: Card) -> Iterator[JsonObject]:
    if not card.ending:
        yield _section(f"`{bar(card.facts.weight)}` {escape(card.facts.traffic)}")


def _fields(facts: Facts) -> Iterator[JsonObject]:
    shown = [fact for fact in list_facts(facts) if fact.title in ("Image", "Config changes", "Started by", "Run")]
    if shown:
        texts = (cut(f"*{fact.title}*\n{escape(fact.value)}", _FIELD) for fact in shown)
        yield {"type": "section", "fields": [{"type": "mrkdwn", "text": text} for text in texts]}


def _checks(facts: Facts) -> Iterator[JsonObject]:
    if facts.checks:
        yield _context("\n".join(map(escape, facts.checks)))


def _verbs(phase: str, waits: bool) -> tuple[str, ...]:
    if waits:
        return ("approve", "abort")
    return ("abort", "promote") if phase == "Progressing" else ("abort",)


def _actions(key: RolloutKey, facts: Facts, verbs: tuple[str, ...]) -> Iterator[JsonObject]:
    """No buttons where their value would be too long for Slack: commands by name still work."""
    value = button_value(key, facts)
    if len(value) <= _VALUE:
        yield {"type": "actions", "elements": [_button(verb, value) for verb in verbs]}


def _button(verb: str, value: str) -> JsonObject:
    style = {"abort": {"style": "danger"}, "approve": {"style": "primary"}}.get(verb, {})
    label = {"type": "plain_text", "text": verb.capitalize()}
    return {"type": "button", "action_id": verb, "text": label, "value": value, **style}


def _section(text: str) -> JsonObject:
    return {"type": "section", "text": {"type": "mrkdwn", "text": cut(text, _SECTION)}}


def _context(text: str) -> JsonObject:
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": cut(text, _SECTION)}]}
