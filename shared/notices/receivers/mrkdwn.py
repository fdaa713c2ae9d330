"""Plain text for Slack's markup: what a hook or a user wrote must make no link and mention nobody.

Slack's three control characters are escaped (docs.slack.dev, "Formatting text for app surfaces").
"""

from __future__ import annotations


def escape(text: str) -> str:
    """``text`` as Slack shows it, character for character."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def cut(text: str, limit: int) -> str:
    """``text`` with at most ``limit`` characters, the last of which says that something is missing."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
