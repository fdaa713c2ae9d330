"""Who may use the load tester: whoever has its token, and, where no token is set, neighbours on this machine only.

The token comes as a Bearer token or as the password of Basic authentication, which is how the URL of a hook carries it:
``http://serin:TOKEN@loadtester.test/``. Every token is compared with each request in constant time.
"""

from __future__ import annotations

import base64
import hmac
from binascii import Error
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

SHORTEST = 24
"""Characters of a token."""

_HOME = frozenset(map(ip_address, ("127.0.0.1", "::1")))
_PASSED_ON = ("forwarded", "x-forwarded-for", "x-envoy-decorator-operation", "x-request-id", "via")
"""Headers of a request that somebody passed on. Istio's sidecar calls from loopback (127.0.0.6) for anybody."""


@dataclass(frozen=True, slots=True)
class Login:
    """``tokens`` are all that are valid: the old and the new one during a change."""

    tokens: tuple[str, ...] = field(repr=False)

    def admits(self, headers: Mapping[str, str], address: str) -> bool:
        """Whether a caller at ``address`` with these ``headers`` (names in lower case) may come in."""
        if not self.tokens:
            return _is_neighbour(address) and not any(name in headers for name in _PASSED_ON)
        offered = _offered(headers.get("authorization", ""))
        return sum(hmac.compare_digest(offered, token.encode()) for token in self.tokens) > 0  # all are compared


def _offered(authorization: str) -> bytes:
    scheme, _, credentials = authorization.strip().partition(" ")
    match scheme.lower():
        case "bearer":
            return credentials.strip().encode("utf-8", "replace")
        case "basic":
            return _password(credentials.strip())
        case _:
            return b""


def _password(credentials: str) -> bytes:
    try:
        return base64.b64decode(credentials, validate=True).partition(b":")[2]
    except (Error, ValueError):
        return b""


def _is_neighbour(address: str) -> bool:
    try:
        return ip_address(address) in _HOME
    except ValueError:
        return False
