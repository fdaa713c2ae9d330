"""The local Slack API speaks what the real slack-sdk expects: a fake that nobody could tell from Slack, where we use
it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.webhook import WebhookClient

from tests.support.slack_api import CHANNEL, SCOPES, TOKEN, SlackApi, error, limited, lost, silent, unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

METADATA = {"event_type": "serin_notice", "event_payload": {"id": "7"}}


@pytest.fixture
def slack() -> Iterator[SlackApi]:
    with SlackApi() as server:
        yield server


def connect(slack: SlackApi, token: str = TOKEN, timeout: float = 5) -> WebClient:
    quiet = logging.Logger("slack-sdk in a test")
    return WebClient(token, base_url=slack.base_url, timeout=timeout, retry_handlers=[], logger=quiet)  # type: ignore[arg-type]  # seconds may be broken


def test_a_message_is_posted_edited_and_found_by_its_metadata(slack: SlackApi) -> None:
    client = connect(slack)
    posted = client.chat_postMessage(channel="#releases", text="one", metadata=METADATA)
    client.chat_update(channel=posted["channel"], ts=posted["ts"], text="two")
    found = client.conversations_history(channel=CHANNEL, include_all_metadata=True, oldest="0", limit=10)
    assert [(m["text"], m["metadata"]) for m in found["messages"]] == [("two", METADATA)]
    assert "metadata" not in client.conversations_history(channel=CHANNEL)["messages"][0]


def test_a_reply_is_in_its_thread_and_in_the_channel_only_if_broadcast(slack: SlackApi) -> None:
    client = connect(slack)
    first = client.chat_postMessage(channel=CHANNEL, text="run")["ts"]
    client.chat_postMessage(channel=CHANNEL, text="quiet", thread_ts=first)
    client.chat_postMessage(channel=CHANNEL, text="loud", thread_ts=first, reply_broadcast=True)
    assert [m["text"] for m in slack.messages()] == ["run", "loud"]
    assert [m["text"] for m in slack.messages(thread=first)] == ["quiet", "loud"]
    replies = client.conversations_replies(channel=CHANNEL, ts=first, include_all_metadata=True)["messages"]
    assert [m["text"] for m in replies] == ["run", "quiet", "loud"]


def test_history_comes_in_pages_newest_first(slack: SlackApi) -> None:
    client = connect(slack)
    for text in "abc":
        client.chat_postMessage(channel=CHANNEL, text=text)
    page = client.conversations_history(channel=CHANNEL, limit=2)
    assert [m["text"] for m in page["messages"]] == ["c", "b"]
    cursor = page["response_metadata"]["next_cursor"]
    assert [m["text"] for m in client.conversations_history(channel=CHANNEL, limit=2, cursor=cursor)["messages"]] == [
        "a"
    ]


def test_what_slack_refuses_is_refused(slack: SlackApi) -> None:
    client, long = connect(slack), [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}]
    refusals: dict[str, Callable[[], object]] = {
        "channel_not_found": lambda: client.conversations_history(channel="#releases"),
        "message_not_found": lambda: client.chat_update(channel=CHANNEL, ts="1.0", text="x"),
        "invalid_blocks": lambda: client.chat_postMessage(channel=CHANNEL, text="x", blocks=long),
        "invalid_metadata_format": lambda: client.chat_postMessage(channel=CHANNEL, text="x", metadata={"id": "7"}),
        "invalid_auth": lambda: connect(slack, "xoxb-other").auth_test(),
        "no_such_subteam": lambda: client.usergroups_users_list(usergroup="S1"),
    }
    for code, ask in refusals.items():
        with pytest.raises(SlackApiError) as caught:
            ask()
        assert caught.value.response["error"] == code
    assert slack.messages() == []


def test_members_of_a_user_group(slack: SlackApi) -> None:
    slack.groups["S1"] = ["U1", "U2"]
    assert connect(slack).usergroups_users_list(usergroup="S1")["users"] == ["U1", "U2"]


def test_a_response_url_takes_five_posts_and_a_foreign_one_none(slack: SlackApi) -> None:
    url = slack.make_response_url()
    sent = [WebhookClient(url).send(text=f"{n}", replace_original=True) for n in range(6)]
    assert [(s.status_code, s.body) for s in sent] == [(200, "ok")] * 5 + [(404, "used_url")]
    assert slack.answers(url)[0] == {"text": "0", "replace_original": True}
    assert WebhookClient(f"{slack.url}/response/T0/0/x").send(text="x").status_code == 404


def test_it_fails_as_told_and_then_works_again(slack: SlackApi) -> None:
    client = connect(slack, timeout=0.3)
    slack.fail("chat.postMessage", limited(7), error("fatal_error"), unavailable, silent, lost)
    with pytest.raises(SlackApiError) as caught:
        client.chat_postMessage(channel=CHANNEL, text="x")
    assert (caught.value.response.status_code, caught.value.response.headers["Retry-After"]) == (429, "7")
    for expected in (SlackApiError, SlackApiError, TimeoutError):
        with pytest.raises(expected):
            client.chat_postMessage(channel=CHANNEL, text="x")
    assert slack.messages() == []
    with pytest.raises(OSError, match="reset"):
        client.chat_postMessage(channel=CHANNEL, text="x")
    assert len(slack.messages()) == 1, "what was lost was done"
    client.chat_postMessage(channel=CHANNEL, text="y")
    assert len(slack.messages()) == 2


def test_a_token_may_do_what_its_scopes_say_and_read_where_its_app_is(slack: SlackApi) -> None:
    client = connect(slack)
    assert set(client.auth_test().headers["X-OAuth-Scopes"].split(",")) == SCOPES
    slack.scopes -= {"chat:write"}
    slack.joined.clear()
    refusals: dict[str, Callable[[], object]] = {
        "missing_scope": lambda: client.chat_postMessage(channel=CHANNEL, text="x"),
        "not_in_channel": lambda: client.conversations_history(channel=CHANNEL),
    }
    for code, ask in refusals.items():
        with pytest.raises(SlackApiError) as caught:
            ask()
        assert caught.value.response["error"] == code
