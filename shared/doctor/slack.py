"""Slack: whether the token is taken, what its app may do, and whether it is in the channel. Nothing is posted.

Source: docs.slack.dev, "auth.test", "conversations.history", and the header ``x-oauth-scopes`` of every answer.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from shared.doctor.finding import Area

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shared.doctor.finding import Finding
    from shared.settings import Settings

AREA = Area("slack")

LIMIT_SECONDS = 5
SCOPES = {
    "commands": "the slash command",
    "chat:write": "messages about runs",
    "channels:history": "finding a message again in a public channel",
    "groups:history": "finding a message again in a private channel",
    "usergroups:read": "roles for user groups",
}
"""What infra/slack/manifest.yaml asks for, and what for; a test compares the two."""
_NO_ANSWER = "nothing"
_CODE = re.compile(r"[a-z][a-z0-9_]{1,60}")
_REINSTALL = "add them under OAuth & Permissions, or paste infra/slack/manifest.yaml, and install the app again"
_REMEDIES = {
    "channel_not_found": "correct SERIN_SLACK_CHANNEL, or invite the app if the channel is private: /invite @serin",
    "not_in_channel": "invite the app in the channel: /invite @serin",
    "missing_scope": _REINSTALL,
}
_SILENT = logging.Logger("slack-sdk", level=logging.CRITICAL + 1)
"""It logs bodies."""


def examine_slack(settings: Settings) -> Iterator[Finding]:
    """The app's token, scopes and channel; of an incoming webhook only a message would tell."""
    if settings.slack_url:
        yield AREA.unknown("incoming webhook", "only a message would show whether it works, and none is sent")
    if not settings.slack_token:
        yield AREA.ok("app", "there is none: SERIN_SLACK_TOKEN is empty")
        return
    seconds: Any = LIMIT_SECONDS
    client = WebClient(
        settings.slack_token, base_url=settings.slack_api, timeout=seconds, retry_handlers=[], logger=_SILENT
    )
    answer = _ask(client.auth_test)
    if isinstance(answer, str):
        yield judge_token(answer)
        return
    yield AREA.ok("token", f"is {answer.get('user')} of {answer.get('team')}")
    yield from judge_scopes(_scopes(answer.headers))
    channel = settings.slack_channel
    yield judge_channel(channel, _ask(lambda: client.conversations_history(channel=channel, limit=1)))


def judge_token(trouble: str) -> Finding:
    """Why Slack did not take the token."""
    if trouble in (_NO_ANSWER, "ratelimited"):
        return AREA.bad(
            "token", f"Slack says {trouble}", "try again; see whether SERIN_SLACK_API can be reached from here"
        )
    remedy = "copy the bot token of the installed app (OAuth & Permissions) into SERIN_SLACK_TOKEN"
    return AREA.bad("token", f"Slack does not take it: {trouble}", remedy)


def judge_scopes(granted: frozenset[str]) -> Iterator[Finding]:
    """Scopes that the app lacks, each with what does not work without it."""
    missing = {scope: use for scope, use in SCOPES.items() if scope not in granted}
    for scope, use in missing.items():
        yield AREA.bad(f"scope {scope}", f"is missing: {use}", _REINSTALL)
    if not missing:
        yield AREA.ok("scopes", f"all {len(SCOPES)} are granted")


def judge_channel(channel: str, answer: object) -> Finding:
    """Whether the channel can be read, which only a member can; ``answer`` is a text if not."""
    if not isinstance(answer, str):
        return AREA.ok(f"channel {channel}", "has the app as a member")
    remedy = _REMEDIES.get(answer, "see what Slack says of this code: docs.slack.dev, conversations.history")
    return AREA.bad(f"channel {channel}", f"Slack says {answer}", remedy)


def _ask(call: Callable[[], Any]) -> Any:
    """What Slack answers, or its error code; nothing more of an answer is passed on."""
    try:
        return call()
    except SlackApiError as error:
        try:
            code = str(error.response["error"])
        except (KeyError, TypeError, ValueError):
            code = ""
        return code if _CODE.fullmatch(code) else _NO_ANSWER
    except (SlackClientError, OSError, ValueError):
        return _NO_ANSWER


def _scopes(headers: Any) -> frozenset[str]:
    """slack-sdk gives headers as they came, the values perhaps as lists."""
    lowered = {str(name).lower(): value for name, value in dict(headers).items()}
    value = lowered.get("x-oauth-scopes", "")
    text = value if isinstance(value, str) else ",".join(map(str, value))
    return frozenset(part.strip() for part in text.split(",") if part.strip())
