"""The message of a Google Chat webhook: a card of version 2, with the title as the text of notifications.

Source: developers.google.com/workspace/chat, "Build a Google Chat app as a webhook" and "Cards v2".
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from shared.notices.message import SIGNS

if TYPE_CHECKING:
    from shared.json_types import JsonObject
    from shared.notices.message import Message


def write_google_chat(message: Message) -> JsonObject:
    """The JSON to post."""
    widgets: list[JsonObject] = [{"textParagraph": {"text": _html(message.text)}}]
    widgets += [
        {"decoratedText": {"topLabel": f.title, "text": _html(f.value), "wrapText": True}} for f in message.facts
    ]
    if message.links:
        buttons = [{"text": link.label, "onClick": {"openLink": {"url": link.url}}} for link in message.links]
        widgets.append({"buttonList": {"buttons": buttons}})
    header = {"title": f"{SIGNS[message.level]} {message.title}", "subtitle": message.cluster}
    card = {"cardId": message.id, "card": {"header": header, "sections": [{"widgets": widgets}]}}
    return {"text": f"{SIGNS[message.level]} {message.title}", "cardsV2": [card]}


def _html(text: str) -> str:
    return escape(text, quote=False).replace("\n", "<br>")
