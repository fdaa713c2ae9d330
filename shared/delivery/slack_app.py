"""The Slack app's side of the API, through slack-sdk: post, edit, and find what was posted.

Nothing is tried again in here: chat.postMessage is not idempotent, and slack-sdk by default repeats it when a
connection breaks, which posts twice. Each message carries its notice's id as metadata, by which it is found again.

It must never let slack-sdk log (it logs bodies), and never pass on more of an answer than Slack's error code.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar
from urllib.error import URLError

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from shared.checks.deadline import call_within
from shared.notices.ledger import Fate

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from shared.checks.deadline import Deadline
    from shared.json_types import Json, JsonObject

EVENT_TYPE = "serin_notice"

_EACH_SECONDS, _PAGE, _PAGES = 3.0, 100, 20
_CODE = re.compile(r"[a-z][a-z0-9_]{1,60}")
_IN_DOUBT = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout"})
_OUR_FAULT = frozenset({"invalid_blocks", "invalid_blocks_format", "msg_too_long", "no_text", "invalid_arguments"})
_GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed", "thread_not_found"})

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Posted:
    """Where a message is."""

    channel: str
    ts: str


@dataclass(frozen=True, slots=True)
class Failed:
    """What became of a call that did not succeed, in words for the log; ``pause`` is what Slack asks for, in
    seconds.
    """

    fate: Fate
    why: str
    pause: int = 0


Result: TypeAlias = Posted | Failed


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message goes: into the channel, or into a thread and then, if it is ``loud``, into the channel too."""

    thread: str = ""
    loud: bool = False


@dataclass(frozen=True, slots=True)
class SlackApp:
    """One bot in one channel. ``api`` is the base URL."""

    token: str = field(repr=False)
    channel: str
    api: str

    def post(self, message: Json, id_: str, place: Place, deadline: Deadline) -> Result:
        """Post ``message`` (text, blocks, attachments) once."""
        metadata = {"event_type": EVENT_TYPE, "event_payload": {"id": id_}}
        thread: JsonObject = {"thread_ts": place.thread, "reply_broadcast": place.loud} if place.thread else {}
        extra: JsonObject = {"unfurl_links": False, "unfurl_media": False, **thread, **message}
        found = self._call(
            deadline, lambda client: client.chat_postMessage(channel=self.channel, metadata=metadata, **extra)
        )
        return found if isinstance(found, Failed) else Posted(str(found["channel"]), str(found["ts"]))

    def edit(self, message: Json, posted: Posted, deadline: Deadline) -> Result:
        """Let a message be ``message``; doing it twice does no harm."""
        found = self._call(
            deadline, lambda client: client.chat_update(channel=posted.channel, ts=posted.ts, **dict(message))
        )
        return found if isinstance(found, Failed) else posted

    def find(self, id_: str, since: datetime, thread: str, deadline: Deadline) -> Result | None:
        """The message with this id, in the channel or in a thread; None if it was surely not posted since then."""
        cursor = ""
        for _ in range(_PAGES):
            page = self._call(deadline, lambda client, cursor=cursor: self._page(client, since, thread, cursor))  # type: ignore[misc]  # mypy cannot infer a lambda's default
            if isinstance(page, Failed):
                return page
            for message in page["messages"]:
                if _id_of(message) == id_:
                    return Posted(self.channel, str(message["ts"]))
            cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return None
        return Failed(Fate.UNKNOWN, "too many messages to find one among")

    def _page(self, client: WebClient, since: datetime, thread: str, cursor: str) -> Any:
        asked: JsonObject = {
            "channel": self.channel,
            "include_all_metadata": True,
            "limit": _PAGE,
            "oldest": f"{since.timestamp():.6f}",
            **({"cursor": cursor} if cursor else {}),
        }
        return client.conversations_replies(ts=thread, **asked) if thread else client.conversations_history(**asked)

    def _call(self, deadline: Deadline, ask: Callable[[WebClient], Any]) -> Any:
        """What Slack answers, or a Failed, within the deadline to the last byte."""
        limit = min(deadline.left, _EACH_SECONDS)
        if not limit:
            return Failed(Fate.NOT_SENT, "there was no time left")
        seconds: Any = limit  # typed as int there, and handed on to a socket
        client = WebClient(self.token, base_url=self.api, timeout=seconds, retry_handlers=[], logger=_SILENT)
        try:
            return call_within(limit, lambda: ask(client))
        except SlackApiError as error:
            return _refusal(error)
        except (SlackClientError, HTTPException, OSError, ValueError) as error:
            return Failed(*_no_answer(error))


def _refusal(error: SlackApiError) -> Failed:
    status, code = getattr(error.response, "status_code", 200), _code(error)
    if status == 429 or code in ("ratelimited", "rate_limited"):
        return Failed(Fate.NOT_SENT, "Slack asks to wait", _retry_after(error))
    if status >= 500 or code in _IN_DOUBT or not code:
        return Failed(Fate.UNKNOWN, f"Slack answered with HTTP {status} {code}".rstrip())
    fate = Fate.REFUSED if code in _OUR_FAULT or code in _GONE else Fate.NOT_SENT
    return Failed(fate, f"Slack says {code}")


def _code(error: SlackApiError) -> str:
    """Slack's error code; empty if that is no code but, as slack-sdk does it, the body of a proxy's page."""
    try:
        code = str(error.response["error"])
    except (KeyError, TypeError, ValueError):
        return ""
    return code if _CODE.fullmatch(code) else ""


def _retry_after(error: SlackApiError) -> int:
    headers = {name.lower(): value for name, value in dict(error.response.headers).items()}
    text = str(headers.get("retry-after", ""))
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 1


def _no_answer(error: Exception) -> tuple[Fate, str]:
    """Only a connection that was never made says that nothing was done."""
    reason = error.reason if isinstance(error, URLError) else error
    if isinstance(error, URLError) and not isinstance(reason, TimeoutError | ConnectionResetError):
        return Fate.NOT_SENT, "Slack cannot be reached"
    kind = "did not answer in time" if isinstance(reason, TimeoutError) else "did not answer"
    return Fate.UNKNOWN, f"Slack {kind}"


def _id_of(message: Json) -> str:
    metadata = message.get("metadata") or {}
    return str((metadata.get("event_payload") or {}).get("id", "")) if metadata.get("event_type") == EVENT_TYPE else ""


_SILENT = logging.Logger("slack-sdk", level=logging.CRITICAL + 1)
