"""The message of any other webhook: the predecessor's event payload, with what Serin knows beside it in its metadata.

``metadata`` has texts only, as there; ``timestamp`` is in milliseconds. ``id`` is the same whenever a message is sent
again, so that a receiver can take it once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.notice import Level

if TYPE_CHECKING:
    from shared.json_types import JsonObject
    from shared.notices.message import Message


def write_generic(message: Message) -> JsonObject:
    """The JSON to post."""
    facts = {_key(fact.title): fact.value for fact in message.facts if fact.title not in ("Canary", "Phase")}
    return {
        "name": message.canary,
        "namespace": message.namespace,
        "phase": message.phase,
        "checksum": message.revision,
        "metadata": {
            "eventMessage": message.text,
            "eventType": "Normal" if message.level is Level.INFO else "Warning",
            "timestamp": str(int(message.at.timestamp() * 1000)),
            "id": message.id,
            "occasion": str(message.occasion),
            "severity": str(message.level),
            **facts,
        },
    }


def _key(title: str) -> str:
    """``Started by`` as ``startedBy``."""
    first, *rest = title.split()
    return first.lower() + "".join(word.capitalize() for word in rest)
