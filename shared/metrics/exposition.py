"""Writes Prometheus' text exposition format, version 0.0.4.

https://prometheus.io/docs/instrumenting/exposition_formats: one HELP and TYPE line a family, its samples after it, no
series twice. Of two samples of one series the first stays: Prometheus would drop the second with a warning.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate
from typing import TYPE_CHECKING

from shared.tally import BUCKETS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shared.tally import Histogram

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Kind(StrEnum):
    """``# TYPE``."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    SUMMARY = "summary"


@dataclass(frozen=True, slots=True)
class Family:
    """A metric: its name, what it means, and the names of its labels in their order."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sample:
    """One number with the values of its family's labels.

    ``suffix`` is what a histogram or summary puts behind its name; ``bound`` is the ``le`` of a bucket.
    """

    values: tuple[str, ...]
    number: float
    suffix: str = ""
    bound: str = ""


def write(families: Iterable[tuple[Family, Iterable[Sample]]]) -> str:
    """The text of these families. One without samples is left out: it could not be told from one that is unknown."""
    return "".join(text for family, samples in families if (text := _write_family(family, samples)))


def histogram_samples(values: tuple[str, ...], histogram: Histogram) -> Iterator[Sample]:
    """The buckets, cumulated, with sum and count."""
    bounds = (*map(write_number, BUCKETS), "+Inf")
    for bound, count in zip(bounds, accumulate(histogram.counts), strict=True):
        yield Sample(values, count, "_bucket", bound)
    yield from summary_samples(values, sum(histogram.counts), histogram.sum)


def summary_samples(values: tuple[str, ...], count: int, total: float) -> Iterator[Sample]:
    """How often, and how much together."""
    yield Sample(values, total, "_sum")
    yield Sample(values, count, "_count")


def write_number(number: float) -> str:
    """As Go reads floats: ``1``, ``0.005``, ``+Inf``, ``NaN``."""
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "+Inf" if number > 0 else "-Inf"
    return str(int(number)) if number == int(number) and abs(number) < 2**53 else repr(float(number))


def _write_family(family: Family, samples: Iterable[Sample]) -> str:
    lines: dict[str, str] = {}
    for sample in samples:
        lines.setdefault(_series(family, sample), write_number(sample.number))
    if not lines:
        return ""
    help_text = family.help.replace("\\", r"\\").replace("\n", r"\n")
    head = f"# HELP {family.name} {help_text}\n# TYPE {family.name} {family.kind}\n"
    return head + "".join(f"{series} {number}\n" for series, number in lines.items())


def _series(family: Family, sample: Sample) -> str:
    labels = [*zip(family.labels, sample.values, strict=True), *([("le", sample.bound)] if sample.bound else [])]
    pairs = ",".join(f'{name}="{_escape(value)}"' for name, value in labels)
    return f"{family.name}{sample.suffix}" + (f"{{{pairs}}}" if pairs else "")


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
