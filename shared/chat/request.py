"""What Slack sends: somebody typed a slash command, or pressed a button. Read from the form after its signature.

Facts: docs.slack.dev, "Enabling interactivity with slash commands" and "block_actions payload". A request without an id
of Slack's own takes one from its body, so that the same request is always the same.

It must never believe an address: answers go to Slack's host and nowhere else.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import parse_qs, urlsplit

from shared.body import Refusal, media_type, read_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.json_types import Json

LARGEST = 256 * 1024
"""Bytes of a request. A press carries the whole message that its button is on, encoded twice."""

LONGEST_TEXT = 4000
"""Characters that are read of what somebody typed."""

BUTTONS = ("abort", "approve", "promote")

_FORM = "application/x-www-form-urlencoded"
_SLACK = "slack.com"
_HOOKS = "https://hooks.slack.com"


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks, and where. ``guest`` if the account belongs to another workspace than the app (Slack Connect)."""

    user: str
    name: str
    channel: str
    channel_name: str = ""
    guest: bool = False

    @property
    def by(self) -> str:
        """For the record: name and id."""
        return f"{self.name} ({self.user})" if self.name else self.user

    @property
    def source(self) -> str:
        """For the record: where it was asked."""
        match self.channel_name:
            case "" | "directmessage" | "privategroup":
                return f"Slack {self.channel}"
            case name:
                return f"Slack #{name}"


@dataclass(frozen=True, slots=True)
class Typed:
    """Somebody typed a slash command, and ``text`` behind it. ``continued`` if work on it has begun before."""

    id: str
    person: Person
    text: str
    reply: str
    continued: bool = False


@dataclass(frozen=True, slots=True)
class Pressed:
    """Somebody pressed the button ``action`` of a message about one run of a rollout (``cluster:namespace:name``)."""

    id: str
    person: Person
    action: str
    rollout: str
    run: str
    revision: str
    gate: str
    reply: str
    continued: bool = False


@dataclass(frozen=True, slots=True)
class Ignored:
    """A request that asks for nothing: a link in a message was followed, a menu opened."""


Request: TypeAlias = Typed | Pressed | Ignored


def read_request(body: bytes, content_type: str, api: str) -> Request | Refusal:
    """What a signed form asks for; ``api`` is the base URL of Slack's API."""
    if media_type(content_type) != _FORM:
        return Refusal(415, f"the body must be {_FORM}")
    try:
        form = {name: values[-1] for name, values in parse_qs(body.decode(), max_num_fields=100).items()}
    except ValueError:
        return Refusal(400, "the body is not a form in UTF-8")
    fallback = hashlib.sha256(body).hexdigest()[:32]
    if "payload" in form:
        return _read_press(form["payload"], fallback, api)
    if "command" not in form or not form.get("user_id"):
        return Refusal(400, "the body is neither a slash command nor an interaction")
    name, channel, place = (form.get(field, "") for field in ("user_name", "channel_id", "channel_name"))
    person = Person(form["user_id"], _name(name), channel, place)
    identity = f"slack:{form.get('trigger_id') or fallback}"
    return Typed(identity, person, form.get("text", "")[:LONGEST_TEXT], admitted(form.get("response_url", ""), api))


def admitted(url: str, api: str) -> str:
    """``url`` if answers may go there, else nothing: on hooks.slack.com, or where ``api`` is if that is not Slack's."""
    home = urlsplit(api)
    allowed = _HOOKS if home.hostname == _SLACK else f"{home.scheme}://{home.netloc}"
    return url if url.startswith(f"{allowed}/") else ""


def _read_press(payload: str, fallback: str, api: str) -> Request | Refusal:
    press = read_object(payload.encode(), LARGEST)
    if isinstance(press, Refusal):
        return press
    actions = press.get("actions")
    action = actions[0] if isinstance(actions, list) and actions and isinstance(actions[0], dict) else {}
    if press.get("type") != "block_actions" or action.get("action_id") not in BUTTONS:
        return Ignored()
    person = _person(press)
    if not person.user:
        return Refusal(400, "the interaction names no user")
    told = _object(action.get("value"))
    unique = f"{_text(press, 'trigger_id') or fallback}:{_text(action, 'action_ts')}"
    return Pressed(
        id=f"slack:{unique}",
        person=person,
        action=_text(action, "action_id"),
        rollout=_text(told, "rollout"),
        run=_text(told, "run"),
        revision=_text(told, "revision"),
        gate=_text(told, "gate"),
        reply=admitted(_text(press, "response_url"), api),
    )


def _person(press: Json) -> Person:
    user, channel, team = _part(press, "user"), _part(press, "channel"), _text(_part(press, "team"), "id")
    name = _name(_text(user, "username") or _text(user, "name"))
    guest = bool(team) and _text(user, "team_id") not in ("", team)
    return Person(_text(user, "id"), name, _text(channel, "id"), _text(channel, "name"), guest)


def _name(text: str) -> str:
    return " ".join(text.split())[:80]


def _object(text: object) -> Json:
    found = read_object(text.encode(), LARGEST) if isinstance(text, str) else {}
    return {} if isinstance(found, Refusal) else found


def _part(obj: Json, name: str) -> Json:
    value = obj.get(name)
    return value if isinstance(value, dict) else {}


def _text(obj: Mapping[str, Any], name: str) -> str:
    value = obj.get(name)
    return value if isinstance(value, str) else ""
