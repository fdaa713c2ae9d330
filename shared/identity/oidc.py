"""Who calls a function: Cloud Scheduler, Eventarc and Knative prove it with an identity token that Google signed.

A token is good when Google signed it (RS256, never what the token itself asks for), it is for us, for one of our
service accounts, and its time is now. Where Cloud Run checks callers itself (no access for ``allUsers``), it removes
the signature before the request comes here, and nothing can be verified: such a token is refused, and the log says why.

It must never tell a caller why it was refused, nor log a token. Importing it costs nothing: Google's library (0.07 s)
and ``requests`` (0.08 s) are loaded when the first certificate is fetched.
"""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from shared.errors import SerinError

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.identity.certificates import Certificates
    from shared.json_types import Json

ISSUERS = frozenset({"https://accounts.google.com", "accounts.google.com"})
LEEWAY_SECONDS = 30
"""How far clocks may be apart."""

_LONGEST = 8 * 1024
_REMOVED = "SIGNATURE_REMOVED_BY_GOOGLE"  # https://cloud.google.com/run/docs/troubleshooting#signature-removed


class CallerRefused(SerinError):
    """Its text, for the log alone, says what is wrong with the caller's token: answer 401 without a reason."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A proven caller: its service account, and which of our audiences it meant."""

    email: str
    audience: str


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom to believe: several audiences and several accounts, so that old and new work while one is changed."""

    audiences: frozenset[str]
    accounts: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Token:
    """A token that could be read; nothing in it is proven."""

    key: str
    claims: Json
    signed: bytes
    signature: bytes


class Verifier:
    """Judges ``Authorization`` headers. Threads may share it. ``now`` is the time in seconds since 1970."""

    def __init__(self, trust: Trust, certificates: Certificates, now: Callable[[], float] = time.time) -> None:
        self._trust, self._certificates, self._now = trust, certificates, now

    def verify(self, authorization: str | None) -> Caller:
        """Who sent this header (None: there was none).

        CallerRefused if it proves nothing (answer 401), KeysUnavailable if that cannot be found out now (503).
        """
        token = _read_token(authorization)
        self._check_signature(token)
        self._check_time(token.claims)
        return self._identify(token.claims)

    def _check_signature(self, token: _Token) -> None:
        key = self._certificates.find(token.key)
        if key is None:
            _refuse("it is signed with a key that Google does not have")
        try:
            good = key.verify(token.signed, token.signature)
        except TypeError:
            _refuse("its key is not an RSA key")
        if not good:
            _refuse("its signature is wrong")

    def _check_time(self, claims: Json) -> None:
        now = self._now()
        if _seconds(claims, "exp") + LEEWAY_SECONDS <= now:
            _refuse("it has expired")
        if max(_seconds(claims, "iat"), _seconds(claims, "nbf", 0)) - LEEWAY_SECONDS > now:
            _refuse("it is not valid yet: compare the clocks")

    def _identify(self, claims: Json) -> Caller:
        if _text(claims, "iss") not in ISSUERS:
            _refuse(f"its issuer is {_text(claims, 'iss')!r}")
        audience, email = _text(claims, "aud"), _text(claims, "email")
        if audience not in self._trust.audiences:
            _refuse(f"it is for the audience {audience!r}, which is not ours")
        if claims.get("email_verified") is not True:
            _refuse(f"its address {email!r} is not verified")
        if email not in self._trust.accounts:
            _refuse(f"its account {email!r} may not call")
        return Caller(email, audience)


def _read_token(authorization: str | None) -> _Token:
    scheme, _, text = (authorization or "").partition(" ")
    if scheme.lower() != "bearer":
        _refuse("there is none (Authorization: Bearer ...)")
    parts = text.strip().split(".")
    if len(text) > _LONGEST or len(parts) != 3:
        _refuse("it is not a JSON web token")
    if parts[2] == _REMOVED:
        _refuse("Cloud Run removed its signature: let allUsers invoke this function, which checks its callers itself")
    try:
        header, claims = _object(parts[0]), _object(parts[1])
        token = _Token(_text(header, "kid"), claims, f"{parts[0]}.{parts[1]}".encode("ascii"), _decode(parts[2]))
    except (ValueError, RecursionError):
        _refuse("it cannot be read")
    if header.get("alg") != "RS256" or not token.key:
        _refuse("it is not signed by RS256 with a named key")
    return token


def _object(part: str) -> Json:
    value = json.loads(_decode(part))
    if not isinstance(value, dict):
        _refuse("it is not made of JSON objects")
    return value


def _decode(part: str) -> bytes:
    return base64.b64decode(part.encode("ascii") + b"=" * (-len(part) % 4), altchars=b"-_", validate=True)


def _text(values: Json, name: str) -> str:
    value = values.get(name, "")
    return value if isinstance(value, str) else ""


def _seconds(claims: Json, name: str, default: int | None = None) -> int:
    value = claims.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool):
        _refuse(f"its {name} is not a time")
    return value


def _refuse(reason: str) -> NoReturn:
    raise CallerRefused(f"The caller's token was refused: {reason}")
