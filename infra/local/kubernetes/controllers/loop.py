"""Brings objects in order, each when something happened to it or when its time has come: in a thread of its own, or
whenever its owner says so.

A piece of work is the name of a reconciler and the key of an object. Work that is waiting is not added twice; the
earlier time counts. A reconciler looks at the present state only, so it may run once too often, and work that failed is
simply tried again.
"""

import heapq
import logging
from collections.abc import Callable, Iterable, Mapping
from threading import Condition, Thread
from time import monotonic
from typing import NamedTuple, TypeAlias

from infra.local.kubernetes.errors import ApiError
from infra.local.kubernetes.store import Event, Key

_RETRY = 0.2  # seconds

# A reconciler returns the seconds until it wants to look again, or None.
Reconciler: TypeAlias = Callable[[Key], float | None]
Router: TypeAlias = Callable[[Event], "Iterable[Work]"]

_log = logging.getLogger(__name__)


class Work(NamedTuple):
    """Which reconciler has to look at which object."""

    reconciler: str
    key: Key


class Loop:
    """A listener of the store. `routes` say which work an event causes, `clock` counts seconds."""

    def __init__(
        self,
        reconcilers: Mapping[str, Reconciler],
        routes: Iterable[Router],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._clock = clock
        self._reconcilers = reconcilers
        self._routes = tuple(routes)
        self._due: dict[Work, float] = {}
        self._heap: list[tuple[float, Work]] = []
        self._changed = Condition()
        self._running = False
        self._thread = Thread(target=self._run, name="kubernetes-controllers", daemon=True)

    def start(self) -> None:
        self._running = True
        self._thread.start()

    def stop(self) -> None:
        with self._changed:
            self._running = False
            self._changed.notify()
        self._thread.join()

    def notice(self, event: Event) -> None:
        for route in self._routes:
            for work in route(event):
                self.add(work)

    def add(self, work: Work, delay: float = 0.0) -> None:
        """Has work done after so many seconds, or earlier if that was asked for before."""
        due = self._clock() + delay
        with self._changed:
            if due < self._due.get(work, float("inf")):
                self._due[work] = due
                heapq.heappush(self._heap, (due, work))
                self._changed.notify()

    def work_off(self) -> None:
        """Does all that is due, in the caller's thread: for whoever has a clock of their own and starts no thread."""
        while (work := self._due_now()) is not None:
            self._do_and_plan(work)

    def _run(self) -> None:
        while (work := self._next()) is not None:
            self._do_and_plan(work)

    def _do_and_plan(self, work: Work) -> None:
        delay = self._do(work)
        if delay is not None:
            self.add(work, delay)

    def _next(self) -> Work | None:
        with self._changed:
            while self._running:
                if (work := self._due_now()) is not None:
                    return work
                self._changed.wait(self._heap[0][0] - self._clock() if self._heap else None)
        return None

    def _due_now(self) -> Work | None:
        with self._changed:
            while self._heap and self._heap[0][0] <= self._clock():
                due, work = heapq.heappop(self._heap)
                if self._due.get(work) == due:  # else it was asked for earlier, and has been done
                    del self._due[work]
                    return work
        return None

    def _do(self, work: Work) -> float | None:
        try:
            return self._reconcilers[work.reconciler](work.key)
        except ApiError as error:
            _log.debug("%s of %s will be tried again: %s", work.reconciler, work.key, error)
        except Exception:  # noqa: BLE001 - one object that cannot be reconciled must not stop the others
            _log.exception("The embedded %s controller failed at %s", work.reconciler, work.key)
        return _RETRY
