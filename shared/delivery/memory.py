"""What this process found out about deliveries and has not committed yet, by rollout.

It is what makes a notice that was delivered a minute ago by this very process a known one; the next commit writes it
down. A process that dies takes it along, which is what the doubt about claimed notices is for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

from shared.notices.ledger import Fate, Outcome, Results, claim, claimed, fold, is_pending, overdue, seen, without

if TYPE_CHECKING:
    from datetime import datetime

    from shared.notice import Card, Mail, Notice
    from shared.rollout import Rollout, RolloutKey


@dataclass(slots=True)
class _Known:
    """``version`` is the commit that the claim was last made for; ``busy`` while its tick delivers."""

    version: int = 0
    busy: bool = False
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    cards: dict[str, Card] = field(default_factory=dict)


class Memory:
    """Threads may share it: of several ticks of one rollout only the one that claimed last may deliver."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._lock = Lock()
        self._known: dict[RolloutKey, _Known] = {}

    def prepare(self, key: RolloutKey, rollout: Rollout, now: datetime) -> tuple[Mail, tuple[Notice, ...]]:
        """The mail to commit with ``rollout`` (at its new version): with what is known, and with what is due claimed.
        Also the notices that are given up.
        """
        with self._lock:
            known = self._known.setdefault(key, _Known())
            if known.busy:
                return rollout.mail, ()
            return self._prepare(key, known, rollout, now)

    def begin(self, key: RolloutKey, rollout: Rollout) -> bool:
        """Whether the tick that committed ``rollout`` may deliver its mail now; if so, :meth:`end` has to follow."""
        with self._lock:
            known = self._known.get(key)
            if known is None or known.busy or known.version != rollout.version or rollout.mail.owner != self._owner:
                return False
            known.busy = True
            return True

    def end(self, key: RolloutKey) -> None:
        """The tick is done delivering."""
        with self._lock:
            self._known[key].busy = False

    def note(self, key: RolloutKey, notice: Notice, outcome: Outcome) -> None:
        """This became of a notice."""
        with self._lock:
            self._known[key].outcomes[notice.id] = outcome

    def note_card(self, key: RolloutKey, card: Card) -> None:
        """This is where a run's message is, and what it shows."""
        with self._lock:
            self._known[key].cards[card.facts.run] = card

    def card_of(self, key: RolloutKey, mail: Mail, run: str) -> Card | None:
        """The run's card as last known."""
        committed = next((card for card in mail.cards if card.facts.run == run), None)
        with self._lock:
            found = self._known[key].cards.get(run)
        return seen(committed, found, mine=True) if committed else None

    def _prepare(
        self, key: RolloutKey, known: _Known, rollout: Rollout, now: datetime
    ) -> tuple[Mail, tuple[Notice, ...]]:
        mail = fold(rollout.mail, Results(known.outcomes, known.cards), self._owner, now)
        lost = overdue(mail, now)
        mail = claim(without(mail, lost), self._owner, now)
        waiting = {notice.id for notice in rollout.mail.notices}
        outcomes = {id_: outcome for id_, outcome in known.outcomes.items() if id_ in waiting}
        if mail.owner == self._owner:
            # Until it is tried, this process knows that it was not: a tick may end between commit and delivery.
            untried = {n.id: Outcome(Fate.NOT_SENT, n.tries, tried=False) for n in claimed(mail, now)}
            outcomes |= untried
        cards = self._cards_of(rollout.mail, known)
        if is_pending(mail, now) or outcomes or cards:
            self._known[key] = _Known(rollout.version, outcomes=outcomes, cards=cards)
        else:
            del self._known[key]
        return mail, lost

    def _cards_of(self, mail: Mail, known: _Known) -> dict[str, Card]:
        """Of another process's lease nothing is remembered: what that one committed is newer."""
        runs = {card.facts.run for card in mail.cards}
        if mail.owner != self._owner:
            return {}
        return {run: card for run, card in known.cards.items() if run in runs}
