"""``metrics[].compare: primary``: the canary is held to what the primary does at the same time.

Requests are counted, good and bad ones. The built-in metrics know how; a query of one's own counts the bad ones, and
``totalQuery`` all of them. A comparison that could not find anything is refused here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.canary.durations import check_duration, parse_duration
from shared.canary.fields import INT32_MAX, show
from shared.canary.model import Comparison, OnNoData

if TYPE_CHECKING:
    from shared.canary.fields import Field

_DEFAULT = Comparison()
_FIELDS = ("minimumSamples", "maxWait", "confidence", "tolerance", "slowerThan", "totalQuery")


def read_comparison(field: Field, *, durations: bool) -> Comparison | None:
    """The comparison of the metric at ``field``, None if it has none; ``durations`` says that slow requests are bad."""
    if not field.at("compare").choice(("primary",), ""):
        _report_idle(field)
        return None
    _check_source(field)
    return Comparison(
        minimum_samples=field.at("minimumSamples").integer(1, INT32_MAX, _DEFAULT.minimum_samples),
        max_wait=_read_wait(field.at("maxWait")),
        confidence=_read_between(field.at("confidence"), 50.0, 100.0, _DEFAULT.confidence),
        tolerance=_read_between(field.at("tolerance"), -1e-9, 100.0, _DEFAULT.tolerance),
        slower_than=_read_bound(field) if durations else 0.0,
        total_query=field.at("totalQuery").text(),
        on_too_few=OnNoData(field.at("onNoData").choice(tuple(OnNoData), OnNoData.HOLD)),
    )


def _report_idle(field: Field) -> None:
    for name in _FIELDS:
        if field.at(name).value is not None:
            field.at(name).report("is for a comparison: give compare: primary, too")


def _check_source(field: Field) -> None:
    own = not field.at("query").absent
    if field.at("templateRef").value is not None:
        field.at("compare").report("cannot be given with templateRef: write the two counts into query and totalQuery")
    elif own and field.at("totalQuery").absent:
        field.at("totalQuery").report("is required: query counts the bad ones, totalQuery all of them")
    elif own and field.at("thresholdRange").value is not None:
        field.at("thresholdRange").report("cannot be given with totalQuery: the query is a count, not a rate")
    elif not own and not field.at("totalQuery").absent:
        field.at("totalQuery").report("cannot be given for a built-in metric")


def _read_wait(field: Field) -> float:
    text = field.text(check_duration)
    return parse_duration(text) or 0.0 if text else _DEFAULT.max_wait


def _read_between(field: Field, low: float, high: float, default: float) -> float:
    number = field.number()
    if number is not None and not low < number < high:
        field.report(f"must be a number between {max(low, 0):g} and {high:g}, not {show(number)}")
    return default if number is None else number


def _read_bound(field: Field) -> float:
    """Milliseconds over which a request is slow; without it, the most that the 99th percentile may be."""
    bound = field.at("slowerThan").number()
    if bound is None:
        bound = field.at("thresholdRange").at("max").quiet().number()
    if bound is None or bound <= 0:
        field.at("slowerThan").report(
            "is required without thresholdRange.max: milliseconds over which a request is slow"
        )
    return bound or 0.0
