"""The courier: delivers a rollout's mail after a tick has done its work, and never makes a tick wait for long.

What is guaranteed, if the store keeps what was committed:

- **None is lost.** A notice is committed with the decision that it tells of, and leaves the document only by a commit
  that follows its delivery, or after a day in which its receiver did not take it (a reply: 29 minutes), which is
  logged. A Canary that is deleted takes its rollout along: what was still to be told is tried once more.
- **In Slack, by the app, none comes twice**, wherever a process dies: a commit names who posts and marks what is about
  to be posted; a notice that is found marked, by somebody who did not post it, is looked up by the id in its metadata
  before it is posted. The look-up comes a lease (30 s) or more after the attempt: what Slack has not done by then, it
  will not do. Edits of a run's message may be repeated, which shows nothing.
- **Elsewhere none comes twice as long as no process dies and no answer is lost** between delivery and the next commit,
  which for these follows at once. A webhook cannot be asked what it has, so the notice is then sent again, with the
  same id in the ``Idempotency-Key`` header.

It must never raise, hold a tick beyond its budget, or let an address or a token be logged.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from shared.checks.deadline import Deadline
from shared.delivery.memory import Memory
from shared.delivery.pace import Pace
from shared.delivery.providers import ProviderKey, Providers
from shared.delivery.receivers import Receivers
from shared.delivery.slack_app import Failed, Posted, Result
from shared.errors import SerinError
from shared.notice import Occasion, Standing
from shared.notices.announce import ALERT, REPLY, SLACK
from shared.notices.ledger import Fate, Outcome, claimed, mark_of, needs_edit, next_try
from shared.outbox import BUDGET

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from shared.cluster.gateway import Gateway
    from shared.logs import Log
    from shared.notice import Card, Mail, Notice
    from shared.notices.evidence import Audience
    from shared.rollout import Rollout, RolloutKey

SECONDS = 4.0
"""What one tick may spend on delivery."""

_LEAST_SECONDS = 0.2
_MARGIN = timedelta(seconds=10)
_SOON = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Round:
    """One tick's delivery: the rollout as committed at ``now``, and what the tick works with."""

    key: RolloutKey
    rollout: Rollout
    now: datetime
    clock: Callable[[], datetime]
    gateway: Gateway
    log: Log

    @property
    def name(self) -> str:
        """The Canary, as in the log."""
        return f"{self.key.name}.{self.key.namespace}"


class Courier:
    """Delivers what this process's ticks commit. Threads may share it."""

    def __init__(self, receivers: Receivers | None = None, seconds: float = SECONDS) -> None:
        self._receivers = receivers or Receivers()
        self._seconds = seconds
        self._owner = secrets.token_hex(8)
        self._memory = Memory(self._owner)
        self._pace = Pace()
        self._providers = Providers()
        self._said: dict[str, str] = {}

    @property
    def audience(self) -> Audience:
        """Who is told, beside those whom a Canary names."""
        return self._receivers.audience

    def prepare(self, key: RolloutKey, rollout: Rollout, now: datetime, log: Log) -> Mail:
        """The mail to commit with ``rollout``, which has its new version already."""
        mail, lost = self._memory.prepare(key, rollout, now)
        for notice in lost:
            log.error(
                f"Notice given up, {_receiver(notice)} did not take it: {notice.text}", f"{key.name}.{key.namespace}"
            )
        return mail

    def next_try(self, mail: Mail, now: datetime) -> datetime | None:
        """When to look at the mail again; None if there is nothing to deliver."""
        at = next_try(mail, self._owner, now)
        return max(at, now + _SOON) if at else None

    def requests_needed(self, key: RolloutKey, mail: Mail, now: datetime) -> int:
        """How many requests to the cluster the mail that was claimed at ``now`` needs: one, for a look-up, or none."""
        alerts = (notice for notice in claimed(mail, now) if notice.to.startswith(ALERT))
        return int(any(self._providers.known(_provider_key(key, notice), now) is None for notice in alerts))

    def deliver(self, errand: Round) -> bool:
        """Deliver what was committed, as far as the time reaches.

        Whether it has to be committed at once what became of it, since it cannot be found out later.
        """
        if not self._memory.begin(errand.key, errand.rollout):
            return False
        try:
            if not self._pace.enter():
                return False
            try:
                return self._deliver(errand, Deadline.after(self._seconds))
            finally:
                self._pace.leave()
        finally:
            self._memory.end(errand.key)

    def _deliver(self, errand: Round, deadline: Deadline) -> bool:
        held: dict[str, datetime | None] = {}
        urgent = False
        for notice in claimed(errand.rollout.mail, errand.now):
            if self._is_late(errand, deadline):
                return urgent
            if notice.to in held:  # it waits for the one before it
                outcome = Outcome(Fate.NOT_SENT, notice.tries, held[notice.to], tried=False)
            else:
                outcome = self._hand_over(errand, notice, deadline)
            self._memory.note(errand.key, notice, outcome)
            urgent = urgent or (outcome.tried and notice.to not in (SLACK, REPLY))
            if outcome.fate in (Fate.NOT_SENT, Fate.UNKNOWN) and notice.to != REPLY:
                held[notice.to] = outcome.again
        self._edit_cards(errand, deadline)
        return urgent

    def _is_late(self, errand: Round, deadline: Deadline) -> bool:
        """Whether there is no time left, or soon somebody else may deliver."""
        until = errand.rollout.mail.until
        return deadline.left < _LEAST_SECONDS or until is None or errand.clock() > until - _MARGIN

    def _hand_over(self, errand: Round, notice: Notice, deadline: Deadline) -> Outcome:
        """One notice to its receiver, unless that one is to be left alone."""
        receiver, now = _pace_key(errand.key, notice), errand.clock()
        if (until := self._pace.until(receiver, now)) is not None:
            return Outcome(Fate.NOT_SENT, notice.tries, until, tried=False)
        # Whatever happens from here on, it may have been sent.
        self._memory.note(errand.key, notice, Outcome(Fate.UNKNOWN, notice.tries))
        result = self._send(errand, notice, deadline)
        if isinstance(result, Outcome):
            return result
        return self._judge(errand, notice, result)

    def _send(self, errand: Round, notice: Notice, deadline: Deadline) -> Result | Outcome:
        receivers = self._receivers
        if notice.to == SLACK:
            return self._tell_app(errand, notice, deadline)
        if notice.to == REPLY:
            return receivers.answer(notice, errand.clock(), deadline)
        if notice.to.startswith(ALERT):
            return self._tell_provider(errand, notice, deadline)
        return receivers.tell_webhook(errand.key, notice, deadline)

    def _tell_app(self, errand: Round, notice: Notice, deadline: Deadline) -> Result:
        card = self._memory.card_of(errand.key, errand.rollout.mail, notice.facts.run)
        result = self._receivers.tell_app(errand.key, notice, card, deadline)
        if card is not None and notice.occasion is Occasion.STARTED and isinstance(result, Posted):
            # One that was found may show what was true when it was posted: it is edited.
            shown = mark_of(card) if notice.standing is Standing.CLAIMED else ""
            self._memory.note_card(errand.key, replace(card, channel=result.channel, ts=result.ts, shown=shown))
        return result

    def _tell_provider(self, errand: Round, notice: Notice, deadline: Deadline) -> Result | Outcome:
        key, now = _provider_key(errand.key, notice), errand.clock()
        provider = self._providers.known(key, now)
        try:
            provider = provider or self._providers.look_up(key, errand.gateway, BUDGET, now)
        except SerinError as error:
            return Failed(Fate.NOT_SENT, str(error))
        if provider is None:
            return Outcome(Fate.NOT_SENT, notice.tries, now + _SOON, tried=False)
        if isinstance(provider, str):
            return Failed(Fate.NOT_SENT, provider)
        return self._receivers.tell_provider(provider, errand.key, notice, deadline)

    def _judge(self, errand: Round, notice: Notice, result: Result) -> Outcome:
        """What a result means for the notice and for its receiver; what is wrong is said once."""
        receiver = _pace_key(errand.key, notice)
        if isinstance(result, Posted):
            self._pace.succeeded(receiver)
            self._said.pop(receiver, None)
            return Outcome(Fate.SENT, notice.tries)
        if self._said.get(receiver) != result.why:
            self._said[receiver] = result.why
            errand.log.warning(f"Notice not delivered to {_receiver(notice)}: {result.why}", errand.name)
        if result.fate is Fate.REFUSED:
            return Outcome(Fate.REFUSED, notice.tries)
        return Outcome(result.fate, notice.tries, self._pace.failed(receiver, errand.clock(), result.pause))

    def _edit_cards(self, errand: Round, deadline: Deadline) -> None:
        """Let the messages of runs show what is true now."""
        for committed in errand.rollout.mail.cards:
            card = self._memory.card_of(errand.key, errand.rollout.mail, committed.facts.run) or committed
            if needs_edit(card, errand.clock()) and not self._is_late(errand, deadline):
                self._memory.note_card(errand.key, self._edited(errand, card, deadline))

    def _edited(self, errand: Round, card: Card, deadline: Deadline) -> Card:
        """The card after one attempt to show it."""
        if (until := self._pace.until(SLACK, errand.clock())) is not None:
            return replace(card, next_at=until)
        result = self._receivers.edit_card(errand.key, card, deadline)
        if isinstance(result, Posted) or result.fate is Fate.REFUSED:
            self._pace.succeeded(SLACK)
            return replace(card, shown=mark_of(card), next_at=None)
        return replace(card, next_at=self._pace.failed(SLACK, errand.clock(), result.pause))


def _pace_key(key: RolloutKey, notice: Notice) -> str:
    return f"{key.cluster}/{notice.to}" if notice.to.startswith(ALERT) else notice.to


def _provider_key(key: RolloutKey, notice: Notice) -> ProviderKey:
    _, namespace, name = notice.to.split("/")
    return ProviderKey(key.cluster, namespace, name)


def _receiver(notice: Notice) -> str:
    """The receiver, as people know it."""
    if notice.to.startswith(ALERT):
        _, namespace, name = notice.to.split("/")
        return f"AlertProvider {name}.{namespace}"
    return {SLACK: "Slack", REPLY: "the response URL of a command"}.get(notice.to, "the incoming webhook")
