"""Who may deliver what, and what has become of it: the rules by which a notice is neither lost nor sent twice.

A notice waits in the document until a commit says that it is delivered. Before anybody delivers, a commit gives it the
lease of the whole mail and marks the notices that it is about to deliver as claimed. So a waiting notice was surely not
delivered, and one that is found claimed by somebody who did not say what came of it is doubtful.

It must never look at a clock or send anything: it is pure.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from enum import Enum, auto
from typing import TYPE_CHECKING

from shared.notice import Occasion, Standing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from shared.notice import Card, Mail, Notice

LEASE = timedelta(seconds=30)
"""How long after its commit a tick may deliver. What it began by then is over when somebody else asks what became of
it: that takes a lease more."""

PATIENCE = timedelta(days=1)
"""How long a notice is tried."""

REPLY_PATIENCE = timedelta(minutes=29)
"""Slack takes what is sent to a response URL for 30 minutes (docs.slack.dev, "Handling user interaction")."""

MOST = 60
"""Notices that one rollout keeps. The details go first, then the oldest."""

_MOST_CARDS = 5
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=5), timedelta(minutes=15)


class Fate(Enum):
    """What became of a notice in one attempt."""

    SENT = auto()
    NOT_SENT = auto()
    """It was surely not delivered."""
    UNKNOWN = auto()
    """Nobody answered: it may have been delivered."""
    REFUSED = auto()
    """It will never be taken."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A fate, and when to try again at the earliest.

    ``attempt`` is the notice's ``tries`` when it was made: an outcome counts once. ``tried`` is False when nothing was
    sent to find out.
    """

    fate: Fate
    attempt: int
    again: datetime | None = None
    tried: bool = True


@dataclass(frozen=True, slots=True)
class Results:
    """What one process has found out since its last commit: by a notice's id, and the cards by their run."""

    outcomes: Mapping[str, Outcome]
    cards: Mapping[str, Card]


def fold(mail: Mail, results: Results, owner: str, now: datetime) -> Mail:
    """The mail after ``results``.

    Of a lease that was lost meanwhile only what was delivered counts: whoever has it now knows the rest better.
    """
    mine = mail.owner == owner
    notices = tuple(
        left for notice in mail.notices if (left := _after(notice, results.outcomes.get(notice.id), mine, now))
    )
    cards = tuple(seen(card, results.cards.get(card.facts.run), mine=mine) for card in mail.cards)
    return replace(mail, notices=notices, cards=_needed(cards, notices))


def claim(mail: Mail, owner: str, now: datetime) -> Mail:
    """The mail with the lease taken, and all that is due claimed. Unchanged while somebody else has the lease, or when
    there is nothing to deliver.
    """
    if not is_pending(mail, now) or (mail.owner != owner and mail.until is not None and now < mail.until):
        return mail
    notices = tuple(_claimed(notice) if _is_due(notice.next_at, now) else notice for notice in mail.notices)
    return replace(mail, notices=notices, owner=owner, until=now + LEASE)


def overdue(mail: Mail, now: datetime) -> tuple[Notice, ...]:
    """The notices that are given up."""
    late = [notice for notice in mail.notices if now - notice.at > _patience(notice)]
    excess = max(len(mail.notices) - len(late) - MOST, 0)
    quiet = sorted((n for n in mail.notices if n not in late), key=lambda n: n.occasion is not Occasion.DETAILS)
    return (*late, *quiet[:excess])


def without(mail: Mail, lost: tuple[Notice, ...]) -> Mail:
    """The mail without notices that are given up."""
    gone = {notice.id for notice in lost}
    notices = tuple(notice for notice in mail.notices if notice.id not in gone)
    return replace(mail, notices=notices, cards=_needed(mail.cards, notices)) if lost else mail


def is_pending(mail: Mail, now: datetime) -> bool:
    """Whether there is something to deliver, now or later."""
    return bool(mail.notices) or any(needs_edit(card, now) for card in mail.cards)


def next_try(mail: Mail, owner: str, now: datetime) -> datetime | None:
    """When to look at the mail again; None if there is nothing to deliver."""
    # A receiver's later notices wait for its first.
    first = {notice.to: notice for notice in reversed(mail.notices)}
    waits = [notice.next_at or now for notice in first.values()]
    waits += [card.next_at or now for card in mail.cards if needs_edit(card, now)]
    if not waits:
        return None
    free = mail.until if mail.owner != owner and mail.until is not None else now
    return max(min(waits), free)


def claimed(mail: Mail, now: datetime) -> tuple[Notice, ...]:
    """The notices that were claimed at ``now``, in order; a receiver gets none before an older one."""
    held: set[str] = set()
    found = []
    for notice in mail.notices:
        if notice.standing is Standing.WAITING or not _is_due(notice.next_at, now):
            held.add(notice.to)
        elif notice.to not in held or notice.occasion is Occasion.REPLY:
            found.append(notice)
    return tuple(found)


def needs_edit(card: Card, now: datetime) -> bool:
    """Whether a run's message shows something old. After a day it stays as it is."""
    return bool(card.ts) and card.shown != mark_of(card) and now - card.at < PATIENCE


def mark_of(card: Card) -> str:
    """What a card has to show, in a few characters."""
    shown = json.dumps([asdict(card.facts), card.ending, card.waits], sort_keys=True)
    return hashlib.sha256(shown.encode()).hexdigest()[:12]


def pause_after(tries: int) -> timedelta:
    """How long to wait after so many failed attempts: doubled each time, up to a quarter of an hour."""
    return min(_FIRST_PAUSE * 2.0 ** min(tries, 10), _LONGEST_PAUSE)


def _after(notice: Notice, outcome: Outcome | None, mine: bool, now: datetime) -> Notice | None:
    if outcome is None:
        return notice
    known = outcome.fate in (Fate.SENT, Fate.REFUSED)
    if not known and (not mine or outcome.attempt != notice.tries):
        return notice
    match outcome.fate:
        case Fate.SENT | Fate.REFUSED:
            return None
        case Fate.UNKNOWN:
            # Whatever was begun is over by then, so that asking what became of it gives the last word.
            return _again(notice, outcome, now, at_least=LEASE, standing=Standing.DOUBTFUL)
        case _ if not outcome.tried:
            return replace(notice, standing=_undone(notice), next_at=outcome.again)
        case _:
            return _again(notice, outcome, now, standing=_undone(notice))


def _again(
    notice: Notice, outcome: Outcome, now: datetime, *, standing: Standing, at_least: timedelta = timedelta()
) -> Notice:
    at = max(outcome.again or now, now + max(pause_after(notice.tries), at_least))
    return replace(notice, standing=standing, tries=notice.tries + 1, next_at=at)


def _undone(notice: Notice) -> Standing:
    """An attempt that sent nothing takes back a claim, but not a doubt."""
    return Standing.DOUBTFUL if notice.standing is Standing.DOUBTFUL else Standing.WAITING


def _claimed(notice: Notice) -> Notice:
    return replace(notice, standing=Standing.CLAIMED if notice.standing is Standing.WAITING else Standing.DOUBTFUL)


def seen(card: Card, found: Card | None, *, mine: bool) -> Card:
    """The card with what was found out about its message; that it was posted is true whoever has the lease now."""
    if found is None or (card.ts and not mine):
        return card
    if not found.ts:
        return replace(card, next_at=found.next_at) if mine else card
    return replace(card, channel=found.channel, ts=found.ts, shown=found.shown, next_at=found.next_at)


def _needed(cards: tuple[Card, ...], notices: tuple[Notice, ...]) -> tuple[Card, ...]:
    """The current card, and those of older runs whose message is still to be posted, answered in or closed."""
    runs = {notice.facts.run for notice in notices}
    older = (card for card in cards[:-1] if card.facts.run in runs or (card.ts and card.shown != mark_of(card)))
    return (*tuple(older)[-_MOST_CARDS:], *cards[-1:])


def _is_due(at: datetime | None, now: datetime) -> bool:
    return at is None or at <= now


def _patience(notice: Notice) -> timedelta:
    return REPLY_PATIENCE if notice.occasion is Occasion.REPLY else PATIENCE
