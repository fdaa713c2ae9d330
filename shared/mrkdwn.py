"""Slack's markup: what comes from names and people is escaped, numbers are drawn, moments are told as ages.

Facts: docs.slack.dev, "Formatting text for app surfaces" (``&``, ``<`` and ``>`` are escaped, nothing else is) and
"Block Kit reference" (a section's text has at most 3,000 characters, a message at most 50 blocks).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import timedelta

    from shared.json_types import JsonObject

LONGEST_SECTION = 3000
_CELLS = 20


def escape(text: str) -> str:
    """``text`` as Slack shows it literally."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def code(text: str) -> str:
    """``text`` in the type of code, on one line."""
    return f"`{escape(' '.join(text.split()).replace('`', chr(0x2BB)))}`"


def fence(text: str, longest: int = 1500) -> str:
    """``text`` as a block of code, cut to ``longest`` characters."""
    return f"```{escape(cut(text.replace('```', chr(0x2BB) * 3), longest))}```"


def cut(text: str, longest: int) -> str:
    """``text``, with an ellipsis for what is too much of it."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def bar(percent: int) -> str:
    """A share as a bar of twenty cells: any canary traffic shows, and so does any that is left."""
    full = round(percent * _CELLS / 100)
    if 0 < percent < 100:
        full = min(max(full, 1), _CELLS - 1)
    return "█" * full + "░" * (_CELLS - full)


def age(passed: timedelta) -> str:
    """How long it is, in the two largest units: ``3 min 20 s``, ``2 d 4 h``."""
    seconds = max(0, round(passed.total_seconds()))
    parts: list[str] = []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count or (unit == "s" and not parts):
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])


def mention(who: str) -> str:
    """A person, user group or channel by its id, as Slack shows its name; ``*`` is everybody."""
    match who[:1]:
        case "S":
            return f"<!subteam^{who}>"
        case "C" | "G" | "D":
            return f"<#{who}>"
        case "*":
            return "everybody"
        case _:
            return f"<@{who}>"


def section(text: str) -> JsonObject:
    """A block of text."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": cut(text, LONGEST_SECTION)}}


def context(text: str) -> JsonObject:
    """A line in small grey type."""
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": cut(text, LONGEST_SECTION)}]}
