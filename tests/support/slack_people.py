"""People in Slack, and Slack itself between them and the function: requests as Slack makes and signs them.

The signature is made here by Slack's document ("Verifying requests from Slack"), not by slack-sdk, whose verifier is on
the other side. Shapes are those of "Enabling interactivity with slash commands" and "block_actions payload".
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

import urllib3

from tests.support.processes import Process, Program, accepts, free_port
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from shared.json_types import JsonObject
    from tests.support.slack_api import SlackApi

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"  # the one of Slack's own example
TEAM = "T0TEAM"
_ROOT = Path(__file__).parents[2]
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Signed:
    """A request as it leaves Slack."""

    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Told:
    """What came back: the HTTP status, the JSON body, and how long it took."""

    status: int
    body: JsonObject
    seconds: float

    @property
    def text(self) -> str:
        """The answer as plain text."""
        return str(self.body.get("text", ""))

    @property
    def public(self) -> bool:
        """Whether the channel sees it."""
        return bool(self.body.get("response_type") == "in_channel")


@dataclass(frozen=True, slots=True)
class Somebody:
    """A person in a channel; ``hooks`` is where response URLs are."""

    user: str = "U0ADA"
    name: str = "ada"
    channel: str = "C0SHOP"
    channel_name: str = "shop"
    team: str = TEAM
    hooks: str = "https://hooks.slack.com/commands/T0/1/x"

    def type(self, text: str, **changes: str) -> Signed:
        """``/canary text``, signed now."""
        form = {
            "token": "old",
            "team_id": TEAM,
            "channel_id": self.channel,
            "channel_name": self.channel_name,
            "user_id": self.user,
            "user_name": self.name,
            "command": "/canary",
            "text": text,
            "api_app_id": "A0",
            "is_enterprise_install": "false",
            "response_url": self.hooks,
            "trigger_id": secrets.token_hex(8),
            **changes,
        }
        return sign(urlencode(form).encode())

    def press(self, action: str, value: JsonObject, **changes: object) -> Signed:
        """A button of a message, with this value."""
        payload = {
            "type": "block_actions",
            "user": {"id": self.user, "username": self.name, "name": self.name, "team_id": self.team},
            "team": {"id": TEAM, "domain": "test"},
            "channel": {"id": self.channel, "name": self.channel_name},
            "trigger_id": secrets.token_hex(8),
            "response_url": self.hooks,
            "actions": [
                {"action_id": action, "type": "button", "value": json.dumps(value), "action_ts": f"{time.time():.6f}"}
            ],
            **changes,
        }
        return sign(urlencode({"payload": json.dumps(payload)}).encode())


def sign(body: bytes, at: float | None = None, secret: str = SECRET) -> Signed:
    """A request with this body, signed at a moment (now, if none is given)."""
    stamp = str(int(time.time() if at is None else at))
    digest = hmac.new(secret.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    return Signed(
        body,
        {"Content-Type": _FORM, "X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={digest}"},
    )


def again(request: Signed, number: int = 1) -> Signed:
    """Slack sends it again, as it does when no answer came in time: signed anew, a second later."""
    later = sign(request.body, time.time() + number)
    return replace(
        later, headers={**later.headers, "X-Slack-Retry-Num": str(number), "X-Slack-Retry-Reason": "http_timeout"}
    )


def send(url: str, request: Signed) -> Told:
    """Deliver a request over HTTP."""
    began = time.monotonic()
    answer = urllib3.request("POST", url, body=request.body, headers=dict(request.headers), timeout=30, retries=False)
    seconds = time.monotonic() - began
    body = json.loads(answer.data) if answer.data else {}
    return Told(answer.status, body, seconds)


def hear(slack: SlackApi, request: Signed, deliver: Callable[[Signed], Told]) -> Told:
    """Deliver a request and wait for its answer, which comes at the response URL when it takes longer than a moment."""
    hook = _response_url(request)
    before = len(slack.answers(hook))
    told = deliver(request)
    if "One moment" not in told.text:
        return told
    later = eventually("the answer follows", lambda: slack.answers(hook)[before:])
    return replace(told, body=later[0])


def _response_url(request: Signed) -> str:
    form = dict(parse_qsl(request.body.decode()))
    return str(form["response_url"] if "response_url" in form else json.loads(form["payload"])["response_url"])


@dataclass(slots=True)
class SlackFunction:
    """The function alone in a process of its own, served by functions-framework as on Google Cloud."""

    directory: Path
    environment: Mapping[str, str]
    port: int = field(default_factory=free_port)
    process: Process = field(init=False)

    def __post_init__(self) -> None:
        source = str(_ROOT / "functions" / "slack.py")
        serve = ("-m", "functions_framework", "--target", "slack", "--source", source)
        argv = (sys.executable, *serve, "--host", "127.0.0.1", "--port", str(self.port))
        settings = {"PYTHONPATH": str(_ROOT), "SERIN_SLACK_SIGNING_SECRETS": SECRET, **self.environment}
        self.process = Process(
            Program(f"slack-{self.port}", argv, lambda: accepts(self.port), settings), self.directory
        )

    def __enter__(self) -> SlackFunction:
        self.process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()

    @property
    def url(self) -> str:
        """Where Slack sends its requests."""
        return f"http://127.0.0.1:{self.port}/"

    def take(self, request: Signed) -> Told:
        """Deliver a request."""
        return send(self.url, request)
