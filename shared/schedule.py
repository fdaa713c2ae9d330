"""The local loop: calls the tick function over HTTP where no cloud scheduler does, as in the demo.

Each job has a thread of its own, so that a long heartbeat never keeps a sweep waiting; within a job one call ends
before the next begins. A call that fails is said once and made again at its next turn: the function's memory is the
store, so a lost call loses nothing.

It must never tick by itself: it knows an address, not the product.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import requests

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from shared.logs import Log


@dataclass(frozen=True, slots=True)
class Job:
    """One job of the tick function, in seconds where it is about time.

    ``name`` is the ``job`` of its body, ``every`` the pause between the end of one call and the start of the next,
    ``limit`` how long a call may stay silent.
    """

    name: str
    every: float
    limit: float


class LocalLoop:
    """Calls the function at ``url`` while its ``with`` block lasts: each job at once, and again after each pause.

    Leaving the block begins no further call and waits for those that are under way, so that no tick is cut short.
    """

    def __init__(self, url: str, jobs: Sequence[Job], log: Log) -> None:
        self._url = url
        self._log = log
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._repeat, args=(job,), name=job.name, daemon=True) for job in jobs]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _repeat(self, job: Job) -> None:
        said = ""
        with requests.Session() as session:
            session.trust_env = False  # the function is a neighbour: no proxy and no netrc of this machine concerns it
            while not self._stop.is_set():
                trouble = self._call(session, job)
                if trouble and trouble != said:
                    self._log.warning(f"{trouble}; calling again every {job.every:g}s", job=job.name)
                said = trouble
                self._stop.wait(job.every)

    def _call(self, session: requests.Session, job: Job) -> str:
        """Make one call; what went wrong, or nothing."""
        try:
            response = session.post(self._url, json={"job": job.name}, timeout=job.limit)
        except requests.RequestException as error:
            return f"The {job.name} call to {self._url} got no answer ({type(error).__name__})"
        return "" if response.ok else f"The {job.name} call to {self._url} was answered with {response.status_code}"
