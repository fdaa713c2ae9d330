"""Istio's standard metrics of one app, as the proxies on both ends of its requests would count them.

Names, labels and buckets are those of Istio's "Standard Metrics" document: ``istio_requests_total`` and the histogram
``istio_request_duration_milliseconds``, by ``reporter``. The destination's proxy lives in the pod: without ready pods
nobody reports for that side, and new pods count from zero. The caller's proxy (``reporter="source"``) is always
there, and the only one that knows of a request that found nobody. It must never invent a series before its first
request: proxies do not either.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING

from infra.local.series import label_set

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from infra.local.mesh import Side
    from infra.local.series import Labels

BOUNDS = (0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 300000, 600000, 1800000, 3600000)
"""Upper bounds of the buckets in milliseconds: Envoy's defaults, which Istio keeps. The last bucket is ``+Inf``."""

_REQUESTS = "istio_requests_total"
_DURATION = "istio_request_duration_milliseconds"


@dataclass(frozen=True, slots=True)
class Answer:
    """What one request came to: ``side`` is whose pod answered (None: nobody), ``flags`` are Envoy's response flags."""

    host: str
    side: Side | None
    code: int
    milliseconds: float
    flags: str = "-"


@dataclass(slots=True)
class _Counter:
    """The series of one label set: requests by bucket of their duration, and the sum of the durations."""

    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    milliseconds: float = 0.0

    def count(self, milliseconds: float) -> None:
        self.buckets[bisect_left(BOUNDS, milliseconds)] += 1
        self.milliseconds += milliseconds

    def values(self) -> Iterator[float]:
        """In the order of :func:`_series`."""
        cumulative = list(accumulate(self.buckets))
        yield from (cumulative[-1], cumulative[-1], self.milliseconds)
        yield from cumulative


@dataclass(frozen=True, slots=True)
class _Key:
    reporter: str
    answer: tuple[str, Side | None, int, str]


class Telemetry:
    """The counters of one app. Not safe for threads: its owner counts and samples in one."""

    def __init__(self, namespace: str, app: str) -> None:
        self._namespace = namespace
        self._app = app
        self._counters: dict[_Key, _Counter] = {}
        self._names: dict[_Key, tuple[Labels, ...]] = {}

    def count(self, answer: Answer) -> None:
        """Count a request at both ends."""
        self._count("source", answer)
        if answer.side is not None:
            self._count("destination", answer)

    def count_mirrored(self, answer: Answer) -> None:
        """Count a copied request: its caller never sees the answer, only the pod that gave it knows."""
        self._count("destination", answer)

    def restart(self, side: Side) -> None:
        """Let the proxies of one side begin at zero: its pods are new."""
        for key in self._counters:
            if key.reporter == "destination" and key.answer[1] is side:
                self._counters[key] = _Counter()

    def samples(self, reporting: Collection[Side]) -> Iterator[tuple[Labels, float]]:
        """One scrape of the callers' proxy and of the pods of the sides that have any."""
        for key, counter in self._counters.items():
            if key.reporter == "source" or key.answer[1] in reporting:
                yield from zip(self._names[key], counter.values(), strict=True)

    def _count(self, reporter: str, answer: Answer) -> None:
        key = _Key(reporter, (answer.host, answer.side, answer.code, answer.flags))
        counter = self._counters.get(key)
        if counter is None:
            counter = self._counters[key] = _Counter()
            self._names[key] = _series(self._labels(reporter, answer))
        counter.count(answer.milliseconds)

    def _labels(self, reporter: str, answer: Answer) -> dict[str, str]:
        workload = answer.side.workload(self._app) if answer.side else "unknown"
        namespace = self._namespace if answer.side else "unknown"
        return {
            "reporter": reporter,
            "source_workload": "traffic",
            "source_workload_namespace": self._namespace,
            "destination_workload": workload,
            "destination_workload_namespace": namespace,
            "destination_service": f"{answer.host}.{self._namespace}.svc.cluster.local",
            "destination_service_name": answer.host,
            "destination_service_namespace": self._namespace,
            "request_protocol": "http",
            "response_code": str(answer.code),
            "response_flags": answer.flags,
            "connection_security_policy": "mutual_tls" if reporter == "destination" else "unknown",
        }


def _series(labels: Mapping[str, str]) -> tuple[Labels, ...]:
    """Requests, then count, sum and buckets of the histogram."""
    bounds = [*(f"{bound:g}" if bound < 1 else str(bound) for bound in BOUNDS), "+Inf"]
    return (
        label_set(_REQUESTS, labels),
        label_set(f"{_DURATION}_count", labels),
        label_set(f"{_DURATION}_sum", labels),
        *(label_set(f"{_DURATION}_bucket", {**labels, "le": bound}) for bound in bounds),
    )
