"""What Slack refuses in a message: the limits of Block Kit and of metadata, as far as Serin comes near them.

Facts: docs.slack.dev, "Block Kit reference" and "Message metadata". A message that the local Slack API lets pass and
the real one refuses would be a message that nobody gets.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.json_types import Json, JsonObject

_BLOCKS, _TEXT, _FIELDS, _FIELD, _HEADER = 50, 3000, 10, 2000, 150
_ELEMENTS, _LABEL, _VALUE, _ACTION = 25, 75, 2000, 255


def refusal(message: Json) -> str:
    """Slack's error code for a message that it would not take; empty for a good one."""
    if not (message.get("text") or message.get("blocks") or message.get("attachments")):
        return "no_text"
    if len(message.get("text") or "") > 40_000:
        return "msg_too_long"
    if any(_faults(_blocks(message))):
        return "invalid_blocks"
    return _metadata_refusal(message.get("metadata"))


def actions_of(message: Json) -> list[JsonObject]:
    """The buttons of a message, in order."""
    actions = (block for block in _blocks(message) if block["type"] == "actions")
    return [element for block in actions for element in block["elements"]]


def texts_of(message: Json) -> str:
    """Everything that a reader sees of a message, one text a line."""
    blocks = _blocks(message)
    return "\n".join([message.get("text") or "", *(text for block in blocks for text in _texts(block))])


def _blocks(message: Json) -> list[JsonObject]:
    blocks = message.get("blocks") or []
    return list(json.loads(blocks) if isinstance(blocks, str) else blocks)


def _faults(blocks: list[JsonObject]) -> Iterator[bool]:
    yield len(blocks) > _BLOCKS
    names = [block["block_id"] for block in blocks if "block_id" in block]
    yield len(names) != len(set(names))
    for block in blocks:
        yield from _block_faults(block)


def _block_faults(block: JsonObject) -> Iterator[bool]:
    match block.get("type"):
        case "section":
            yield not (block.get("text") or block.get("fields"))
            yield "text" in block and not 0 < len(block["text"]["text"]) <= _TEXT
            yield len(block.get("fields", ())) > _FIELDS
            yield from (not 0 < len(field["text"]) <= _FIELD for field in block.get("fields", ()))
        case "header":
            yield block["text"]["type"] != "plain_text"
            yield not 0 < len(block["text"]["text"]) <= _HEADER
        case "context":
            yield not 0 < len(block["elements"]) <= 10
            yield from (not 0 < len(element.get("text", "x")) <= _TEXT for element in block["elements"])
        case "actions":
            yield not 0 < len(block["elements"]) <= _ELEMENTS
            yield from (fault for element in block["elements"] for fault in _button_faults(element))
        case "divider":
            return
        case _:
            yield True


def _button_faults(element: JsonObject) -> Iterator[bool]:
    yield element.get("type") != "button"
    yield element["text"]["type"] != "plain_text"
    yield not 0 < len(element["text"]["text"]) <= _LABEL
    yield len(element.get("value", "")) > _VALUE
    yield len(element.get("action_id", "")) > _ACTION
    yield element.get("style", "primary") not in ("primary", "danger")


def _metadata_refusal(metadata: object) -> str:
    if metadata is None:
        return ""
    value: Any = json.loads(metadata) if isinstance(metadata, str) else metadata
    good = isinstance(value, dict) and isinstance(value.get("event_type"), str)
    return "" if good and isinstance(value.get("event_payload"), dict) else "invalid_metadata_format"


def _texts(block: JsonObject) -> Iterator[str]:
    if "text" in block:
        yield str(block["text"]["text"])
    for part in (*block.get("fields", ()), *block.get("elements", ())):
        text = part.get("text", "")
        yield str(text["text"] if isinstance(text, dict) else text)
