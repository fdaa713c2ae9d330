"""The demo's traffic: callers of an app in a cluster, and the metrics that their requests leave behind.

A few times a second it reads what the cluster says (:mod:`infra.local.mesh`), lets the requests that are due take the
routes in force (:mod:`infra.local.callers`), and adds what the proxies would report to a store. While the API server
is away, the last routes stay in force, as in a mesh. It must never write to the cluster.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Self

from infra.local.callers import Callers, Counts
from infra.local.mesh import MeshReader, UnreadableError

if TYPE_CHECKING:
    from infra.local.series import Store

STEP_SECONDS = 0.25
"""How often the cluster is read and the metrics are sampled."""

_LONGEST_STEP_SECONDS = 2.0  # after the machine slept, its callers do not all come at once

_log = logging.getLogger(__name__)


class Traffic:
    """Calls ``app`` at ``rate`` requests a second while its ``with`` block lasts; ``seed`` fixes every chance.

    ``token`` is a bearer token for the API server; set it before the start if one is needed.
    """

    token = ""

    def __init__(self, api_url: str, namespace: str, app: str, store: Store, rate: float = 20.0, seed: int = 0) -> None:
        self._place = (api_url, namespace, app)
        self._store = store
        self._rate = rate
        self._callers = Callers(namespace, app, seed)
        self._due = 0.0
        self._problem = ""
        self._epoch = time.time() - time.monotonic()  # samples never go back in time, whatever the clock does
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"traffic-{app}", daemon=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin to call, once in its life."""
        self._thread.start()

    def stop(self) -> None:
        """Call no more, and wait for the step in progress."""
        self._stopping.set()
        self._thread.join()

    @property
    def counts(self) -> Counts:
        """The requests so far, by what became of them. Two of these a second apart give rates."""
        return self._callers.counts

    @property
    def lost(self) -> int:
        """Requests that were routed to nobody who could answer."""
        return self.counts.lost

    def _run(self) -> None:
        reader = MeshReader(*self._place, self.token)
        before = time.monotonic()
        while not self._stopping.wait(STEP_SECONDS):
            now = time.monotonic()
            self._follow(reader)
            self._send(min(now - before, _LONGEST_STEP_SECONDS))
            self._store.add_all(self._callers.samples(), self._epoch + now)
            before = now
        reader.close()

    def _follow(self, reader: MeshReader) -> None:
        try:
            self._callers.follow(reader.read())
            self._problem = ""
        except UnreadableError as error:
            if str(error) != self._problem:
                _log.warning("Traffic keeps its last routes: %s", error)
            self._problem = str(error)

    def _send(self, seconds: float) -> None:
        """Send what is due, to the request: what is left of a fraction counts for the next step."""
        self._due += seconds * self._rate
        requests = int(self._due)
        self._due -= requests
        self._callers.send(requests)
