"""The local loop: calls the tick function over HTTP where no cloud scheduler does, as in the demo.

Each job has a thread of its own, so that a long heartbeat never keeps a sweep waiting; within a job one call ends
before the next begins. A call that fails is said once and made again soon: the function's memory is the
store, so a lost call loses nothing. A job can be paused, resumed and forced while the loop runs.

It must never tick by itself: it knows an address, not the product.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import requests

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from shared.json_types import JsonObject
    from shared.logs import Log


STUCK = 60.0
"""Seconds beyond its limit after which a call is not believed to end."""

AGAIN = 15.0
"""The longest pause, in seconds, after a call that failed: a sweep does not wait for its ten minutes."""


@dataclass(frozen=True, slots=True)
class Job:
    """One job of the tick function, in seconds where it is about time.

    ``name`` is the ``job`` of its body and ``cluster`` the cluster that it is for, empty for the function's first;
    ``every`` is the pause between the end of one call and the start of the next, ``limit`` how long a call may stay
    silent.
    """

    name: str
    every: float
    limit: float
    cluster: str = ""

    @property
    def body(self) -> JsonObject:
        """What the function is sent."""
        return {"job": self.name} | ({"cluster": self.cluster} if self.cluster else {})

    def __str__(self) -> str:
        """The job in a sentence."""
        return f"{self.name} call for cluster {self.cluster}" if self.cluster else f"{self.name} call"


class LocalLoop:
    """Calls the function at ``url`` while its ``with`` block lasts: each job at once, and again after each pause.

    Leaving the block begins no further call and waits for those that are under way, so that no tick is cut short.
    ``pause``, ``resume`` and ``force`` are for any thread; they say whether the loop has that job, by its name and
    cluster, and has not ended.
    """

    def __init__(self, url: str, jobs: Sequence[Job], log: Log) -> None:
        self._url = url
        self._log = log
        self._jobs = tuple(jobs)
        self._turns = {(job.name, job.cluster): _Turns() for job in jobs}
        self._threads = [threading.Thread(target=self._repeat, args=(job,), name=job.name, daemon=True) for job in jobs]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
        for thread in self._threads:
            thread.join()

    def end(self) -> None:
        """Begin no further call, and wait for none."""
        for turns in self._turns.values():
            turns.end()

    def trouble(self) -> str:
        """Why the loop does not do its work, for whoever can start the process again; empty while it does."""
        for job, thread in zip(self._jobs, self._threads, strict=True):
            if not thread.is_alive():
                return f"nobody makes the {job} any more"
            if self._turns[job.name, job.cluster].lasted() > job.limit + STUCK:
                return f"the {job} does not end"
        return ""

    def pause(self, name: str, cluster: str = "") -> bool:
        """Call the job no more until it is resumed or forced; a call that was forced before still comes."""
        return self._change((name, cluster), paused=True)

    def resume(self, name: str, cluster: str = "") -> bool:
        """Call the job again: at once if the pause after its last call is over."""
        return self._change((name, cluster), paused=False)

    def force(self, name: str, cluster: str = "") -> bool:
        """Resume the job and call it at once, or once more when a call under way has ended."""
        return self._change((name, cluster), paused=False, forced=True)

    def _change(self, job: tuple[str, str], *, paused: bool, forced: bool = False) -> bool:
        return job in self._turns and self._turns[job].change(paused=paused, forced=forced)

    def _repeat(self, job: Job) -> None:
        said = ""
        turns = self._turns[job.name, job.cluster]
        with requests.Session() as session:
            session.trust_env = False  # the function is a neighbour: no proxy and no netrc of this machine concerns it
            while turns.take():
                trouble = self._call(session, job)
                if trouble and trouble != said:
                    self._log.warning(f"{trouble}; calling again every {min(job.every, AGAIN):g}s", job=job.name)
                said = trouble
                turns.rest(min(job.every, AGAIN) if trouble else job.every)

    def _call(self, session: requests.Session, job: Job) -> str:
        """Make one call; what went wrong, or nothing."""
        try:
            response = session.post(self._url, json=job.body, timeout=job.limit)
        except requests.RequestException as error:
            return f"The {job} to {self._url} got no answer ({type(error).__name__})"
        return "" if response.ok else f"The {job} to {self._url} was answered with {response.status_code}"


class _Turns:
    """When the one thread of a job makes its next call, as any thread may change it."""

    def __init__(self) -> None:
        self._due = time.monotonic()
        self._began: float | None = None
        self._paused = self._forced = self._ended = False
        self._changed = threading.Condition()

    def take(self) -> bool:
        """Wait for the next turn; False when there will be none."""
        with self._changed:
            while not self._ended and (wait := self._wait()) != 0:
                self._changed.wait(wait)
            self._forced = False
            self._began = time.monotonic()
            return not self._ended

    def lasted(self) -> float:
        """Seconds since the call under way began; 0 if there is none."""
        with self._changed:
            return 0.0 if self._began is None else time.monotonic() - self._began

    def rest(self, seconds: float) -> None:
        """A call has ended: the next one is due after so long."""
        with self._changed:
            self._due, self._began = time.monotonic() + seconds, None

    def change(self, *, paused: bool, forced: bool = False) -> bool:
        """Whether it was in time."""
        with self._changed:
            self._paused = paused
            self._forced |= forced
            self._changed.notify()
            return not self._ended

    def end(self) -> None:
        """Give no further turn."""
        with self._changed:
            self._ended = True
            self._changed.notify()

    def _wait(self) -> float | None:
        """Seconds until the next turn; None while there is none in sight."""
        if self._forced:
            return 0.0
        return None if self._paused else max(0.0, self._due - time.monotonic())
