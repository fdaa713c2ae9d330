"""``analysis.metrics``: what is measured before traffic moves on.

Both generations of names are read: ``request-success-rate`` was ``istio_requests_total`` and ``thresholdRange`` was
``threshold``, which is the least allowed success rate but the most allowed of everything else (Flagger 0.6).

A metric that cannot fail is no check: one without a bound or without a query is refused here, not skipped later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.canary.comparison import read_comparison
from shared.canary.durations import check_template_window, check_window
from shared.canary.fields import show
from shared.canary.model import Bounds, Metric, OnNoData, TemplateRef
from shared.canary.names import check_label, check_object

if TYPE_CHECKING:
    from shared.canary.fields import Field

SUCCESS_RATE = "request-success-rate"
DURATION = "request-duration"
OLD_NAMES = {"istio_requests_total": SUCCESS_RATE, "istio_request_duration_seconds_bucket": DURATION}
"""Names of the built-in metrics in Flagger 0.6."""

_DEFAULT_WINDOW = "1m"


def read_metrics(field: Field, namespace: str) -> tuple[Metric, ...]:
    """The metrics at ``field`` of a Canary in ``namespace``."""
    entries = tuple(entry.required().section() for entry in field.listed().entries())
    metrics = tuple(_read_metric(entry, namespace) for entry in entries)
    seen: set[str] = set()
    for entry, metric in zip(entries, metrics, strict=True):
        if metric.name and metric.name in seen:
            entry.at("name").report(f"is used twice: give one of the two metrics {show(metric.name)} another name")
        seen.add(metric.name)
    return metrics


def _read_metric(field: Field, namespace: str) -> Metric:
    name = field.at("name").required().text()
    query = field.at("query").text() or None
    template = _read_ref(field.at("templateRef").section(), namespace)
    builtin = None if template else _find_builtin(name, query)
    _require_source(field, builtin, query)
    return Metric(
        name=name,
        interval=field.at("interval").text(check_template_window if template else check_window, _DEFAULT_WINDOW),
        bounds=_read_bounds(field, builtin),
        comparison=read_comparison(field, durations=builtin == DURATION),
        builtin=builtin,
        query=query,
        template=template,
        variables=field.at("templateVariables").text_map(),
        on_no_data=OnNoData(field.at("onNoData").choice(tuple(OnNoData), OnNoData.FAIL)),
    )


def _read_ref(field: Field, namespace: str) -> TemplateRef | None:
    """Without a namespace it is the Canary's, as in Flagger."""
    if field.value is None:
        return None
    return TemplateRef(
        namespace=field.at("namespace").text(check_label, namespace),
        name=field.at("name").required().text(check_object),
    )


def _find_builtin(name: str, query: str | None) -> str | None:
    """An old name with a query is a metric of the user's own, as it is for every Flagger since 0.6."""
    if name in (SUCCESS_RATE, DURATION):
        return name
    return None if query else OLD_NAMES.get(name)


def _require_source(field: Field, builtin: str | None, query: str | None) -> None:
    """Flagger runs the query, the template and the built-in check of that name, which nobody expects; here it has to be
    one.
    """
    template = field.at("templateRef").value is not None
    if builtin and query:
        field.at("query").report(
            f"cannot be given for the built-in metric {builtin}: rename the metric or drop the query"
        )
    elif template and query:
        field.at("query").report("cannot be given with templateRef: keep one of the two")
    elif not (builtin or query or template or field.at("name").absent):
        unknown = show(field.at("name").value)
        field.at("name").report(f"{unknown} is not built in ({SUCCESS_RATE}, {DURATION}): add a query or a templateRef")


def _read_bounds(field: Field, builtin: str | None) -> Bounds:
    limits = field.at("thresholdRange").section()
    if limits.value is not None:
        return _read_range(limits, builtin)
    if field.at("threshold").value is None and field.at("compare").absent:
        field.at("thresholdRange").report("is required, with min, max or both: a metric without a bound cannot fail")
    limit = field.at("threshold").number()
    return Bounds(min=limit) if builtin == SUCCESS_RATE else Bounds(max=limit)


def _read_range(limits: Field, builtin: str | None) -> Bounds:
    low, high = limits.at("min"), limits.at("max")
    if low.value is None and high.value is None:
        limits.report("needs min, max or both: a metric without a bound cannot fail")
    bounds = Bounds(min=low.number(), max=high.number())
    if bounds.min is not None and bounds.max is not None and bounds.min > bounds.max:
        limits.report(f"has min {show(bounds.min)} above max {show(bounds.max)}: no value can pass")
    if builtin == SUCCESS_RATE and bounds.min is not None and bounds.min > 100:
        low.report(f"is percent: no success rate reaches {show(bounds.min)}")
    return bounds
