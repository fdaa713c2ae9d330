"""Heartbeat jobs in Cloud Scheduler. Terraform makes them; this pauses, resumes and runs them.

The service allows 500 writes a minute for a whole project, so what is already so is not written again. But others
write too: what this process remembers of a job counts for a minute at most. Google's reference wants a job ENABLED to
be paused and PAUSED to be resumed, and does not say whether a paused job can be run: refused or not, both are handled.

One thread at a time talks about one job, so that what is remembered is what was written last. It must never raise,
nor wait longer than its limit: the client's own retries, which go on for minutes, are switched off.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeAlias

from shared.checks.deadline import Deadline, call_within
from shared.jobs.complaints import Complaints
from shared.jobs.protocol import HEARTBEAT
from shared.jobs.trouble import Unsettled, explain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from google.cloud.scheduler_v1 import CloudSchedulerClient

    from shared.logs import Log

    Method: TypeAlias = Callable[[CloudSchedulerClient], Callable[..., Any]]

LIMIT_SECONDS = 4.0
"""For one call of ``resume``, ``pause`` or ``force``, whatever it takes."""

_ENABLED, _PAUSED = "ENABLED", "PAUSED"
# A paused job is not called. Who was called and wants to pause it has seen that somebody resumed it since, unless
# several calls end at the same time.
_TRUST_SECONDS = {_ENABLED: 60.0, _PAUSED: 10.0}


@dataclass(frozen=True, slots=True)
class Place:
    """Where the jobs are: a project, a location of it, and how their names begin."""

    project: str
    location: str
    prefix: str

    def name_job(self, cluster: str, job: str = HEARTBEAT) -> str:
        """The resource name of a cluster's job."""
        return f"projects/{self.project}/locations/{self.location}/jobs/{self.prefix}-{job}-{cluster}"


@dataclass(slots=True)
class _Memory:
    """What this process knows of one job: its state and since when, and when the last accepted run was asked for."""

    name: str
    turn: Lock = field(default_factory=Lock)
    state: str = ""
    since: float = 0.0
    forced_at: float = float("-inf")


def connect_to_google() -> CloudSchedulerClient:
    """A client with the service account of this process. Google's library, 0.2 s to import, is loaded here."""
    from google.cloud.scheduler_v1 import CloudSchedulerClient  # noqa: PLC0415  see above

    return CloudSchedulerClient()


@contextmanager
def _held(lock: Lock, deadline: Deadline) -> Iterator[None]:
    """With ``lock``. TimeoutError when others do not let go of it in time: the service hangs."""
    if not lock.acquire(timeout=deadline.left):
        raise TimeoutError
    try:
        yield
    finally:
        lock.release()


class CloudScheduler:
    """``shared.jobs.protocol.Jobs`` by Cloud Scheduler. ``connect`` makes the client when it is first needed."""

    def __init__(
        self,
        place: Place,
        log: Log,
        connect: Callable[[], CloudSchedulerClient] = connect_to_google,
        limit: float = LIMIT_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._place, self._limit, self._clock = place, limit, clock
        self._complaints = Complaints(log)
        self._lock = Lock()
        self._memories: dict[str, _Memory] = {}
        self._connect, self._connecting = connect, Lock()
        self._connected: CloudSchedulerClient | None = None

    def resume(self, cluster: str) -> bool:
        """See ``Jobs``; asks nothing when this process knows that the job is on."""
        return self._attempt("resume", cluster, self._make_enabled)

    def pause(self, cluster: str) -> bool:
        """See ``Jobs``; asks nothing when this process has just paused it."""
        return self._attempt("pause", cluster, self._make_paused)

    def force(self, cluster: str) -> bool:
        """See ``Jobs``; asks nothing when a run was begun for somebody else after this was called."""
        asked_at = self._clock()

        def run_for_all(memory: _Memory, deadline: Deadline) -> None:
            if memory.forced_at <= asked_at:
                self._run(memory, deadline)

        return self._attempt("run", cluster, run_for_all)

    def _attempt(self, action: str, cluster: str, work: Callable[[_Memory, Deadline], None]) -> bool:
        deadline = Deadline.after(self._limit)
        memory = self._memory_of(cluster)
        try:
            with _held(memory.turn, deadline):
                work(memory, deadline)
        except Exception as error:  # noqa: BLE001  the boundary that keeps the scheduler's troubles from every tick
            trouble = explain(error, action, memory.name)
            self._complaints.add(cluster, action, trouble.kind, trouble.text)
            return False
        self._complaints.settle(cluster, action)
        return True

    def _memory_of(self, cluster: str) -> _Memory:
        with self._lock:
            return self._memories.setdefault(cluster, _Memory(self._place.name_job(cluster)))

    def _make_enabled(self, memory: _Memory, deadline: Deadline) -> None:
        self._bring(memory, deadline, _ENABLED, lambda client: client.resume_job)

    def _make_paused(self, memory: _Memory, deadline: Deadline) -> None:
        self._bring(memory, deadline, _PAUSED, lambda client: client.pause_job)

    def _bring(self, memory: _Memory, deadline: Deadline, wanted: str, method: Method) -> None:
        """Have the job in the state ``wanted``. Unsettled if it can be in neither (DISABLED, UPDATE_FAILED)."""
        if memory.state == wanted and self._clock() - memory.since < _TRUST_SECONDS[wanted]:
            return
        if self._call(memory, deadline, method) is None:  # the service may say so of a job that is there already
            self._call(memory, deadline, lambda client: client.get_job)
        if memory.state != wanted:
            raise Unsettled(memory.state)

    def _run(self, memory: _Memory, deadline: Deadline) -> None:
        """Have one call made now, and the job enabled."""
        began = self._clock()
        if self._call(memory, deadline, lambda client: client.run_job) is None:
            self._make_enabled(memory, deadline)
            began = self._clock()
            if self._call(memory, deadline, lambda client: client.run_job) is None:
                raise Unsettled(memory.state)
        memory.forced_at = began
        self._make_enabled(memory, deadline)  # nothing to do, unless a paused job can be run

    def _call(self, memory: _Memory, deadline: Deadline, method: Method) -> str | None:
        """The job's state by the answer, which is remembered; None for "not in its present state"."""
        from google.api_core.exceptions import FailedPrecondition  # noqa: PLC0415  loaded with the client

        memory.state = ""  # a call that is not answered may have been obeyed
        send = method(self._client(deadline))
        try:
            job = send(name=memory.name, retry=None, timeout=deadline.left)
        except FailedPrecondition:
            return None
        memory.state, memory.since = job.state.name, self._clock()
        return memory.state

    def _client(self, deadline: Deadline) -> CloudSchedulerClient:
        return self._connected or call_within(deadline.left, lambda: self._connect_once(deadline))

    def _connect_once(self, deadline: Deadline) -> CloudSchedulerClient:
        with _held(self._connecting, deadline):
            self._connected = self._connected or self._connect()
            return self._connected
