"""AlertProviders and their Secrets, looked up when there is something to deliver and remembered for a minute.

A look-up costs requests of the tick's budget, so it waits for a tick that has some left.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from threading import Lock
from typing import TYPE_CHECKING

from shared.cluster.kinds import Kind
from shared.notices.provider import Provider, read_provider, secret_name

if TYPE_CHECKING:
    from datetime import datetime

    from shared.cluster.gateway import Gateway

KEPT = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, order=True)
class ProviderKey:
    """One AlertProvider of one cluster."""

    cluster: str
    namespace: str
    name: str


class Providers:
    """What this process knows of AlertProviders. Threads may share it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: dict[ProviderKey, tuple[datetime, Provider | str]] = {}

    def known(self, key: ProviderKey, now: datetime) -> Provider | str | None:
        """The provider, or what is wrong with it; None if it has to be looked up."""
        with self._lock:
            until, found = self._known.get(key, (now, None))
            return found if until > now else None

    def look_up(self, key: ProviderKey, gateway: Gateway, now: datetime) -> Provider | str:
        """Read the provider, in one or two requests. Raises what the gateway raises."""
        found = _read(key, gateway)
        with self._lock:
            self._known[key] = (now + KEPT, found)
        return found


def _read(key: ProviderKey, gateway: Gateway) -> Provider | str:
    raw = gateway.get(Kind.ALERT_PROVIDER, key.namespace, key.name)
    if raw is None:
        return "there is none"
    name = secret_name(raw)
    return read_provider(raw, gateway.get(Kind.SECRET, key.namespace, name) if name else None)
