"""A local server that speaks Slack's API as slack-sdk's clients see it, keeps what was posted, and fails as it is told.

Methods: auth.test, chat.postMessage, chat.postEphemeral, chat.update, conversations.history, conversations.replies,
usergroups.users.list; beside them response URLs and incoming webhooks, whose address is their only credential. Of the
header with a token's scopes, which Slack sends with every answer, auth.test alone has it here. Facts: docs.slack.dev,
"Web API methods", "Scopes", "Rate limits", "Handling user interaction", "Sending messages using incoming webhooks".

    with SlackApi() as slack:
        WebClient("xoxb-test", base_url=slack.base_url)
        slack.fail("chat.postMessage", limited(2), unavailable)   # the next two calls of it; the third works
        slack.messages()                                          # what the channel shows
        url = slack.make_response_url(); slack.answers(url)       # what came to a response URL, in order
"""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from tests.support.slack_blocks import refusal
from tests.support.web import Received, WebServer, hang, reply, reset

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shared.json_types import JsonObject
    from tests.support.web import Behaviour

    Failure = Callable[[Behaviour], Behaviour]

TOKEN = "xoxb-test"  # the one that the server takes
SCOPES = frozenset({"commands", "chat:write", "channels:history", "groups:history", "usergroups:read"})
CHANNEL = "C0SERIN01"
BOT = "B0SERIN01"


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a method (``chat.postMessage``, ``response_url``, ``webhook``) with its arguments as values."""

    method: str
    arguments: JsonObject = field(default_factory=dict)
    path: str = ""


def limited(seconds: int) -> Failure:
    """HTTP 429 with ``Retry-After``; nothing was done."""
    return lambda _: reply(429, '{"ok":false,"error":"ratelimited"}', {"Retry-After": str(seconds)})


def error(code: str) -> Failure:
    """``{"ok": false, "error": code}``; nothing was done."""
    return lambda _: reply(200, json.dumps({"ok": False, "error": code}))


def unavailable(_: Behaviour) -> Behaviour:
    """HTTP 503, and a page that is none of anybody's business."""
    return reply(503, "<html>xoxb-leak</html>")


def silent(_: Behaviour) -> Behaviour:
    """No answer while the server runs; nothing was done."""
    return hang


@dataclass(frozen=True, slots=True)
class Lost:
    """It is done, and then the connection is torn down: the caller cannot know."""

    def __call__(self, _: Behaviour) -> Behaviour:
        return reset


lost = Lost()


class SlackApi(WebServer):
    """See the module. ``channels`` and ``groups`` say who exists, ``joined`` in which channels the app is, ``scopes``
    what it may do, ``clock`` what time it is in Slack; a test may change them.
    """

    def __init__(self) -> None:
        super().__init__(reply())
        self.base_url = f"{self.url}/api/"
        self.calls: list[Call] = []
        self.channels: dict[str, str] = {CHANNEL: "releases"}
        self.joined: set[str] = {CHANNEL}
        self.scopes: frozenset[str] = SCOPES
        self.groups: dict[str, list[str]] = {}
        self.clock: Callable[[], float] = time.time
        self._failures: dict[str, list[Failure]] = defaultdict(list)
        self._messages: dict[str, list[JsonObject]] = defaultdict(list)
        self._response_urls: list[str] = []
        self._numbers = itertools.count(1)
        self._guard = threading.RLock()

    def __enter__(self) -> SlackApi:
        super().__enter__()
        return self

    def fail(self, method: str, *failures: Failure) -> None:
        """The next calls of ``method`` fail like this, one after the other."""
        self._failures[method] += failures

    def heal(self) -> None:
        """Nothing fails any more."""
        self._failures.clear()

    def forget(self) -> None:
        """As if nothing had been posted and nobody had called."""
        with self._guard:
            self.calls.clear()
            self._messages.clear()

    def called(self, method: str) -> list[Call]:
        """The calls of a method so far."""
        return [call for call in self.calls if call.method == method]

    def messages(self, channel: str = CHANNEL, thread: str | None = None) -> list[JsonObject]:
        """The messages that a reader of the channel sees, or those of a thread without its first, oldest first."""
        with self._guard:
            if thread is not None:
                return [dict(m) for m in self._messages[channel] if m.get("thread_ts") == thread and m["ts"] != thread]
            return [dict(m) for m in self._messages[channel] if "thread_ts" not in m or m.get("subtype")]

    def make_response_url(self) -> str:
        """A fresh response URL, as it comes with a slash command or a click."""
        self._response_urls.append(f"/response/T0/{next(self._numbers)}/secret")
        return self.url + self._response_urls[-1]

    def make_webhook_url(self) -> str:
        """The address of an incoming webhook."""
        return f"{self.url}/services/T0/B{next(self._numbers)}/secret"

    def answers(self, url: str) -> list[JsonObject]:
        """What was posted to a response URL or a webhook, in order."""
        return [call.arguments for call in self.calls if self.url + call.path == url]

    def take(self, request: Received) -> Behaviour:
        """Do what a request asks for, or fail as told."""
        with self._guard:
            call = _call_of(request)
            self.calls.append(call)
            waiting = self._failures[call.method]
            failure = waiting.pop(0) if waiting else None
            if failure is None or isinstance(failure, Lost):
                answer = self._answer(call, request)
                return answer if failure is None else failure(answer)
            return failure(hang)

    def _answer(self, call: Call, request: Received) -> Behaviour:
        if call.method in ("response_url", "webhook"):
            return self._take_post(call)
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return _refuse("invalid_auth" if "authorization" in request.headers else "not_authed")
        needed = _NEEDED.get(call.method)
        if needed and not needed & self.scopes:
            return _refuse("missing_scope")
        method = _METHODS.get(call.method)
        return method(self, call.arguments) if method else _refuse("unknown_method")

    def _take_post(self, call: Call) -> Behaviour:
        if call.method == "response_url" and call.path not in self._response_urls:
            return reply(404, "no_active_hooks")
        if len([each for each in self.calls if each.path == call.path]) > 5 and call.method == "response_url":
            return reply(404, "used_url")
        refused = refusal(call.arguments)
        return reply(400, refused) if refused else reply(200, "ok")

    def _test_auth(self, _: JsonObject) -> Behaviour:
        who = {"url": "https://test.slack.com/", "team": "Test", "team_id": "T0", "user": "serin", "user_id": "U0"}
        body = json.dumps({"ok": True, **who, "bot_id": BOT})
        return reply(200, body, {**_JSON, "X-OAuth-Scopes": ",".join(sorted(self.scopes))})

    def _post(self, arguments: JsonObject) -> Behaviour:
        channel = self._find(str(arguments.get("channel", "")))
        if channel is None:
            return _refuse("channel_not_found")
        if refused := refusal(arguments):
            return _refuse(refused)
        thread = arguments.get("thread_ts")
        if thread and not any(message["ts"] == thread for message in self._messages[channel]):
            return _refuse("thread_not_found")
        message = {"type": "message", "bot_id": BOT, "ts": self._stamp()}
        message |= {name: value for name, value in arguments.items() if name in _KEPT}
        if thread and arguments.get("reply_broadcast"):
            message["subtype"] = "thread_broadcast"
        self._messages[channel].append(message)
        return _accept(channel=channel, ts=message["ts"], message=message)

    def _post_ephemeral(self, arguments: JsonObject) -> Behaviour:
        if self._find(str(arguments.get("channel", ""))) is None:
            return _refuse("channel_not_found")
        return _accept(message_ts=self._stamp())

    def _update(self, arguments: JsonObject) -> Behaviour:
        channel, ts = str(arguments.get("channel", "")), arguments.get("ts")
        if channel not in self.channels:
            return _refuse("channel_not_found")
        found = next((message for message in self._messages[channel] if message["ts"] == ts), None)
        if found is None:
            return _refuse("message_not_found")
        if refused := refusal(arguments):
            return _refuse(refused)
        found.update({name: value for name, value in arguments.items() if name in _EDITED})
        found["edited"] = {"user": BOT, "ts": ts}
        return _accept(channel=channel, ts=ts, text=found.get("text", ""), message=found)

    def _history(self, arguments: JsonObject) -> Behaviour:
        channel = str(arguments.get("channel", ""))
        if channel not in self.channels:
            return _refuse("channel_not_found")
        if channel not in self.joined:
            return _refuse("not_in_channel")
        return self._page(self.messages(channel)[::-1], arguments)

    def _replies(self, arguments: JsonObject) -> Behaviour:
        channel, ts = str(arguments.get("channel", "")), str(arguments.get("ts", ""))
        if channel not in self.channels:
            return _refuse("channel_not_found")
        first = [message for message in self._messages[channel] if message["ts"] == ts]
        if not first:
            return _refuse("thread_not_found")
        return self._page([*first, *self.messages(channel, ts)], arguments)

    def _page(self, messages: Sequence[JsonObject], arguments: JsonObject) -> Behaviour:
        """Messages later than ``oldest``, as many as ``limit`` says, with their metadata if asked for."""
        oldest, start = float(arguments.get("oldest") or 0), int(arguments.get("cursor") or 0)
        end = start + int(arguments.get("limit") or 100)
        later = [message for message in messages if float(message["ts"]) > oldest]
        hidden = () if arguments.get("include_all_metadata") in (True, "1", "true") else ("metadata",)
        shown = [{name: value for name, value in m.items() if name not in hidden} for m in later[start:end]]
        more = end < len(later)
        return _accept(messages=shown, has_more=more, response_metadata={"next_cursor": str(end) if more else ""})

    def _list_group(self, arguments: JsonObject) -> Behaviour:
        users = self.groups.get(str(arguments.get("usergroup", "")))
        return _refuse("no_such_subteam") if users is None else _accept(users=users)

    def _stamp(self) -> str:
        """The moment of a message, in seconds, which is also its name in its channel."""
        return f"{int(self.clock())}.{next(self._numbers):06d}"

    def _find(self, channel: str) -> str | None:
        """The id of a channel by its id or its name: only chat.postMessage takes a name."""
        if channel in self.channels:
            return channel
        return next((id_ for id_, name in self.channels.items() if name == channel.removeprefix("#")), None)


def _accept(**values: object) -> Behaviour:
    return reply(200, json.dumps({"ok": True, **values}), _JSON)


def _refuse(code: str) -> Behaviour:
    return reply(200, json.dumps({"ok": False, "error": code}), _JSON)


def _call_of(request: Received) -> Call:
    path, _, query = request.path.partition("?")
    method = path.removeprefix("/api/")
    if not path.startswith("/api/"):
        method = "response_url" if path.startswith("/response/") else "webhook"
    return Call(method, _arguments(request, query), path)


def _arguments(request: Received, query: str) -> JsonObject:
    values: JsonObject = dict(parse_qsl(query))
    text = request.body.decode()
    if request.headers.get("content-type", "").startswith("application/json"):
        return values | (json.loads(text) if text else {})
    return values | dict(parse_qsl(text))


_JSON = {"Content-Type": "application/json; charset=utf-8"}
_KEPT = ("text", "blocks", "attachments", "metadata", "thread_ts", "username")
_EDITED = ("text", "blocks", "attachments", "metadata")
_METHODS: dict[str, Callable[[SlackApi, JsonObject], Behaviour]] = {
    "auth.test": SlackApi._test_auth,
    "chat.postMessage": SlackApi._post,
    "chat.postEphemeral": SlackApi._post_ephemeral,
    "chat.update": SlackApi._update,
    "conversations.history": SlackApi._history,
    "conversations.replies": SlackApi._replies,
    "usergroups.users.list": SlackApi._list_group,
}
_NEEDED = {
    "chat.postMessage": {"chat:write"},
    "chat.postEphemeral": {"chat:write"},
    "chat.update": {"chat:write"},
    "conversations.history": {"channels:history", "groups:history"},
    "conversations.replies": {"channels:history", "groups:history"},
    "usergroups.users.list": {"usergroups:read"},
}
"""The scopes of which a method wants one (its page on docs.slack.dev); a group's history is one of private channels."""
