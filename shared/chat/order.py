"""What somebody means who types behind the slash command. Tolerant where nothing can go wrong, literal where it can.

People quote names, mention each other, write in capitals, and Slack makes links of what looks like a host. A word that
is not known is never guessed at: it is answered with the nearest one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import TypeAlias

from shared.rollout import Verb

LONGEST_REASON = 500


class Question(StrEnum):
    """What a person can ask about."""

    STATUS = "status"
    WHY = "why"
    HISTORY = "history"
    HELP = "help"


Word: TypeAlias = Question | Verb


@dataclass(frozen=True, slots=True)
class Order:
    """A word, whom it is about (as typed, in lower case), and why."""

    word: Word
    subject: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Unclear:
    """A word that is not known, and the nearest one that is, if any is near."""

    word: str
    nearest: str = ""


WORDS: dict[str, Word] = {str(word): word for word in (*Question, *Verb)}

_ALIASES: dict[str, Word] = {
    "": Question.HELP,
    "?": Question.HELP,
    "list": Question.STATUS,
    "ls": Question.STATUS,
    "log": Question.HISTORY,
    "runs": Question.HISTORY,
    "stop": Verb.ABORT,
    "cancel": Verb.ABORT,
    "rollback": Verb.ABORT,
    "unpause": Verb.RESUME,
}

_MARKED_UP = re.compile(r"<([^<>|]*)(?:\|([^<>]*))?>")
_QUOTES = "\"'`\u201c\u201d\u2018\u2019\u201e\u00ab\u00bb"
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff"))


def read_order(text: str) -> Order | Unclear:
    """What ``text`` asks for. Reasons keep their case and their quotes."""
    words = plain(text).split()
    while words and words[0].startswith("@"):
        words = words[1:]
    first = _bare(words[0]) if words else ""
    word = WORDS.get(first) or _ALIASES.get(first)
    if word is None:
        return Unclear(first, next(iter(get_close_matches(first, [*WORDS, *filter(None, _ALIASES)], 1)), ""))
    subject = _bare(words[1]) if len(words) > 1 else ""
    return Order(word, subject, " ".join(words[2:])[:LONGEST_REASON])


def plain(text: str) -> str:
    """What was typed, without what Slack made of it.

    ``<http://a.b|a.b>`` was a.b, ``<@U1|ada>`` was @ada, ``&amp;`` was &.
    """
    shown = _MARKED_UP.sub(_unmark, text.translate(_INVISIBLE))
    return shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _unmark(found: re.Match[str]) -> str:
    target, label = found[1], found[2]
    if target[:1] in ("@", "#", "!"):
        sign = "#" if target[0] == "#" else "@"
        return sign + (label or target[1:]).removeprefix(sign)
    return label or target.removeprefix("mailto:").partition("://")[2] or target


def _bare(word: str) -> str:
    return word.strip(_QUOTES).rstrip(",;:!").strip(_QUOTES).lower()
