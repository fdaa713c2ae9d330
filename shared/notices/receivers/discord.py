"""The message of a Discord webhook: one embed, inside Discord's limits, that mentions nobody.

Source: discord.com/developers/docs, "Webhook: Execute Webhook" and "Message: Embed Limits".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.mrkdwn import cut
from shared.notice import Level

if TYPE_CHECKING:
    from shared.json_types import JsonObject
    from shared.notices.message import Message

_COLORS = {Level.INFO: 0x2EB886, Level.WARN: 0xDAA038, Level.ERROR: 0xA30200}
_TITLE, _TEXT, _VALUE, _USER = 256, 2000, 400, 80


def write_discord(message: Message, user: str) -> JsonObject:
    """The JSON to post."""
    links = " · ".join(f"[{_plain(link.label)}]({link.url})" for link in message.links)
    text = _plain(message.text) + (f"\n{links}" if links else "")
    embed = {
        "title": cut(message.title, _TITLE),
        "description": cut(text, _TEXT),
        "color": _COLORS[message.level],
        "timestamp": message.at.isoformat(),
        "fields": [
            {"name": fact.title, "value": cut(_plain(fact.value), _VALUE), "inline": fact.short}
            for fact in message.facts
        ],
    }
    return {"username": cut(user, _USER), "embeds": [embed], "allowed_mentions": {"parse": []}}


def _plain(text: str) -> str:
    """Text that Discord's Markdown leaves alone."""
    return "".join(f"\\{character}" if character in "\\*_~`|>[]<" else character for character in text)
