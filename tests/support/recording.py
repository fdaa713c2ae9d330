"""Ten minutes of samples, made up once and given to every metrics server that is to be compared.

They hold the states that a proxy's counters can be in, histograms good and bad, and gauges with every kind of number.
Samples come every five seconds, a few hundred milliseconds early or late as real scrapes do, and never fall on a whole
half second: what a window holds must not depend on whether its edges belong to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from infra.local.series import Store

SECONDS = 600
"""How long the recording is."""

TARGET = {"job": "recording", "instance": "recorder"}
"""The labels of the target that a scraper takes the recording from. All series carry them."""

_STEP = 5
_PROXY = {"reporter": "destination", "destination_workload_namespace": "recorded"}
_SPECIAL = {"nan": "NaN", "inf": "+Inf", "minus_inf": "-Inf", "huge": "1e300", "tiny": "2.5e-9", "zero": "0"}


@dataclass(frozen=True, slots=True)
class Series:
    """One series: its value by the second of the recording, between ``first`` and ``last``."""

    name: str
    labels: Mapping[str, str]
    value: Callable[[float], float]
    first: float = 0
    last: float = SECONDS

    def points(self) -> Iterator[tuple[float, float]]:
        """Second and value of every sample."""
        for index, nominal in enumerate(range(0, SECONDS, _STEP)):
            second = nominal + (index * 37 % 11 - 5) * 0.08 + 0.123
            if self.first <= second <= self.last:
                yield round(second, 3), self.value(second)


def exposition(base: float) -> str:
    """The recording as Prometheus' text format, with its own timestamps, as if second 0 had been at ``base``."""
    lines = (
        f"{series.name}{{{_text(series.labels)}}} {value!r} {round((base + second) * 1000)}\n"
        for series in RECORDING
        for second, value in series.points()
    )
    return "".join(lines)


def record_into(store: Store, base: float) -> None:
    """Add the recording to a store, as if second 0 had been at ``base``."""
    for series in RECORDING:
        for second, value in series.points():
            store.add(series.name, {**series.labels, **TARGET}, value, base + second)


def _text(labels: Mapping[str, str]) -> str:
    escaped = {
        name: value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") for name, value in labels.items()
    }
    return ",".join(f'{name}="{value}"' for name, value in escaped.items())


def growing(per_second: float, start: float = 0.0) -> Callable[[float], float]:
    """A counter that never stops."""
    return lambda second: start + float(int(second * per_second))


def restarting(per_second: float, every: float) -> Callable[[float], float]:
    """A counter that begins again from zero."""
    return lambda second: float(int(second % every * per_second))


def steady(value: float) -> Callable[[float], float]:
    """A gauge, or a counter that nothing moves."""
    return lambda _: value


def requests(
    workload: str, code: int, value: Callable[[float], float], first: float = 0, last: float = SECONDS
) -> Series:
    """A counter of requests as the destination's proxy keeps it."""
    labels = {**_PROXY, "destination_workload": workload, "response_code": str(code)}
    return Series("istio_requests_total", labels, value, first, last)


def durations(workload: str, buckets: Mapping[str, float], moving: bool = True) -> list[Series]:
    """A histogram in milliseconds: for each bound, the requests a second that are counted up to it."""
    labels = {**_PROXY, "destination_workload": workload}
    return [
        Series(
            "istio_request_duration_milliseconds_bucket",
            {**labels, "le": bound},
            growing(rate, 3) if moving else steady(rate * 100),
        )
        for bound, rate in buckets.items()
    ]


RECORDING: tuple[Series, ...] = (
    requests("healthy", 200, growing(9.4, 1000)),
    requests("healthy", 500, growing(0.6, 3)),
    requests("idle", 200, steady(500)),
    requests("idle", 500, steady(4)),
    requests("broken", 503, growing(10)),
    requests("breaking", 200, steady(300)),
    requests("breaking", 503, growing(10)),
    requests("newborn", 200, steady(50), first=SECONDS - _STEP - 1),
    requests("young", 200, growing(2), first=SECONDS - 33),
    requests("restarted", 200, restarting(3, 17)),
    requests("restarted", 500, restarting(1, 130)),
    requests("gone", 200, growing(5), last=200),
    *durations("healthy", {"10": 0, "25": 2, "50": 6, "100": 9, "250": 9.9, "+Inf": 10}),
    *durations("idle", {"10": 0, "50": 6, "+Inf": 10}, moving=False),
    *durations("slow", {"10": 0, "50": 0, "+Inf": 10}),
    *durations("quick", {"-5": 4, "0": 6, "10": 10, "+Inf": 10}),
    *durations("uneven", {"10": 5, "25": 4, "50": 7, "+Inf": 6}),
    *durations("cut", {"10": 5, "25": 6}),
    *durations("lone", {"+Inf": 6}),
    *durations("odd", {"10": 5, "many": 7, "+Inf": 9}),
    *(Series("rec_special", {"kind": kind}, steady(float(text))) for kind, text in _SPECIAL.items()),
    *(Series("rec_left", {"place": place}, steady(value)) for place, value in {"a": 1, "b": -2.5, "c": 7}.items()),
    *(Series("rec_right", {"place": place}, steady(value)) for place, value in {"b": 4, "c": 0, "d": 9}.items()),
    *(Series("rec_many", {"place": p, "row": r}, steady(ord(p) + int(r))) for p in "bcd" for r in "12"),
    *(Series("rec_info", {"place": place, "owner": f"team-{place}"}, steady(1)) for place in "bc"),
    Series("rec_wave", {"place": "a"}, lambda second: (second * 7 % 13) - 6),
    Series("rec_text", {"path": 'C:\\dir "x"', "word": "grün"}, steady(1)),
    Series("rec_text", {"path": "", "word": "plain"}, steady(2)),
)
