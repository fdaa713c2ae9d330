"""Who reads the metrics: a scraper proves itself by a bearer token that it shares with this installation, since
Prometheus has no identity tokens to show.

There may be several, so that a new one can be given to the scraper before the old one is taken away. Each is compared
with each request, in constant time: how long it takes tells nothing of which came close.

It must never log or return a token.
"""

from __future__ import annotations

import hmac
import re

from shared.identity.oidc import CallerRefused

SHORTEST = 24
"""Characters of a token; 24 of 64 possible ones are 144 bits."""

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750, section 2.1


class TokenVerifier:
    """Judges ``Authorization`` headers by a set of tokens."""

    def __init__(self, tokens: tuple[str, ...]) -> None:
        self._tokens = [token.encode() for token in tokens]

    def verify(self, authorization: str | None) -> None:
        """Return for who knows a token; CallerRefused for everybody else."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer":
            raise CallerRefused("there is no token (Authorization: Bearer ...)")
        offered = token.strip().encode("utf-8", "surrogatepass")
        matches = [hmac.compare_digest(offered, known) for known in self._tokens]
        if not any(matches):
            raise CallerRefused("the token is none of SERIN_SCRAPE_TOKENS")


def complain(token: str) -> str:
    """What is wrong with a token, to be refused at start; empty if it may be used."""
    if len(token) < SHORTEST:
        return f"must have at least {SHORTEST} characters each"
    if not _TOKEN.fullmatch(token):
        return "must be made of letters, digits and -._~+/ alone, with = at the end"
    return ""
