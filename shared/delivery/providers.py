"""AlertProviders and their Secrets, looked up when there is something to deliver and remembered for a minute.

A look-up is a request of the tick's budget, which a busy tick uses up. So it is made in two steps, one request each,
and the tick leaves one of its Events for the next tick to write.
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
    from shared.json_types import JsonObject

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
        self._halves: dict[ProviderKey, JsonObject] = {}

    def known(self, key: ProviderKey, now: datetime) -> Provider | str | None:
        """The provider, or what is wrong with it; None if it has to be looked up."""
        with self._lock:
            until, found = self._known.get(key, (now, None))
            return found if until > now else None

    def look_up(self, key: ProviderKey, gateway: Gateway, budget: int, now: datetime) -> Provider | str | None:
        """The provider, or what is wrong with it; None if another tick has to go on. Raises what the gateway raises.

        The gateway's tick makes no more than ``budget`` requests.
        """
        with self._lock:
            raw = self._halves.pop(key, None)
        if raw is None:
            if gateway.spent >= budget:
                return None
            raw = gateway.get(Kind.ALERT_PROVIDER, key.namespace, key.name)
        if raw is None:
            return self._remember(key, "there is none", now)
        return self._complete(key, raw, gateway, budget, now)

    def _complete(
        self, key: ProviderKey, raw: JsonObject, gateway: Gateway, budget: int, now: datetime
    ) -> Provider | str | None:
        name = secret_name(raw)
        if name and gateway.spent >= budget:
            with self._lock:
                self._halves[key] = raw
            return None
        secret = gateway.get(Kind.SECRET, key.namespace, name) if name else None
        return self._remember(key, read_provider(raw, secret), now)

    def _remember(self, key: ProviderKey, found: Provider | str, now: datetime) -> Provider | str:
        with self._lock:
            self._known[key] = (now + KEPT, found)
        return found
