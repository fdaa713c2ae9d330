"""What a rollout has to tell people, as values in its document: committed with the decision that they tell of.

A :class:`Notice` is one message to one receiver and leaves the document when it is delivered. A :class:`Card` is what
the one message of a run shows; it is edited for as long as it changes. ``Mail.owner`` is whoever may deliver now.

It must never hold a token or a webhook's address: it names a receiver, and delivery looks the rest up. A command's
response URL is the exception; it opens nothing but its own answer, for half an hour.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from shared.json_types import of_fields

if TYPE_CHECKING:
    from shared.json_types import Json


class Occasion(StrEnum):
    """What a notice tells of."""

    INITIALIZED = "initialized"
    STARTED = "started"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled-back"
    ABORTED = "aborted"
    WITHDRAWN = "withdrawn"
    STUCK = "stuck"
    WAITING = "waiting"
    DETAILS = "details"
    REPLY = "reply"


class Level(StrEnum):
    """How much it matters: the severities of ``analysis.alerts``, the least first."""

    INFO = "info"
    WARN = "warn"
    ERROR = "error"


class Standing(StrEnum):
    """What is known of a notice's delivery."""

    WAITING = "waiting"
    """It was surely not delivered."""
    CLAIMED = "claimed"
    """Whoever committed this is about to deliver it."""
    DOUBTFUL = "doubtful"
    """It may have been delivered: nobody could say so any more."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What every message tells, whoever receives it. ``revision`` is its mark, ``weight`` the canary's in percent,
    ``traffic`` who gets what, in words.

    ``gate`` is the one that waits for approval. ``images`` and ``configs`` say what differs from production, ``checks``
    how each check was last answered, ``failed`` those that failed, and ``terms`` what the Canary asks for, as
    ``title: value``.
    """

    run: str = ""
    phase: str = ""
    weight: int = 0
    traffic: str = ""
    revision: str = ""
    gate: str = ""
    images: tuple[str, ...] = ()
    configs: tuple[str, ...] = ()
    started_by: str = ""
    checks: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    terms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Notice:
    """One message. ``id`` is unique in all messages of an installation; ``to`` names the receiver (``slack``,
    ``webhook``, ``alert/NAMESPACE/NAME`` or ``reply``); ``text`` is its headline and ``details`` the log's lines.

    ``tries`` counts attempts that failed, the next of which comes at ``next_at``.
    """

    id: str
    to: str
    occasion: Occasion
    level: Level
    at: datetime
    text: str
    facts: Facts = field(default_factory=Facts)
    details: tuple[str, ...] = ()
    address: str = field(default="", repr=False)
    """Response URL of a reply."""
    standing: Standing = Standing.WAITING
    tries: int = 0
    next_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """The message of one run: what it has to show since ``at``, where it is, and the mark of what it shows.

    ``ending`` says how the run ended; empty while it goes on. ``waits`` says that it waits for an approval.
    """

    facts: Facts
    at: datetime
    ending: str = ""
    level: Level = Level.INFO
    waits: bool = False
    channel: str = ""
    ts: str = ""
    shown: str = ""
    next_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Mail:
    """Everything that is to be delivered, oldest first; ``cards`` ends with that of the current run.

    Until ``until`` nobody but ``owner`` delivers.
    """

    notices: tuple[Notice, ...] = ()
    cards: tuple[Card, ...] = ()
    owner: str = ""
    until: datetime | None = None


def read_mail(value: Json) -> Mail:
    """The mail that :func:`dataclasses.asdict` made a plain dict of, with moments as text."""
    notices = tuple(_notice(each) for each in value["notices"])
    return Mail(notices, tuple(_card(each) for each in value["cards"]), value["owner"], _moment(value["until"]))


def _notice(value: Json) -> Notice:
    read = {
        "occasion": Occasion(value["occasion"]),
        "level": Level(value["level"]),
        "at": datetime.fromisoformat(value["at"]),
        "facts": _facts(value["facts"]),
        "details": tuple(value["details"]),
        "standing": Standing(value["standing"]),
        "next_at": _moment(value["next_at"]),
    }
    return Notice(**{**of_fields(Notice, value), **read})


def _card(value: Json) -> Card:
    read = {
        "facts": _facts(value["facts"]),
        "at": datetime.fromisoformat(value["at"]),
        "level": Level(value["level"]),
        "next_at": _moment(value["next_at"]),
    }
    return Card(**{**of_fields(Card, value), **read})


def _facts(value: Json) -> Facts:
    known = of_fields(Facts, value)
    return Facts(**{name: _frozen(part) for name, part in known.items()})


def _frozen(part: Any) -> Any:
    return tuple(part) if isinstance(part, list) else part


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
