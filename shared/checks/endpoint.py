"""A URL of a hook or a metrics server, taken apart once: what is called, what people may read, and its credentials.

Queries, fragments and userinfo often hold tokens, so ``shown`` has none of them. A URL must never be given to people in
another form.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from shared.checks.wording import clean
from shared.errors import CheckUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST_SHOWN = 300


@dataclass(frozen=True, slots=True)
class Endpoint:
    """``url`` has no userinfo and no fragment; ``headers`` carry the userinfo as Basic authentication, as in Go."""

    url: str = field(repr=False)
    shown: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


def read_endpoint(url: str) -> Endpoint:
    """The parts of ``url``. CheckUnavailable if it is no http or https URL with a host."""
    try:
        parts = urlsplit(url.strip())
        place = _place(parts)
    except ValueError:
        raise CheckUnavailable("the address is not a URL") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise CheckUnavailable("the address has to be an http or https URL with a host")
    return Endpoint(
        url=urlunsplit((parts.scheme, place, parts.path, parts.query, "")),
        shown=clean(urlunsplit((parts.scheme, place, parts.path, "", "")), _LONGEST_SHOWN),
        headers=_userinfo_headers(parts),
    )


def show_url(url: str) -> str:
    """``url`` as people may read it, also when it makes no sense."""
    try:
        return read_endpoint(url).shown
    except CheckUnavailable:
        return "(not a URL)"


def basic_headers(user: str, password: str) -> dict[str, str]:
    """The header of Basic authentication (RFC 7617, in UTF-8)."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def secrets_in(headers: Mapping[str, str]) -> tuple[str, ...]:
    """What of an Authorization header people must never read: the credentials, and the password inside Basic ones."""
    header = next((value for name, value in headers.items() if name.lower() == "authorization"), "")
    scheme, _, credentials = header.partition(" ")
    if scheme != "Basic":
        return (credentials,)
    user, _, password = base64.b64decode(credentials).decode().partition(":")
    return credentials, password or user


def _userinfo_headers(parts: SplitResult) -> dict[str, str]:
    if not (parts.username or parts.password):
        return {}
    return basic_headers(unquote(parts.username or ""), unquote(parts.password or ""))


def _place(parts: SplitResult) -> str:
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    return host if parts.port is None else f"{host}:{parts.port}"
