"""Who may call the tick and event functions (the service accounts of the settings) and who may read the metrics (who
knows a token); where the settings name nobody, neighbours on loopback only.

A function that was deployed without saying who may call it is closed to the world, and a laptop needs no tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from shared.errors import Unknown
from shared.identity.certificates import Certificates
from shared.identity.oidc import CallerRefused, Trust, Verifier
from shared.identity.shared_token import TokenVerifier
from shared.reply import NOT_NOW, UNAUTHORIZED, Reply

if TYPE_CHECKING:
    from shared.logs import Log
    from shared.settings import Settings


class Verifies(Protocol):
    """Whatever can tell by an ``Authorization`` header whether its sender may come in."""

    def verify(self, authorization: str | None) -> object:
        """Return for who may; CallerRefused, or Unknown if that cannot be found out now."""


NEIGHBOURS = frozenset({"127.0.0.1", "::1"})
"""Addresses of processes beside this one. The rest of 127.0.0.0/8 is not: Istio's sidecar passes strangers' requests on
from 127.0.0.6.
"""


@dataclass(frozen=True, slots=True)
class Gatekeeper:
    """Judges callers; ``verifier`` is None where only neighbours may call, because ``unset`` are not set."""

    verifier: Verifies | None
    log: Log
    unset: str = ""

    def turn_away(self, authorization: str | None, address: str) -> Reply | None:
        """None for who may come in, else the answer. The reason is in the log alone."""
        try:
            return self._judge(authorization, address)
        except CallerRefused as error:
            self.log.warning(f"A caller was turned away: {error}")
            return UNAUTHORIZED
        except Unknown as error:
            self.log.error(f"A caller could not be verified: {error}")
            return NOT_NOW

    def _judge(self, authorization: str | None, address: str) -> Reply | None:
        if self.verifier is not None:
            self.verifier.verify(authorization)
            return None
        if address in NEIGHBOURS:
            return None
        raise CallerRefused(f"no callers are set ({self.unset}), so only loopback may call")


def make_gatekeeper(settings: Settings, log: Log) -> Gatekeeper:
    """The gatekeeper of the tick and event functions for these settings."""
    if not settings.callers:
        return Gatekeeper(None, log, "SERIN_CALLERS, SERIN_AUDIENCES")
    trust = Trust(frozenset(settings.audiences), frozenset(settings.callers))
    return Gatekeeper(Verifier(trust, Certificates()), log)


def make_scrape_gatekeeper(settings: Settings, log: Log) -> Gatekeeper:
    """The gatekeeper of the metrics function for these settings."""
    tokens = settings.scrape_tokens
    return Gatekeeper(TokenVerifier(tokens) if tokens else None, log, "SERIN_SCRAPE_TOKENS")
