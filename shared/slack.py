"""The slack function: takes what people type and press in Slack, and answers within Slack's three seconds.

Nothing is parsed before the signature over the raw body is checked, and nothing slow happens before the answer: the
store is opened and asked beside it, and what is not done in time is told at the response URL when it is. Work is never
given up, because a command that is on its way into the store has to arrive: it goes on in its thread, and where a
process gets no time after an answer, in a call of its own. It has no credentials for any cluster, and talks to none.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING

from slack_sdk.webhook import WebhookClient

from shared.body import Refusal
from shared.chat.answer import Answer, say
from shared.chat.desk import Desk
from shared.chat.groups import SlackGroups
from shared.chat.permission import Rules
from shared.chat.relay import MARK, is_continued, send_on
from shared.chat.request import LARGEST, Ignored, Pressed, Typed, read_request
from shared.chat.signature import SIGNATURE, is_signed
from shared.errors import SerinError
from shared.jobs.choice import choose_jobs
from shared.logs import Log
from shared.mrkdwn import escape
from shared.once import once
from shared.reply import NOT_FOUND, UNAUTHORIZED, Reply, refused
from shared.settings import Settings, clusters_of, read_settings
from shared.state.open import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PATIENCE_SECONDS = 1.0
"""How long an answer may take before there is a shorter one. Slack waits for three seconds, a cold start included."""

POST_SECONDS = 2
REMEMBERED = 10_000

_ONE_MOMENT = say(":hourglass_flowing_sand: One moment: the answer follows here.")
TAKEN = Reply(200, {})
REPEATED = Reply(409, {"error": "this request was answered already"})

_pool = ThreadPoolExecutor(8, thread_name_prefix="slack")


class Signatures:
    """Those that this process has seen; the oldest are forgotten. For many threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._seen: OrderedDict[str, None] = OrderedDict()

    def is_new(self, signature: str) -> bool:
        """Whether it comes for the first time."""
        with self._lock:
            if signature in self._seen:
                return False
            self._seen[signature] = None
            if len(self._seen) > REMEMBERED:
                self._seen.popitem(last=False)
            return True


@dataclass(frozen=True, slots=True)
class SlackFunction:
    """What the function works with; ``desk`` opens the store when it is first called."""

    settings: Settings
    desk: Callable[[], Desk]
    clock: Callable[[], datetime]
    log: Log
    seen: Signatures = field(default_factory=Signatures)

    def receive(self, headers: Mapping[str, str], read: Callable[[int], bytes]) -> Reply:
        """The answer to one request. A replayed one is refused here, elsewhere the rollout knows it."""
        secrets = self.settings.slack_signing_secrets
        if not secrets:
            self.log.warn_once("Slack is not set up: SERIN_SLACK_SIGNING_SECRETS is missing", "slack")
            return NOT_FOUND
        body = read(LARGEST + 1)
        if len(body) > LARGEST:
            return refused(Refusal(413, f"the body has more than {LARGEST} bytes: send less"))
        if not is_signed(secrets, headers, body, self.clock):
            self.log.warning("A request with a wrong or an old signature was turned away", function="slack")
            return UNAUTHORIZED
        continued = is_continued(secrets, headers)
        if not self.seen.is_new(headers[MARK if continued else SIGNATURE]):
            return TAKEN if "X-Slack-Retry-Num" in headers else REPEATED
        request = read_request(body, headers.get("Content-Type", ""), self.settings.slack_api)
        match request:
            case Refusal():
                return refused(request)
            case Ignored():
                return TAKEN
            case _ if continued:
                self._post(request.reply, self._work(replace(request, continued=True)))
                return TAKEN
            case _:
                return self._answer(request, headers, body)

    def _answer(self, request: Typed | Pressed, headers: Mapping[str, str], body: bytes) -> Reply:
        """A slash command is answered in place if there is time. Slack shows no such answer to a press."""
        work = _pool.submit(self._work, request)
        typed = isinstance(request, Typed)
        with suppress(TooLate):
            answer = work.result(PATIENCE_SECONDS)
            if not typed:
                self._post(request.reply, answer)
            return Reply(200, answer.to_dict()) if typed else TAKEN
        if not self._goes_on(request, headers, body):
            work.add_done_callback(lambda done: self._post(request.reply, done.result()))
        return Reply(200, _ONE_MOMENT.to_dict()) if typed else TAKEN

    def _goes_on(self, request: Typed | Pressed, headers: Mapping[str, str], body: bytes) -> bool:
        """Whether another call tells the outcome. Without an address this process has time after its answer."""
        address, secrets = self.settings.slack_address, self.settings.slack_signing_secrets
        if not address:
            return False
        sent = send_on(address, secrets, headers, body)
        if not sent:
            self.log.error(f"{request.id} could not be sent on to SERIN_SLACK_ADDRESS", function="slack")
        return sent

    def _work(self, request: Typed | Pressed) -> Answer:
        """What the desk says; whatever goes wrong is said too, for somebody waits for an answer."""
        try:
            return self.desk().serve(request)
        except SerinError as error:
            self.log.error(str(error), function="slack")
            return say(f":warning: That could not be done now: {escape(str(error))}", "Please try again.")
        except Exception as fault:  # noqa: BLE001  the boundary that keeps a fault from leaving somebody without an answer
            self.log.error(f"Fault in Serin, please report it: {fault!r}", function="slack")
            return say(":warning: That is a fault in Serin. It is in its log; please report it.")

    def _post(self, url: str, answer: Answer) -> None:
        """Tell the answer at a response URL; one that cannot be told is only lost, what it tells of is done."""
        if not url:
            return
        try:
            response = WebhookClient(url, timeout=POST_SECONDS, retry_handlers=[]).send_dict(answer.to_dict())
        except OSError as error:
            self.log.warning(f"An answer did not reach Slack ({type(error).__name__})", function="slack")
            return
        if response.status_code != 200:
            self.log.warning(f"Slack took no answer: HTTP {response.status_code}", function="slack")


def slack_of_process() -> SlackFunction:
    """The slack function for the settings of this process."""
    with _building:
        return _build_once()


_building = Lock()


@cache
def _build_once() -> SlackFunction:
    return build(read_settings(os.environ))


def build(settings: Settings) -> SlackFunction:
    """The slack function for these settings; the store is opened by the first request that needs it."""
    log = Log()
    return SlackFunction(settings, once(lambda: open_desk(settings, log)), _now, log)


def open_desk(settings: Settings, log: Log) -> Desk:
    """The desk for these settings."""
    return Desk(
        store=open_store(settings.store),
        jobs=choose_jobs(settings.scheduler, log),
        clusters=tuple(cluster.name for cluster in clusters_of(settings)),
        rules=Rules(settings.slack_roles, SlackGroups(settings.slack_token, settings.slack_api, _now)),
        clock=_now,
        command=settings.slack_command,
    )


def _now() -> datetime:
    return datetime.now(UTC)
