"""Signs a request to AWS (Signature Version 4): a few hashes, for which AWS's own library would be 20 MB.

Source: AWS, "Create a signed AWS API request"; tested with the test suite that AWS published.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Keys:
    """Who signs; ``session`` is the token of temporary credentials."""

    access: str
    secret: str = field(repr=False)
    session: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Signed:
    """What is signed; every one of ``headers`` is."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""


def sign(request: Signed, keys: Keys, scope: tuple[str, str], now: float) -> dict[str, str]:
    """The headers to send: the request's, the date and the signature. ``scope`` is region and service, ``now`` is in
    seconds since 1970.
    """
    moment = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    token = {"X-Amz-Security-Token": keys.session} if keys.session else {}
    headers = {"Host": urlsplit(request.url).netloc, **request.headers, "X-Amz-Date": moment, **token}
    names = ";".join(sorted(name.lower() for name in headers))
    place = "/".join((moment[:8], *scope, "aws4_request"))
    digest = sha256(_canonical(request, headers, names).encode()).hexdigest()
    key = f"AWS4{keys.secret}".encode()
    for part in place.split("/"):
        key = _mac(key, part)
    signature = _mac(key, "\n".join((_ALGORITHM, moment, place, digest))).hex()
    credential = f"Credential={keys.access}/{place}, SignedHeaders={names}, Signature={signature}"
    return {**headers, "Authorization": f"{_ALGORITHM} {credential}"}


def _canonical(request: Signed, headers: Mapping[str, str], names: str) -> str:
    parts = urlsplit(request.url)
    pairs = sorted(
        (quote(key, safe="-_.~"), quote(value, safe="-_.~"))
        for key, value in parse_qsl(parts.query, keep_blank_values=True)
    )
    lines = sorted(f"{name.lower()}:{' '.join(value.split())}" for name, value in headers.items())
    return "\n".join(
        (
            request.method,
            quote(parts.path or "/", safe="/-_.~%"),
            "&".join(f"{key}={value}" for key, value in pairs),
            *lines,
            "",
            names,
            sha256(request.body).hexdigest(),
        )
    )


def _mac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), sha256)
