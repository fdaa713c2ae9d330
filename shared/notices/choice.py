"""How an installation chooses where notices go: readers of its settings.

They must never repeat a token or a webhook's address: each of those is a credential.
"""

from __future__ import annotations

import re
from string import Formatter
from typing import TYPE_CHECKING

from shared.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

SLACK_API = "https://slack.com/api/"
PLACES = frozenset({"cluster", "namespace", "name", "run"})
"""What a link may name in braces."""

_CHANNEL_ID = re.compile(r"[CGD][A-Z0-9]{5,}")
_CHANNEL_NAME = re.compile(r"#?[\w.-]{1,80}")


def read_token(text: str) -> str:
    """A bot token (docs.slack.dev, "Tokens"); ValueError for anything else."""
    if not re.fullmatch(r"xoxb-[A-Za-z0-9-]+", text):
        raise ValueError("must be a bot token, which starts with xoxb-")
    return text


def read_channel(text: str) -> str:
    """A channel's id, or its name with or without ``#``."""
    if not _CHANNEL_NAME.fullmatch(text):
        raise ValueError("must be a channel's id, or its name")
    return text


def read_api(text: str) -> str:
    """A base URL, which ends in a slash."""
    if not text.startswith(("http://", "https://")):
        raise ValueError("must be an http or https URL")
    return text if text.endswith("/") else f"{text}/"


def read_links(text: str) -> tuple[tuple[str, str], ...]:
    """``Label=URL`` pairs; ValueError if one is not, or names what nobody can fill in."""
    return tuple(_read_link(part.strip()) for part in text.split(",") if part.strip())


def find_gaps(values: Mapping[str, object]) -> list[Problem]:
    """Settings that make no sense alone."""
    channel = str(values.get("slack_channel", ""))
    if values.get("slack_token") and not _CHANNEL_ID.fullmatch(channel):
        # chat.update and conversations.history take no name.
        return [Problem("SERIN_SLACK_CHANNEL", "must be the channel's id (C...) with SERIN_SLACK_TOKEN")]
    if values.get("slack_url") and not channel:
        return [Problem("SERIN_SLACK_CHANNEL", "must be given with SERIN_SLACK_URL")]
    return []


def _read_link(text: str) -> tuple[str, str]:
    label, found, url = text.partition("=")
    if not found or not label or not url.startswith(("http://", "https://")):
        raise ValueError("must be pairs like Grafana=https://grafana.example.com/{name}")
    named = {name for _, name, _, _ in Formatter().parse(url) if name is not None}
    if named - PLACES:
        raise ValueError(f"may name {', '.join(f'{{{name}}}' for name in sorted(PLACES))}")
    return label, url
