"""Who is in a user group, as slack-sdk asks a server that speaks Slack's API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from shared.chat.groups import SlackGroups
from shared.errors import Unknown
from tests.support.slack_api import TOKEN, SlackApi, error, limited, silent, unavailable

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class Clock:
    now = START

    def __call__(self) -> datetime:
        return self.now


def test_members_are_asked_for_once_in_five_minutes() -> None:
    clock = Clock()
    with SlackApi() as slack:
        slack.groups["S0SRE"] = ["U0ADA", "U0BOB"]
        groups = SlackGroups(TOKEN, slack.base_url, clock)
        assert groups.members("S0SRE") == groups.members("S0SRE") == {"U0ADA", "U0BOB"}
        assert len(slack.called("usergroups.users.list")) == 1
        slack.groups["S0SRE"] = []
        clock.now = START + timedelta(minutes=6)
        assert groups.members("S0SRE") == frozenset()


@pytest.mark.parametrize("failure", [error("missing_scope"), limited(1), unavailable, silent])
def test_what_slack_does_not_say_is_unknown_and_is_asked_again(failure: object) -> None:
    with SlackApi() as slack:
        slack.groups["S0SRE"] = ["U0ADA"]
        slack.fail("usergroups.users.list", failure)  # type: ignore[arg-type]  # one of four kinds
        groups = SlackGroups(TOKEN, slack.base_url, Clock())
        with pytest.raises(Unknown, match="who is in user group S0SRE") as raised:
            groups.members("S0SRE")
        assert "xoxb" not in str(raised.value)
        assert groups.members("S0SRE") == {"U0ADA"}


def test_a_group_that_is_gone_is_unknown() -> None:
    with SlackApi() as slack, pytest.raises(Unknown, match="no_such_subteam"):
        SlackGroups(TOKEN, slack.base_url, Clock()).members("S0GONE")
