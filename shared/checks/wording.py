"""Foreign text made fit for a log line, an Event or a chat message.

What a hook or a metrics server answers was written by somebody else: it may be huge, hold control characters that forge
log lines, or send a credential back. Everything foreign passes through here before it becomes part of a sentence.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_MASK = "***"


def clean(text: str, limit: int, secrets: Iterable[str] = ()) -> str:
    """``text`` on one line of at most ``limit`` characters, without ``secrets`` and what Unicode counts as "other"."""
    tidy = " ".join("".join(map(_printable, _mask(text, secrets))).split())
    return tidy if len(tidy) <= limit else tidy[: limit - 1] + "…"


def _mask(text: str, secrets: Iterable[str]) -> str:
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, _MASK)
    return text


def _printable(character: str) -> str:
    if character.isspace():
        return " "
    return "" if unicodedata.category(character).startswith("C") else character
