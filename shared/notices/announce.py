"""From a decision to the mail that is committed with it: which notices, to whom, and what the run's message shows.

The Slack app has one message a run (its card) with the log's lines in its thread; the incoming webhook and the
receivers of ``analysis.alerts`` get what happened, one message an occasion. As in Flagger, a Canary with alerts of its
own says nothing through the installation's webhook.

It must never deliver anything: it is pure.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from shared.notice import Card, Facts, Level, Mail, Notice, Occasion
from shared.notices.facts import gather
from shared.notices.occasions import ENDS, Told, occasions
from shared.notices.replies import tell_outcome
from shared.rollout import RESTING, Phase

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from shared.notices.evidence import Audience, Evidence
    from shared.rollout import Rollout

SLACK, WEBHOOK, REPLY = "slack", "webhook", "reply"
"""Receivers that need no AlertProvider."""

ALERT = "alert/"
"""Before the namespace and the name of an AlertProvider."""

_GONE = "The Canary was deleted."
_SUPERSEDED = "Superseded by a newer revision."
_RANKS = {Level.INFO: 0, Level.WARN: 1, Level.ERROR: 2}


def announce(audience: Audience, before: Rollout, after: Rollout, evidence: Evidence) -> Mail:
    """The mail of ``after``: what waited already, and what this decision adds."""
    told = occasions(before, after, evidence)
    known = before.mail.cards[-1].facts if before.mail.cards else Facts()
    facts = gather(known, after, evidence)
    new = (
        *(_to_app(known, after, told, evidence, facts) if audience.app else ()),
        *(_notice(each, to, evidence, facts) for each in told for to in _others(audience, each, evidence)),
        *_replies(before, after, evidence),
    )
    # A run and a version of its rollout come once, so this is unique for ever.
    ids = (f"{evidence.key}/{after.run}/{before.version + 1}.{number}" for number in range(len(new)))
    numbered = (replace(notice, id=id_) for notice, id_ in zip(new, ids, strict=True))
    cards = _cards(before.mail.cards, after, told, evidence, facts)
    return replace(before.mail, notices=(*before.mail.notices, *numbered), cards=cards)


def close(mail: Mail, now: datetime) -> Mail:
    """The last mail of a Canary that is gone: no message of a run looks as if it went on."""
    cards = tuple(card if card.ending else replace(card, ending=_GONE, at=now, next_at=None) for card in mail.cards)
    return replace(mail, cards=cards)


def is_running(rollout: Rollout) -> bool:
    """Whether a run goes on."""
    return rollout.phase not in RESTING and rollout.phase not in (Phase.INITIALIZING, Phase.TERMINATING)


def _cards(
    cards: tuple[Card, ...], after: Rollout, told: tuple[Told, ...], evidence: Evidence, facts: Facts
) -> tuple[Card, ...]:
    """With the current run's card as it is now, and the one before it closed if it is another run's."""
    end = next((each for each in told if each.occasion in ENDS), None)
    if not cards or cards[-1].facts.run != facts.run:
        closed = tuple(card if card.ending else replace(card, ending=_SUPERSEDED, at=evidence.now) for card in cards)
        current = Card(facts, evidence.now)
    else:
        closed, current = cards[:-1], cards[-1]
    shown = replace(current, facts=facts, waits=bool(after.gate))
    if end is not None:
        shown = replace(shown, ending=end.text, level=end.level)
    return (*closed, shown if shown == current else replace(shown, at=evidence.now, next_at=None))


def _to_app(known: Facts, after: Rollout, told: tuple[Told, ...], evidence: Evidence, facts: Facts) -> Iterator[Notice]:
    """The run's message when there is none yet, then what is loud, then what only the thread has."""
    if known.run != facts.run and is_running(after):
        yield _notice(Told(Occasion.STARTED, "Canary analysis has begun."), SLACK, evidence, facts)
    loud = [each for each in told if each.occasion is not Occasion.STARTED]
    for each in loud:
        yield _notice(each, SLACK, evidence, facts)
    goes_on = is_running(after) or after.replicas is not None
    if evidence.lines and not loud and goes_on and facts.run != "000000":
        yield _notice(Told(Occasion.DETAILS, ""), SLACK, evidence, facts)


def _others(audience: Audience, told: Told, evidence: Evidence) -> Iterator[str]:
    alerts = evidence.canary.analysis.alerts
    if audience.webhook and not alerts:
        yield WEBHOOK
    for alert in alerts:
        if _RANKS[told.level] >= _RANKS[alert.severity]:
            yield f"{ALERT}{alert.provider_namespace}/{alert.provider_name}"


def _replies(before: Rollout, after: Rollout, evidence: Evidence) -> Iterator[Notice]:
    left = {command.id for command in after.commands}
    for command in before.commands:
        if command.reply and command.id not in left:
            text = tell_outcome(command, before, after, evidence)
            yield Notice("", REPLY, Occasion.REPLY, Level.INFO, command.at, text, address=command.reply)


def _notice(told: Told, to: str, evidence: Evidence, facts: Facts) -> Notice:
    lines = tuple(line.text[:_LONGEST] for line in evidence.lines[:_MOST])
    return Notice("", to, told.occasion, told.level, evidence.now, told.text[:_LONGEST], facts, lines)


_MOST, _LONGEST = 20, 1000
