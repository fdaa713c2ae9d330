"""All that the threads of a process share for one cluster: its connections, its credentials, its allowance, and the
knowledge that it does not answer.

A request waits its turn for a bounded time. A cluster that does not answer is asked by one request now and then, and
the others are told so at once: it must not take the time of those that do answer. Credentials that cannot be renewed
are used as long as they work.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from shared.cluster.gateway import Gateway
from shared.clusters.connection import authorise, open_client
from shared.clusters.limits import Breaker, Bucket
from shared.errors import ClusterUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubernetes.client import ApiClient

    from shared.clusters.connection import Connection
    from shared.clusters.registry import Cluster
    from shared.clusters.sources import Source

FAILURES, PAUSE = 3, 15.0
"""After so many requests without an answer the cluster is asked once in so many seconds."""
TURN_SECONDS = 5.0
"""How long a request waits for its turn."""
RENEW_SECONDS = 10.0
"""Time between two attempts to read the credentials anew."""
_OPENING_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Time:
    """Seconds of a clock that only goes forward, and how to wait."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True, slots=True)
class _Opened:
    client: ApiClient
    connection: Connection
    at: float


class Link:
    """The way to one cluster; it is the guard of all its gateways. Threads may share it."""

    def __init__(self, cluster: Cluster, source: Source, connections: int, time_: Time) -> None:
        self._name = cluster.name
        self._per_second = cluster.allowance.per_second
        self._source = source
        self._connections = connections
        self._time = time_
        self._limits = Lock()
        self._bucket = Bucket(cluster.allowance, time_.clock())
        self._breaker = Breaker(FAILURES, PAUSE)
        self._opening = Lock()
        self._opened: _Opened | None = None
        self._due_at = time_.clock()
        self._trouble = "its credentials are being read"

    def gateway(self) -> Gateway:
        """A gateway over the connections of this cluster. ClusterUnavailable if there is no way to it."""
        if self._time.clock() >= self._due_at:
            self._open()
        if self._opened is None:
            raise ClusterUnavailable(f"cluster {self._name} cannot be asked: {self._trouble}")
        return Gateway(self._opened.client, self, f"Kubernetes API of cluster {self._name}")

    def before(self) -> None:
        """See ``Guard``: its turn, the credentials of this moment, and the breaker."""
        self._wait_for_turn()
        self._authorise()
        with self._limits:
            if not self._breaker.admit(self._time.clock()):
                raise self._silent()

    def after(self, status: int) -> None:
        """See ``Guard``. After a 401 (Unauthorized) the credentials are read anew for the gateways to come."""
        now = self._time.clock()
        with self._limits:
            if status:
                self._breaker.succeeded()
            else:
                self._breaker.failed(now)
        if status == 401 and self._opened is not None:
            self._due_at = min(self._due_at, self._opened.at + RENEW_SECONDS)

    def _wait_for_turn(self) -> None:
        with self._limits:
            now = self._time.clock()
            if self._breaker.refuses(now):
                raise self._silent()
            wait = self._bucket.take(now, TURN_SECONDS)
        if wait is None:
            limit = f"{self._per_second:g} requests per second"
            raise ClusterUnavailable(f"cluster {self._name} may be asked {limit}, and more are waiting: allow it more")
        if wait:
            self._time.sleep(wait)

    def _silent(self) -> ClusterUnavailable:
        # Always the same words: who repeats a complaint for each tick recognises it by them.
        return ClusterUnavailable(f"cluster {self._name} does not answer; it is tried again every {PAUSE:.0f} s")

    def _authorise(self) -> None:
        opened = self._opened
        if opened is None:
            return
        try:
            authorise(opened.client, opened.connection.authorization())
        except ClusterUnavailable as error:
            raise ClusterUnavailable(f"cluster {self._name} cannot be asked: {error}") from None

    def _open(self) -> None:
        """One thread reads; who can do without goes on, the others wait for it a while."""
        if not self._opening.acquire(timeout=0 if self._opened else _OPENING_SECONDS):
            return
        try:
            if self._time.clock() >= self._due_at:
                self._read()
        finally:
            self._opening.release()

    def _read(self) -> None:
        try:
            connection = self._source.connect()
        except ClusterUnavailable as error:
            self._trouble = str(error)
            self._due_at = self._time.clock() + RENEW_SECONDS
            return
        now, before = self._time.clock(), self._opened
        same = before is not None and before.connection.place == connection.place
        client = before.client if before and same else open_client(connection.place, self._connections)
        self._opened = _Opened(client, connection, now)
        self._due_at = now + self._source.lifetime
