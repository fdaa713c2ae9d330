"""The receivers of an installation, and how each kind is given a notice: one attempt, and what became of it.

It must never try again: the next tick does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from shared.checks.allowlist import Egress
from shared.checks.transport import Http
from shared.delivery.posts import Letter, post
from shared.delivery.slack_app import Failed, Place, Posted, Result, SlackApp
from shared.mrkdwn import escape
from shared.notice import Occasion, Standing
from shared.notices.choice import SLACK_API
from shared.notices.evidence import Audience
from shared.notices.ledger import Fate
from shared.notices.message import write_message
from shared.notices.provider import Provider, address_of, write_for
from shared.notices.receivers.attachment import write_attachment
from shared.notices.receivers.slack_card import write_card, write_details, write_loud
from shared.notices.replies import AFTER, BESIDE

if TYPE_CHECKING:
    from datetime import datetime

    from shared.checks.deadline import Deadline
    from shared.json_types import JsonObject
    from shared.notice import Card, Notice
    from shared.rollout import RolloutKey

SLACK_HOOKS = "https://hooks.slack.com/"
MARGIN = timedelta(minutes=5)
"""How far Slack's clock may be behind ours when a message is looked for."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """An incoming webhook of Slack, and the channel and the name that it speaks in and under."""

    url: str = field(repr=False)
    channel: str
    user: str


@dataclass(frozen=True, slots=True)
class Receivers:
    """``guarded`` goes where a Canary's author may send a request, ``trusted`` where the installation's owner does."""

    app: SlackApp | None = None
    webhook: Webhook | None = None
    links: tuple[tuple[str, str], ...] = ()
    slack_api: str = SLACK_API
    guarded: Http = field(default_factory=lambda: Http(Egress()))
    trusted: Http = field(default_factory=lambda: Http(Egress(("*",))))

    @property
    def audience(self) -> Audience:
        """Who is told, beside those whom a Canary names."""
        return Audience(app=self.app is not None, webhook=self.webhook is not None)

    def tell_app(self, key: RolloutKey, notice: Notice, card: Card | None, deadline: Deadline) -> Result:
        """One message by the app. One that may be there already is looked for before it is posted."""
        if self.app is None:
            return Failed(Fate.REFUSED, "there is no Slack app any more")
        thread = card.ts if card and notice.occasion not in (Occasion.STARTED, Occasion.INITIALIZED) else ""
        if notice.standing is Standing.DOUBTFUL:
            found = self.app.find(notice.id, notice.at - MARGIN, thread, deadline)
            if found is not None:
                return found
        loud = notice.occasion is not Occasion.DETAILS
        return self.app.post(self._app_message(key, notice, card), notice.id, Place(thread, loud), deadline)

    def edit_card(self, key: RolloutKey, card: Card, deadline: Deadline) -> Result:
        """Let a run's message show ``card``."""
        if self.app is None:
            return Failed(Fate.REFUSED, "there is no Slack app any more")
        return self.app.edit(write_card(key, card, self.links), Posted(card.channel, card.ts), deadline)

    def tell_webhook(self, key: RolloutKey, notice: Notice, deadline: Deadline) -> Result:
        """One message by the incoming webhook."""
        if self.webhook is None:
            return Failed(Fate.REFUSED, "there is no incoming webhook any more")
        body = write_attachment(write_message(key, notice, self.links), self.webhook.channel, self.webhook.user)
        return post(self.trusted, Letter(self.webhook.url, body, notice.id), deadline)

    def tell_provider(self, provider: Provider, key: RolloutKey, notice: Notice, deadline: Deadline) -> Result:
        """One message to an AlertProvider. A bot's token goes to Slack's API and nowhere else."""
        body = write_for(provider, write_message(key, notice, self.links))
        if provider.token:
            app = SlackApp(provider.token, provider.channel, self.slack_api)
            del body["channel"]
            return app.post(body, notice.id, Place(), deadline)
        return post(self.guarded, Letter(address_of(provider), body, notice.id), deadline)

    def answer(self, notice: Notice, clock: datetime, deadline: Deadline) -> Result:
        """What came of a command, at its response URL."""
        if not admits(notice.address, self.slack_api):
            return Failed(Fate.REFUSED, "the response URL is not one of Slack's")
        # Only who has just seen the effect knows when it came.
        fresh = notice.standing is Standing.CLAIMED and not notice.tries
        after = f" after {max((clock - notice.at).total_seconds(), 0.0):.1f} s" if fresh else ""
        body: JsonObject = {
            "response_type": "in_channel",
            "text": escape(notice.text.replace(AFTER, after)),
            "replace_original": not notice.address.endswith(BESIDE),
        }
        result = post(self.trusted, Letter(notice.address, body, notice.id), deadline)
        expired = isinstance(result, Failed) and result.fate is Fate.NOT_SENT and not result.pause
        return Failed(Fate.REFUSED, "the response URL is not good any more") if expired else result

    def _app_message(self, key: RolloutKey, notice: Notice, card: Card | None) -> JsonObject:
        match notice.occasion:
            case Occasion.STARTED if card is not None:
                return write_card(key, card, self.links)
            case Occasion.DETAILS:
                return write_details(notice)
            case _:
                return write_loud(key, notice, self.links)


def admits(url: str, slack_api: str) -> bool:
    """Whether ``url`` is a response URL of Slack, or of whatever stands in for Slack's API."""
    if slack_api == SLACK_API:
        return url.startswith(SLACK_HOOKS)
    try:
        asked, api = urlsplit(url), urlsplit(slack_api)
    except ValueError:
        return False
    return (asked.scheme, asked.netloc) == (api.scheme, api.netloc)
