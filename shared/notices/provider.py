"""An AlertProvider (``flagger.app/v1beta1``) as values, and the message in the shape that its type takes.

Flagger's types and defaults, and one of Serin's own: ``webhook``, for any address that takes JSON.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared.notices.receivers.attachment import write_attachment
from shared.notices.receivers.discord import write_discord
from shared.notices.receivers.generic import write_generic
from shared.notices.receivers.google_chat import write_google_chat
from shared.notices.receivers.teams import write_teams

if TYPE_CHECKING:
    from shared.json_types import Json, JsonObject
    from shared.notices.message import Message

TYPES = ("slack", "msteams", "discord", "rocket", "gchat", "webhook")


@dataclass(frozen=True, slots=True)
class Provider:
    """``address`` and ``token`` are credentials. A token makes a provider of type ``slack`` a bot."""

    type: str
    channel: str
    user: str
    address: str = field(repr=False)
    token: str = field(default="", repr=False)


def secret_name(raw: Json) -> str:
    """The Secret that the AlertProvider ``raw`` names; empty if it names none."""
    return str(((raw.get("spec") or {}).get("secretRef") or {}).get("name", ""))


def read_provider(raw: Json, secret: Json | None) -> Provider | str:
    """The provider, or what is wrong with it. What the Secret says wins."""
    spec = raw.get("spec") or {}
    if spec.get("type") not in TYPES:
        return f"its type has to be one of {', '.join(TYPES)}"
    if spec.get("proxy"):
        return "proxies are not supported by this version of Serin"
    if secret_name(raw) and secret is None:
        return f"there is no Secret {secret_name(raw)}"
    address = _entry(secret, "address") or str(spec.get("address") or "")
    token = _entry(secret, "token") if spec["type"] == "slack" else ""
    if not address and not token:
        return "it has no address"
    channel, user = str(spec.get("channel") or "general"), str(spec.get("username") or "serin")
    return Provider(spec["type"], channel, user, address, token)


def write_for(provider: Provider, message: Message) -> JsonObject:
    """The JSON that the provider takes."""
    match provider.type:
        case "slack" | "rocket":
            return write_attachment(message, provider.channel, provider.user)
        case "msteams":
            return write_teams(message)
        case "discord":
            return write_discord(message, provider.user)
        case "gchat":
            return write_google_chat(message)
        case _:
            return write_generic(message)


def address_of(provider: Provider) -> str:
    """Where to post. Flagger's users give Discord's address with ``/slack`` at its end, or Flagger adds it."""
    return provider.address.removesuffix("/slack") if provider.type == "discord" else provider.address


def _entry(secret: Json | None, name: str) -> str:
    """One value of a Secret as text; empty if there is none that is text."""
    try:
        encoded = ((secret or {}).get("data") or {}).get(name, "")
        return base64.b64decode(encoded, validate=True).decode().strip()
    except (binascii.Error, UnicodeDecodeError):
        return ""
