"""Steady traffic from callers who do not wait for each other, and an account of every single request.

The rate is kept whatever the answers take (an open loop), as real callers would; so slow answers need more connections,
never fewer requests. Every request ends up as answered, with its status and workload, or as lost.
"""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_CALLERS = 64
_TIMEOUT_SECONDS = 15


@dataclass(frozen=True, slots=True)
class Traffic:
    """Counts of requests: asked for, lost without an answer, and answered by status and by workload."""

    asked: int
    lost: int
    statuses: Counter[int]
    workloads: Counter[str]

    @property
    def answered(self) -> int:
        """Requests that had an answer, good or bad."""
        return self.statuses.total()

    @property
    def failed(self) -> int:
        """Requests that were lost or answered with 5xx."""
        return self.lost + sum(number for status, number in self.statuses.items() if status >= 500)

    def since(self, earlier: Traffic) -> Traffic:
        """What came after an earlier account."""
        return Traffic(
            self.asked - earlier.asked,
            self.lost - earlier.lost,
            self.statuses - earlier.statuses,
            self.workloads - earlier.workloads,
        )


class Load:
    """A context manager that sends requests from the moment it is entered until it is left.

    Leaving waits for the answers on their way, so that ``traffic()`` then satisfies ``asked == answered + lost``.
    """

    def __init__(self, port: int, host: str, rate: float = 50.0, headers: Mapping[str, str] | None = None) -> None:
        self._port = port
        self._headers = {"Host": host, **(headers or {})}
        self._pause = 1 / rate
        self._lock = threading.Lock()
        self._asked, self._lost = 0, 0
        self._statuses: Counter[int] = Counter()
        self._workloads: Counter[str] = Counter()
        self._callers = ThreadPoolExecutor(_CALLERS, "caller")
        self._of_caller = threading.local()
        self._stopped = threading.Event()
        self._pacer = threading.Thread(target=self._pace, name="load", daemon=True)

    def __enter__(self) -> Load:
        self._pacer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._pacer.join()
        self._callers.shutdown()

    def traffic(self) -> Traffic:
        """The account so far."""
        with self._lock:
            return Traffic(self._asked, self._lost, Counter(self._statuses), Counter(self._workloads))

    def _pace(self) -> None:
        due = time.monotonic()
        while not self._stopped.wait(max(0.0, due - time.monotonic())):
            due += self._pause
            with self._lock:
                self._asked += 1
            self._callers.submit(self._ask)

    def _ask(self) -> None:
        try:
            status, workload = self._answer()
        except (OSError, http.client.HTTPException):
            self._connection().close()
            with self._lock:
                self._lost += 1
            return
        with self._lock:
            self._statuses[status] += 1
            self._workloads[workload] += 1

    def _answer(self) -> tuple[int, str]:
        connection = self._connection()
        connection.request("GET", "/", headers=self._headers)
        response = connection.getresponse()
        response.read()
        return response.status, response.headers.get("x-workload", "")

    def _connection(self) -> http.client.HTTPConnection:
        """This caller's own connection; it opens again by itself after it was closed."""
        if not hasattr(self._of_caller, "connection"):
            self._of_caller.connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_TIMEOUT_SECONDS)
        connection: http.client.HTTPConnection = self._of_caller.connection
        return connection
