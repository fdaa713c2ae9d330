"""The samples of the embedded metrics server: one ring a series, in memory, with bounded retention.

It keeps what Prometheus' head block keeps (label set, millisecond timestamps, float values) and answers the one
question that PromQL asks of storage: the samples between two instants of all series that match. Scrapes are atomic: a
query sees all samples of one :meth:`Store.add_all` or none, as in Prometheus, so that a ratio of two counters
is never torn. It must never know a function or an operator of PromQL.
"""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

Labels: TypeAlias = tuple[tuple[str, str], ...]
"""A label set: pairs in the order of their names, without empty values (an empty label is an absent one)."""

METRIC_NAME = "__name__"
"""The label that carries a series' name."""

_TRIM = 64  # expired samples a ring keeps before it moves the rest: makes forgetting cheap on average
_SWEEP = 4096  # samples between two looks for series that nobody writes any more


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition of a selector: what the value of ``label`` (empty if absent) has to satisfy."""

    label: str
    accepts: Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Window:
    """The samples of one series between two instants, oldest first: milliseconds since the epoch, and values."""

    labels: Labels
    times: array[int]
    values: array[float]


def label_set(name: str, labels: Mapping[str, str]) -> Labels:
    """The label set of the series ``name{labels}``."""
    pairs = chain(((METRIC_NAME, name),), labels.items())
    return tuple(sorted(pair for pair in pairs if pair[1]))


class Store:
    """Counters, gauges and histogram buckets by label set. Safe to use from many threads."""

    def __init__(self, retention: float = 900.0) -> None:
        """Keep the last ``retention`` seconds of every series, counted back from its newest sample."""
        self._retention = round(retention * 1000)
        self._rings: dict[str, dict[Labels, _Ring]] = {}
        self._lock = threading.Lock()
        self._unswept = 0

    def add(self, name: str, labels: Mapping[str, str], value: float, at: float) -> None:
        """Append one sample to a series; ``at`` is in seconds since the epoch, rounded to milliseconds.

        ValueError if the series has a sample of that instant or a later one, as Prometheus refuses it.
        """
        self.add_all([(label_set(name, labels), value)], at)

    def add_all(self, samples: Iterable[tuple[Labels, float]], at: float) -> None:
        """Append the samples of one scrape, all of the same instant and visible together; see :meth:`add`."""
        millis = round(at * 1000)
        with self._lock:
            for labels, value in samples:
                self._ring(labels).append(millis, value, millis - self._retention)
                self._unswept += 1
            if self._unswept >= _SWEEP:
                self._sweep(millis - self._retention)

    def select(self, matchers: Iterable[Matcher], start: int, end: int) -> list[Window]:
        """All series that satisfy every matcher and have samples in ``[start, end]``, in milliseconds."""
        conditions = tuple(matchers)
        named = [matcher.accepts for matcher in conditions if matcher.label == METRIC_NAME]
        others = [matcher for matcher in conditions if matcher.label != METRIC_NAME]
        with self._lock:
            families = [rings for name, rings in self._rings.items() if all(accepts(name) for accepts in named)]
            found = [
                ring.window(labels, start, end)
                for rings in families
                for labels, ring in rings.items()
                if _satisfies(labels, others)
            ]
        return [window for window in found if window.times]

    def __len__(self) -> int:
        """How many series there are."""
        with self._lock:
            return sum(map(len, self._rings.values()))

    def _ring(self, labels: Labels) -> _Ring:
        name = next((value for label, value in labels if label == METRIC_NAME), "")
        family = self._rings.setdefault(name, {})
        ring = family.get(labels)
        if ring is None:
            ring = family[labels] = _Ring()
        return ring

    def _sweep(self, horizon: int) -> None:
        self._unswept = 0
        for name, family in list(self._rings.items()):
            living = {labels: ring for labels, ring in family.items() if ring.newest >= horizon}
            if living:
                self._rings[name] = living
            else:
                del self._rings[name]


def _satisfies(labels: Labels, matchers: list[Matcher]) -> bool:
    values = dict(labels)
    return all(matcher.accepts(values.get(matcher.label, "")) for matcher in matchers)


class _Ring:
    """The samples of one series, oldest first."""

    __slots__ = ("_times", "_values")

    def __init__(self) -> None:
        self._times = array("q")
        self._values = array("d")

    @property
    def newest(self) -> int:
        """The instant of the last sample; there always is one, since rings are made for a first sample."""
        return self._times[-1]

    def append(self, at: int, value: float, horizon: int) -> None:
        """Add a sample, and forget those before ``horizon`` once there are enough of them to be worth the move."""
        if self._times and at <= self._times[-1]:
            raise ValueError(
                f"a sample of {at} ms came after one of {self._times[-1]} ms; give each scrape a later time"
            )
        self._times.append(at)
        self._values.append(value)
        expired = bisect_left(self._times, horizon)
        if expired >= _TRIM:
            del self._times[:expired]
            del self._values[:expired]

    def window(self, labels: Labels, start: int, end: int) -> Window:
        """A copy of the samples in ``[start, end]``."""
        cut = slice(bisect_left(self._times, start), bisect_right(self._times, end))
        return Window(labels, self._times[cut], self._values[cut])
