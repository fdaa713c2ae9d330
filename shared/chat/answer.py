"""What is said back: blocks for people, and the same as plain text for notifications and screen readers.

A question is answered to whoever asked; what somebody does is said in the channel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.mrkdwn import context, section

if TYPE_CHECKING:
    from shared.json_types import JsonObject

MOST_BLOCKS = 50


@dataclass(frozen=True, slots=True)
class Answer:
    """One message: ``text`` is read where blocks are not shown; ``public`` if the whole channel sees it."""

    text: str
    blocks: tuple[JsonObject, ...] = ()
    public: bool = False

    def to_dict(self) -> JsonObject:
        """As Slack takes it in answer to a command, and at a response URL."""
        kind = "in_channel" if self.public else "ephemeral"
        blocks = {"blocks": list(self.blocks[:MOST_BLOCKS])} if self.blocks else {}
        return {"response_type": kind, "replace_original": False, "text": self.text, **blocks}


def say(text: str, detail: str = "", *, public: bool = False) -> Answer:
    """A sentence in mrkdwn, and one in small type below it."""
    blocks = (section(text), context(detail)) if detail else (section(text),)
    return Answer(f"{text}\n{detail}".strip(), blocks, public)
