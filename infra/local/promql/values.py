"""What a PromQL expression can be worth, and the few things that are done to label sets everywhere.

Scalars are Python floats and strings are Python strings; vectors and matrices are below. The errors carry the words
and the HTTP status that Prometheus uses for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from infra.local.series import METRIC_NAME

if TYPE_CHECKING:
    from collections.abc import Collection

    from infra.local.series import Labels, Window


class QueryError(Exception):
    """A query that has no answer; ``status`` and ``kind`` are the HTTP status and ``errorType`` of Prometheus' API."""

    status = 422
    kind = "execution"


class BadQueryError(QueryError):
    """A query that is not PromQL, or not the part of PromQL that is understood here."""

    status = 400
    kind = "bad_data"


@dataclass(frozen=True, slots=True)
class Sample:
    """One element of an instant vector."""

    labels: Labels
    value: float


Vector: TypeAlias = list[Sample]


@dataclass(frozen=True, slots=True)
class Matrix:
    """A range vector: the samples of each series in ``[start, end]``, in milliseconds since the epoch."""

    windows: list[Window]
    start: int
    end: int


Value: TypeAlias = float | str | Vector | Matrix


def keep(labels: Labels, names: Collection[str]) -> Labels:
    """The label set without all labels but ``names``."""
    return tuple(pair for pair in labels if pair[0] in names)


def drop(labels: Labels, names: Collection[str]) -> Labels:
    """The label set without ``names``."""
    return tuple(pair for pair in labels if pair[0] not in names)


def nameless(labels: Labels) -> Labels:
    """The label set without the metric's name, which a changed value no longer deserves."""
    return drop(labels, (METRIC_NAME,))


def describe(labels: Labels) -> str:
    """A label set as PromQL writes it: ``name{label="value"}``."""
    values = dict(labels)
    name = values.pop(METRIC_NAME, "")
    return name + "{" + ", ".join(f'{label}="{value}"' for label, value in values.items()) + "}"


def distinct(vector: Vector) -> Vector:
    """The vector itself; QueryError if two of its samples have the same labels, as names were dropped."""
    if len({sample.labels for sample in vector}) != len(vector):
        raise QueryError("vector cannot contain metrics with the same labelset")
    return vector
