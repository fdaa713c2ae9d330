"""The Slack app's manifest: Slack would take it, and it fits what the code does and asks for.

Limits are those of Slack's own schema (github.com/slackapi/manifest-schema, 1.0.0); scopes are those of the methods'
reference pages on docs.slack.dev.
"""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from shared.chat.order import WORDS
from shared.settings import Settings

ROOT = Path(__file__).parents[3]
MANIFEST = yaml.safe_load((ROOT / "infra" / "slack" / "manifest.yaml").read_text())
SCOPES = {
    "chat_postMessage": {"chat:write"},
    "chat_update": {"chat:write"},
    "conversations_history": {"channels:history", "groups:history"},
    "conversations_replies": {"channels:history", "groups:history"},
    "usergroups_users_list": {"usergroups:read"},
}


def test_slack_would_take_it() -> None:
    assert set(MANIFEST) <= {"display_information", "features", "oauth_config", "settings"}
    shown = MANIFEST["display_information"]
    assert len(shown["name"]) <= 35
    assert len(shown["description"]) <= 140
    assert re.fullmatch(r"#[0-9a-f]{6}", shown["background_color"])
    (command,) = MANIFEST["features"]["slash_commands"]
    assert set(command) == {"command", "url", "description", "usage_hint", "should_escape"}
    assert len(command["usage_hint"]) <= 1000


def test_the_command_is_the_one_that_answers_name_and_its_hint_has_every_word() -> None:
    (command,) = MANIFEST["features"]["slash_commands"]
    assert command["command"] == Settings().slack_command
    assert set(command["usage_hint"].split(" | ")) == set(WORDS)


def test_commands_and_buttons_go_to_one_address() -> None:
    (command,) = MANIFEST["features"]["slash_commands"]
    assert MANIFEST["settings"]["interactivity"] == {"is_enabled": True, "request_url": command["url"]}
    assert command["url"].endswith("/slack")


def test_the_scopes_are_those_of_the_methods_that_the_code_calls_and_no_more() -> None:
    code = "\n".join(path.read_text() for path in (ROOT / "shared").rglob("*.py"))
    called = set(re.findall(r"\b[a-z]+\.((?:chat|conversations|users|usergroups|reactions)_\w+)\(", code))
    needed = {scope for name in called for scope in SCOPES[name]}
    given = set(MANIFEST["oauth_config"]["scopes"]["bot"])
    assert needed | {"commands"} <= given
    assert given <= {"commands"}.union(*SCOPES.values())
