"""``spec.analysis``: how fast traffic moves, and what is asked before it moves on.

Both generations of names are read: ``request-success-rate`` was ``istio_requests_total`` and ``thresholdRange`` was
``threshold``, which is the least allowed success rate but the most allowed of everything else (Flagger 0.6).

A metric that cannot fail is no check: one without a bound or without a query is refused here, not skipped later.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from shared.canary.affinity import read_affinity
from shared.canary.durations import check_duration, check_window, parse_duration
from shared.canary.fields import INT32_MAX, show
from shared.canary.model import Analysis, Bounds, Hook, HookType, Metric, OnNoData
from shared.canary.names import check_url

if TYPE_CHECKING:
    from shared.canary.fields import Field

SUCCESS_RATE = "request-success-rate"
DURATION = "request-duration"
OLD_NAMES = {"istio_requests_total": SUCCESS_RATE, "istio_request_duration_seconds_bucket": DURATION}
"""Names of the built-in metrics in Flagger 0.6."""

MOST_ROUNDS = 100_000
"""The largest number of iterations: at one a minute, ten weeks."""

_DEFAULT_INTERVAL = 60.0
_DEFAULT_WINDOW = "1m"
_DEFAULT_TIMEOUT = 10.0
_LONGEST_TIMEOUT = 3600.0  # no cloud function may run for longer
_MOST_RETRIES = 100


def read_analysis(field: Field) -> Analysis:
    """The analysis at ``field``. With ``stepWeights`` its ``max_weight`` is the last of them, as in Flagger."""
    weights = _read_weights(field.at("stepWeights"))
    return Analysis(
        interval=_read_interval(field.at("interval")),
        threshold=field.at("threshold").required().integer(1, INT32_MAX, 0),
        max_weight=_read_max_weight(field.at("maxWeight"), weights),
        step_weight=field.at("stepWeight").integer(1, 100, 0),
        step_weights=weights,
        step_weight_promotion=field.at("stepWeightPromotion").integer(0, 100, 0),
        iterations=field.at("iterations").integer(0, MOST_ROUNDS, 0),
        match=field.at("match").blobs(),
        mirror=field.at("mirror").flag(),
        mirror_weight=field.at("mirrorWeight").integer(0, 100, 0) or 100,
        session_affinity=read_affinity(field.at("sessionAffinity")),
        primary_ready_threshold=field.at("primaryReadyThreshold").integer(0, 100, 100),
        canary_ready_threshold=field.at("canaryReadyThreshold").integer(0, 100, 100),
        max_unknown=field.at("maxUnknown").integer(1, INT32_MAX, 10),
        metrics=_read_metrics(field.at("metrics")),
        hooks=tuple(_read_hook(entry.required().section()) for entry in field.at("webhooks").listed().entries()),
    )


def _read_interval(field: Field) -> float:
    text = field.text(check_duration)
    if not text:
        return _DEFAULT_INTERVAL
    seconds = parse_duration(text)
    if seconds is not None and seconds < 1:
        field.report(f"must be at least 1s, not {show(text)}")
    return seconds or 0.0


def _read_weights(steps: Field) -> tuple[int, ...]:
    weights = tuple(entry.required().integer(1, 100, 0) for entry in steps.listed().entries())
    if any(later <= earlier for earlier, later in pairwise(weights)):
        steps.report("must rise from entry to entry")
    return weights


def _read_max_weight(field: Field, weights: tuple[int, ...]) -> int:
    given = field.integer(1, 100, 100)
    return weights[-1] if weights else given


def _read_metrics(field: Field) -> tuple[Metric, ...]:
    entries = tuple(entry.required().section() for entry in field.listed().entries())
    metrics = tuple(_read_metric(entry) for entry in entries)
    seen: set[str] = set()
    for entry, metric in zip(entries, metrics, strict=True):
        if metric.name and metric.name in seen:
            entry.at("name").report(f"is used twice: give one of the two metrics {show(metric.name)} another name")
        seen.add(metric.name)
    return metrics


def _read_metric(field: Field) -> Metric:
    name = field.at("name").required().text()
    query = field.at("query").text() or None
    builtin = _find_builtin(name, query)
    _require_source(field, builtin, query)
    return Metric(
        name=name,
        interval=field.at("interval").text(check_window, _DEFAULT_WINDOW),
        bounds=_read_bounds(field, builtin),
        builtin=builtin,
        query=query,
        on_no_data=OnNoData(field.at("onNoData").choice(tuple(OnNoData), OnNoData.FAIL)),
    )


def _find_builtin(name: str, query: str | None) -> str | None:
    """An old name with a query is a metric of the user's own, as it is for every Flagger since 0.6."""
    if name in (SUCCESS_RATE, DURATION):
        return name
    return None if query else OLD_NAMES.get(name)


def _require_source(field: Field, builtin: str | None, query: str | None) -> None:
    """Flagger runs both the query and the built-in check of that name, which nobody expects; here it has to be one."""
    if builtin and query:
        field.at("query").report(
            f"cannot be given for the built-in metric {builtin}: rename the metric or drop the query"
        )
    elif not builtin and not query and field.at("templateRef").value is None and not field.at("name").absent:
        unknown = show(field.at("name").value)
        field.at("name").report(f"{unknown} is not built in ({SUCCESS_RATE}, {DURATION}): add a query")


def _read_bounds(field: Field, builtin: str | None) -> Bounds:
    limits = field.at("thresholdRange").section()
    if limits.value is not None:
        return _read_range(limits, builtin)
    if field.at("threshold").value is None:
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


def _read_hook(field: Field) -> Hook:
    return Hook(
        name=field.at("name").required().text(),
        url=field.at("url").required().text(check_url),
        type=HookType(field.at("type").choice(tuple(HookType), HookType.ROLLOUT)),
        timeout=_read_timeout(field.at("timeout")),
        retries=field.at("retries").integer(0, _MOST_RETRIES, 0),
        disable_tls=field.at("disableTLS").flag(),
        mute_alert=field.at("muteAlert").flag(),
        metadata=field.at("metadata").text_map(),
    )


def _read_timeout(field: Field) -> float:
    text = field.text(check_duration)
    if not text:
        return _DEFAULT_TIMEOUT
    seconds = parse_duration(text)
    if seconds is not None and not 0 < seconds <= _LONGEST_TIMEOUT:
        field.report(f"must be longer than zero and at most 1h, not {show(text)}")
    return seconds or 0.0
