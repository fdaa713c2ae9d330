"""How many requests canary and primary answered since the step began, and how many of them badly, in one PromQL query.

All four numbers come of one query, so that they are of one moment. A counter that did not exist when the step began has
counted since it began, its first value included: ``increase()`` leaves that out, and with it the first errors of a new
pod. It must never take a missing histogram bucket for "every request was slow".
Source: Prometheus, "Query functions", increase().
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from shared.checks.comparison import Counts
from shared.checks.gotemplate import Values, render
from shared.checks.queries import APPS_HISTOGRAM, REQUEST_DURATION, SUCCESS_RATE, select, write_values
from shared.errors import CheckUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shared.canary.model import Canary, Metric

LABEL = "serin"
"""Says which of the four a number is: ``canary total``, ``primary part``, ..."""

_LONGEST = 86_400.0


def write_counts(canary: Canary, metric: Metric, age: float) -> str:
    """The query for a comparison ``age`` seconds after its step began. InvalidInput if a query of its own is none."""
    window = f"{min(max(age, 1.0), _LONGEST):.0f}s"
    parts = _own(canary, metric, window) if metric.builtin is None else _built_in(canary, metric, window)
    return " or ".join(f'label_replace({query}, "{LABEL}", "{name}", "", "")' for name, query in parts)


def read_counts(found: Mapping[str, float], metric: Metric) -> tuple[Counts, Counts]:
    """The canary's and the primary's. CheckUnavailable if a histogram lacks the bucket that is asked for."""
    return _side("canary", found, metric), _side("primary", found, metric)


def what_is_bad(metric: Metric) -> str:
    """The word for what is counted."""
    match metric.builtin:
        case "request-success-rate":
            return "errors"
        case "request-duration" if metric.comparison:
            return f"over {metric.comparison.slower_than:g}ms"
        case _:
            return ""


def _built_in(canary: Canary, metric: Metric, window: str) -> Iterator[tuple[str, str]]:
    for side, workload in _sides(canary):
        total, part = _series(canary, metric, select(canary, workload))
        yield f"{side} total", _count(total, window)
        yield f"{side} part", _count(part, window)


def _series(canary: Canary, metric: Metric, labels: str) -> tuple[str, str]:
    """Selectors of all requests, and of a part: those that failed, or those that were quick enough."""
    if metric.builtin == SUCCESS_RATE:
        series, status = (
            ("istio_requests_total", "response_code") if canary.has_mesh else (f"{APPS_HISTOGRAM}_count", "status")
        )
        return f"{series}{{{labels}}}", f'{series}{{{labels},{status}=~"5.*"}}'
    bound = metric.comparison.slower_than if metric.comparison else 0.0
    if canary.has_mesh:
        series = "istio_request_duration_milliseconds_bucket"
    else:
        series, bound = f"{APPS_HISTOGRAM}_bucket", bound / 1000
    return f'{series}{{{labels},le="+Inf"}}', f'{series}{{{labels},le=~"{_escape(bound)}"}}'


def _escape(bound: float) -> str:
    """A bucket's bound, as a regex: some write 500 as ``500``, others as ``500.0``."""
    plain = f"{bound:.10g}".replace("+", "[+]").replace(".", "[.]")
    return plain if "[.]" in plain or "e" in plain else f"{plain}([.]0)?"


def _own(canary: Canary, metric: Metric, window: str) -> Iterator[tuple[str, str]]:
    """The metric's two queries, for either side: ``{{ target }}`` is the primary's name for the primary."""
    total = metric.comparison.total_query if metric.comparison else ""
    for side, workload in _sides(canary):
        values = write_values(canary, replace(metric, interval=window))
        values = Values({**values.functions, "target": workload}, values.variables)
        for name, query in (("total", total), ("part", metric.query or "")):
            yield f"{side} {name}", f"sum({render(f'metric {metric.name}', query, values)})"


def _sides(canary: Canary) -> tuple[tuple[str, str], ...]:
    return ("canary", canary.target.name), ("primary", canary.primary_name)


def _count(selector: str, window: str) -> str:
    """What was counted in the window; a series that was not there before it has counted from zero."""
    old, new = (
        f"increase({selector}[{window}]) and {selector} offset {window}",
        f"{selector} unless {selector} offset {window}",
    )
    return f"sum(({old}) or ({new}))"


def _side(side: str, found: Mapping[str, float], metric: Metric) -> Counts:
    total, part = found.get(f"{side} total", 0.0), found.get(f"{side} part")
    if metric.builtin != REQUEST_DURATION:
        return Counts(total, min(part or 0.0, total))
    if part is None and total and metric.comparison:
        raise CheckUnavailable(
            f"its histogram has no bucket of {metric.comparison.slower_than:g}ms: slowerThan has to be a bucket's bound"
        )
    return Counts(total, max(total - (part or 0.0), 0.0))
