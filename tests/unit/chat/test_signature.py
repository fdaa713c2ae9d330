"""Signatures: Slack's own example, secrets old and new, and what no Slack would send."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.chat.relay import MARK, is_continued
from shared.chat.signature import SIGNATURE, TIMESTAMP, is_signed
from tests.support.slack_people import SECRET, sign

# docs.slack.dev, "Verifying requests from Slack"
BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
    b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
    b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
    b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)
HEADERS = {
    TIMESTAMP: "1531420618",
    SIGNATURE: "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
}
THEN = datetime.fromtimestamp(1531420618, UTC)


def holds(seconds: float = 0, *secrets: str) -> bool:
    return is_signed(secrets or (SECRET,), HEADERS, BODY, lambda: THEN + timedelta(seconds=seconds))


def test_slacks_own_example_is_signed() -> None:
    assert holds()


@pytest.mark.parametrize(("seconds", "good"), [(300, True), (301, False), (-300, True), (-301, False)])
def test_it_is_good_for_five_minutes(seconds: float, good: bool) -> None:
    assert holds(seconds) is good


def test_the_old_and_the_new_secret_hold_during_a_change() -> None:
    assert holds(0, "another-secret-0123456", SECRET)
    assert not holds(0, "another-secret-0123456")


@given(st.text(), st.text(), st.binary())
def test_nothing_that_a_stranger_sends_breaks_the_check(signature: str, timestamp: str, body: bytes) -> None:
    assert not is_signed((SECRET,), {SIGNATURE: signature, TIMESTAMP: timestamp}, body, lambda: THEN)


@given(st.text())
def test_nobody_can_guess_the_mark_of_a_request_that_goes_on(mark: str) -> None:
    assert not is_continued((SECRET,), {**sign(b"x").headers, MARK: mark})
