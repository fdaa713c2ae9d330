"""The message of a Microsoft Teams workflow ("When a Teams webhook request is received"): an Adaptive Card 1.4.

Source: learn.microsoft.com, "Create incoming webhooks with Workflows" and "Adaptive Card schema".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.notice import Level

if TYPE_CHECKING:
    from shared.json_types import JsonObject
    from shared.notices.message import Message

_COLORS = {Level.INFO: "Good", Level.WARN: "Warning", Level.ERROR: "Attention"}


def write_teams(message: Message) -> JsonObject:
    """The JSON to post. Facts are plain text there, and links are buttons."""
    card: JsonObject = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": [
            {
                "type": "TextBlock",
                "size": "Medium",
                "weight": "Bolder",
                "color": _COLORS[message.level],
                "text": _plain(message.title),
                "wrap": True,
            },
            {"type": "TextBlock", "text": _plain(message.text), "wrap": True},
            {"type": "FactSet", "facts": [{"title": f.title, "value": _plain(f.value)} for f in message.facts]},
        ],
    }
    if message.links:
        card["actions"] = [{"type": "Action.OpenUrl", "title": link.label, "url": link.url} for link in message.links]
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _plain(text: str) -> str:
    """Text that Markdown leaves alone: a link needs a bracket, emphasis a star or an underscore."""
    escaped = "".join(f"\\{character}" if character in "\\[]*_`" else character for character in text)
    return escaped.replace("\n", "\n\n")
