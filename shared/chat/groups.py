"""Who is in a Slack user group, asked of Slack (``usergroups.users.list``) and remembered for some minutes.

The person who typed a command waits for the answer, so there is one short try. What could not be found out is not
allowed; it is said as what it is.
"""

from __future__ import annotations

import re
from logging import Logger
from threading import Lock
from typing import TYPE_CHECKING, Protocol

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from shared.errors import Unknown

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

TIMEOUT_SECONDS = 1
REMEMBERED_SECONDS = 300.0

_CODE = re.compile(r"[a-z_]{1,60}")
_SILENCE = Logger("slack_sdk is not heard")  # it would log answers
_SILENCE.disabled = True


class Groups(Protocol):
    """Knows the members of user groups."""

    def members(self, group: str) -> frozenset[str]:
        """Ids of the users in a group. Raises Unknown when Slack does not say."""


class SlackGroups:
    """Groups of the workspace that ``token`` belongs to; ``api`` is the base URL of Slack's API. For many threads."""

    def __init__(self, token: str, api: str, clock: Callable[[], datetime]) -> None:
        self._token, self._api, self._clock = token, api, clock
        self._lock = Lock()
        self._known: dict[str, tuple[datetime, frozenset[str]]] = {}

    def members(self, group: str) -> frozenset[str]:
        """See Groups."""
        now = self._clock()
        with self._lock:
            asked, known = self._known.get(group, (None, frozenset[str]()))
        if asked is not None and (now - asked).total_seconds() < REMEMBERED_SECONDS:
            return known
        found = self._ask(group)
        with self._lock:
            self._known[group] = (now, found)
        return found

    def _ask(self, group: str) -> frozenset[str]:
        client = WebClient(self._token, base_url=self._api, timeout=TIMEOUT_SECONDS, retry_handlers=[], logger=_SILENCE)
        try:
            answer = client.usergroups_users_list(usergroup=group)
        except (SlackClientError, OSError) as error:
            raise Unknown(f"Slack did not say who is in user group {group} ({_brief(error)})") from error
        return frozenset(map(str, answer.get("users") or ()))


def _brief(error: Exception) -> str:
    """Slack's own code for what is wrong, or the kind of the error: both may hold the whole answer instead."""
    code = error.response.get("error") if isinstance(error, SlackApiError) else None
    return str(code) if _CODE.fullmatch(str(code)) else type(error).__name__
