"""What becomes of one message, whatever the other side does: sent, surely not sent, or nobody can say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shared.checks.allowlist import Egress
from shared.checks.deadline import Deadline
from shared.checks.transport import Http
from shared.delivery.posts import Letter, post
from shared.delivery.receivers import admits
from shared.delivery.slack_app import Failed, Place, Posted, SlackApp
from shared.notices.choice import SLACK_API
from shared.notices.ledger import Fate
from tests.support.samples import NOW
from tests.support.slack_api import CHANNEL, TOKEN, SlackApi, error, limited, lost, silent, unavailable
from tests.support.web import WebServer, closed_port, hang, reply, reset

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.slack_api import Failure
    from tests.support.web import Behaviour

SECOND = 1.0


@pytest.fixture
def slack() -> Iterator[SlackApi]:
    with SlackApi() as server:
        yield server


def app_of(slack: SlackApi, token: str = TOKEN) -> SlackApp:
    return SlackApp(token, CHANNEL, slack.base_url)


def say(app: SlackApp) -> Posted | Failed:
    return app.post({"text": "x"}, "n1", Place(), Deadline.after(SECOND))


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (limited(7), Failed(Fate.NOT_SENT, "Slack asks to wait", 7)),
        (error("not_in_channel"), Failed(Fate.NOT_SENT, "Slack says not_in_channel")),
        (error("msg_too_long"), Failed(Fate.REFUSED, "Slack says msg_too_long")),
        (error("internal_error"), Failed(Fate.UNKNOWN, "Slack answered with HTTP 200 internal_error")),
        (unavailable, Failed(Fate.UNKNOWN, "Slack answered with HTTP 503")),
        (silent, Failed(Fate.UNKNOWN, "Slack did not answer in time")),
        (lost, Failed(Fate.UNKNOWN, "Slack did not answer")),
    ],
)
def test_what_slack_does_is_told_in_our_words(slack: SlackApi, failure: Failure, expected: Failed) -> None:
    slack.fail("chat.postMessage", failure)
    assert say(app_of(slack)) == expected
    assert len(slack.called("chat.postMessage")) == 1, "nothing is tried again in here"


def test_a_slack_that_cannot_be_reached_has_surely_not_posted() -> None:
    app = SlackApp(TOKEN, CHANNEL, f"http://127.0.0.1:{closed_port()}/api/")
    assert say(app) == Failed(Fate.NOT_SENT, "Slack cannot be reached")


def test_what_was_posted_and_not_answered_is_found_again(slack: SlackApi) -> None:
    app, deadline = app_of(slack), Deadline.after(5)
    first = say(app)
    assert isinstance(first, Posted)
    slack.fail("chat.postMessage", lost)
    app.post({"text": "y"}, "n2", Place(first.ts), deadline)
    (reply_,) = slack.messages(thread=first.ts)
    since = NOW.replace(year=2000)
    assert app.find("n1", since, "", deadline) == first
    assert app.find("n2", since, first.ts, deadline) == Posted(CHANNEL, reply_["ts"])
    assert app.find("n2", since, "", deadline) is None
    slack.fail("conversations.history", unavailable)
    assert isinstance(app.find("n1", since, "", deadline), Failed), "not knowing is not absence"


def test_one_among_many_pages_is_found(slack: SlackApi) -> None:
    app, deadline = app_of(slack), Deadline.after(20)
    wanted = app.post({"text": "x"}, "wanted", Place(), deadline)
    for n in range(120):
        app.post({"text": "x"}, f"other {n}", Place(), deadline)
    assert app.find("wanted", NOW.replace(year=2000), "", deadline) == wanted


def test_an_edit_may_be_done_twice(slack: SlackApi) -> None:
    app, deadline = app_of(slack), Deadline.after(5)
    posted = say(app)
    assert isinstance(posted, Posted)
    assert [app.edit({"text": "z"}, posted, deadline) for _ in range(2)] == [posted, posted]
    assert [message["text"] for message in slack.messages()] == ["z"]
    gone = app.edit({"text": "z"}, Posted(CHANNEL, "1.0"), deadline)
    assert gone == Failed(Fate.REFUSED, "Slack says message_not_found")


def test_nothing_of_slacks_client_is_logged(slack: SlackApi, caplog: pytest.LogCaptureFixture) -> None:
    for failure in (unavailable, lost, error("invalid_auth"), silent):
        slack.fail("chat.postMessage", failure)
        say(app_of(slack, "xoxb-secret"))
    assert caplog.text == ""
    assert "xoxb" not in repr(app_of(slack))


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        (reply(202), Posted("", "")),
        (reply(429, headers={"Retry-After": "9"}), Failed(Fate.NOT_SENT, "it asks to wait", 9)),
        (reply(400, "bad card with secrets"), Failed(Fate.REFUSED, "it refused the message with HTTP 400")),
        (reply(404), Failed(Fate.NOT_SENT, "it refused the message with HTTP 404")),
        (reply(502), Failed(Fate.UNKNOWN, "it answered with HTTP 502")),
        (reply(302, headers={"Location": "http://169.254.169.254/"}), None),
        (hang, Failed(Fate.UNKNOWN, "no answer within 1s")),
        (reset, Failed(Fate.UNKNOWN, "the connection was closed before the answer was complete")),
    ],
)
def test_what_a_webhook_does_is_told_in_our_words(behaviour: Behaviour, expected: Posted | Failed | None) -> None:
    with WebServer(behaviour) as server:
        found = post(Http(Egress(("*",))), letter(f"{server.url}/hook?token=secret"), Deadline.after(SECOND))
        assert found == (expected or Failed(Fate.NOT_SENT, "it refused the message with HTTP 302"))
        (request,) = server.requests
        assert (request.headers["idempotency-key"], request.body) == ("n1", '{"text":"→"}'.encode())
        assert "secret" not in repr(letter(f"{server.url}/hook?token=secret"))


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "http://169.254.169.254/", "ftp://x/", "::"])
def test_what_a_user_chose_reaches_nothing_inside(url: str) -> None:
    found = post(Http(Egress()), letter(url), Deadline.after(SECOND))
    assert isinstance(found, Failed)
    assert url not in found.why


@pytest.mark.parametrize(
    ("url", "api", "admitted"),
    [
        ("https://hooks.slack.com/commands/T/1/x", SLACK_API, True),
        ("http://hooks.slack.com/commands/T/1/x", SLACK_API, False),
        ("https://hooks.slack.com.evil.com/x", SLACK_API, False),
        ("https://hooks.slack.com@evil.com/x", SLACK_API, False),
        ("http://127.0.0.1:8/response/1", "http://127.0.0.1:8/api/", True),
        ("http://127.0.0.1:9/response/1", "http://127.0.0.1:8/api/", False),
        ("https://hooks.slack.com/commands/T/1/x", "http://127.0.0.1:8/api/", False),
    ],
)
def test_answers_go_to_slack_alone(url: str, api: str, admitted: bool) -> None:
    assert admits(url, api) is admitted


def letter(url: str) -> Letter:
    return Letter(url, {"text": "→"}, "n1")
