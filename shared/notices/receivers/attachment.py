"""The message of an incoming webhook of Slack, and of Rocket.Chat, which takes the same, in the predecessor's shape.

It is one attachment with a colour, ``name.namespace`` as its author, and the Canary's terms when an analysis begins.

What the predecessor's messages do not have (cluster, image, weights, failed checks) follows as further fields.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.mrkdwn import escape
from shared.notice import Level, Occasion

if TYPE_CHECKING:
    from shared.json_types import JsonObject
    from shared.notices.message import Fact, Message

_COLORS = {Level.INFO: "good", Level.WARN: "warning", Level.ERROR: "danger"}
_WITH_TERMS = frozenset({Occasion.INITIALIZED, Occasion.STARTED})


def write_attachment(message: Message, channel: str, user: str) -> JsonObject:
    """The JSON to post."""
    terms = message.terms if message.occasion in _WITH_TERMS else ()
    facts = [fact for fact in message.facts if fact.title != "Canary"]
    attachment = {
        "color": _COLORS[message.level],
        "author_name": message.name,
        "text": escape(message.text) + "".join(f"\n<{link.url}|{escape(link.label)}>" for link in message.links),
        "mrkdwn_in": ["text"],
        "fields": [*map(_field, terms), *map(_field, facts)],
    }
    return {"channel": channel, "username": user, "icon_url": "", "icon_emoji": "", "attachments": [attachment]}


def _field(fact: Fact) -> JsonObject:
    return {"title": fact.title, "value": escape(fact.value), "short": fact.short}
