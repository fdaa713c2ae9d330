"""What Slack sends, read after its signature: whatever stands in it, the answer is a request or a refusal."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.body import Refusal
from shared.chat.request import Ignored, Person, Pressed, Typed, admitted, read_request
from shared.notices.choice import SLACK_API
from tests.support.slack_people import Somebody

FORM = "application/x-www-form-urlencoded"
HOOK = "https://hooks.slack.com/commands/T0/1/x"
ADA = Person("U0ADA", "ada", "C0SHOP", "shop")

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_names = st.sampled_from(["type", "user", "team", "channel", "actions", "trigger_id", "response_url", "x"])


def read(body: bytes) -> object:
    return read_request(body, FORM, SLACK_API)


def test_a_slash_command_is_read() -> None:
    body = Somebody().type("abort shop.test", trigger_id="1.2.3").body
    assert read(body) == Typed("slack:1.2.3", ADA, "abort shop.test", HOOK)


def test_a_press_is_read() -> None:
    value = {"rollout": "default:test:shop", "run": "000012", "revision": "v1-a", "gate": "confirm-promotion/a"}
    action = {"action_id": "abort", "value": json.dumps(value), "action_ts": "1700.5"}
    body = Somebody().press("", {}, trigger_id="1.2.3", actions=[action]).body
    shown = ("default:test:shop", "000012", "v1-a", "confirm-promotion/a")
    assert read(body) == Pressed("slack:1.2.3:1700.5", ADA, "abort", *shown, HOOK)


def test_a_request_without_an_id_of_slacks_takes_one_from_its_body() -> None:
    once, other = (Somebody().type(text, trigger_id="").body for text in ("abort a.b", "abort a.c"))
    assert read(once) == read(once)
    assert isinstance(typed := read(once), Typed)
    assert isinstance(second := read(other), Typed)
    assert typed.id != second.id


@pytest.mark.parametrize(
    "change",
    [
        {"type": "view_submission"},
        {"actions": []},
        {"actions": [{"action_id": "open-grafana", "type": "button"}]},
        {"actions": "abort"},
    ],
)
def test_what_asks_for_nothing_is_let_pass(change: dict[str, object]) -> None:
    assert read(Somebody().press("abort", {}, **change).body) == Ignored()


def test_somebody_of_another_workspace_is_a_guest() -> None:
    pressed = read(Somebody(team="T0OTHER").press("abort", {}).body)
    assert isinstance(pressed, Pressed)
    assert pressed.person.guest


def test_a_name_cannot_bring_lines_or_novels_into_the_record() -> None:
    typed = read(Somebody(name="a\nb " + "c" * 500).type("status").body)
    assert isinstance(typed, Typed)
    assert typed.person.by == "a b " + "c" * 76 + " (U0ADA)"


@given(st.dictionaries(_names, _json, max_size=8))
def test_no_interaction_breaks_the_reader(payload: dict[str, object]) -> None:
    payload = {"type": "block_actions", "actions": [{"action_id": "abort", "value": "["}], **payload}
    found = read(urlencode({"payload": json.dumps(payload)}).encode())
    assert isinstance(found, Pressed | Ignored | Refusal)


@given(st.binary())
def test_no_body_breaks_the_reader(body: bytes) -> None:
    assert isinstance(read(body), Typed | Pressed | Ignored | Refusal)


@pytest.mark.parametrize(
    ("url", "api", "allowed"),
    [
        (HOOK, SLACK_API, True),
        ("http://hooks.slack.com/x", SLACK_API, False),
        ("https://hooks.slack.com.evil.example/x", SLACK_API, False),
        ("https://hooks.slack.com@evil.example/x", SLACK_API, False),
        ("https://hooks.slack.com:8443/x", SLACK_API, False),
        ("https://slack.com/x", SLACK_API, False),
        ("http://169.254.169.254/x", SLACK_API, False),
        ("http://127.0.0.1:9/response/x", "http://127.0.0.1:9/api/", True),
        ("http://127.0.0.1:90/response/x", "http://127.0.0.1:9/api/", False),
        (HOOK, "http://127.0.0.1:9/api/", False),
    ],
)
def test_answers_go_to_slacks_host_and_nowhere_else(url: str, api: str, allowed: bool) -> None:
    assert admitted(url, api) == (url if allowed else "")
