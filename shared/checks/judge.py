"""What a metric's values mean for the release: values and bounds in, verdict and sentence out.

Bounds are inclusive. The sentences are the predecessor's, word for word, because people search their logs for them. A
query that gives several values is held to all of them: Flagger takes the last one, but the order of an instant vector
means nothing, so that its verdict is chance.

It must never let a value pass that is not a finite number: comparing with NaN is always false, so NaN passes elsewhere.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from shared.canary.model import Comparison, OnNoData
from shared.checks.comparison import Outcome, Terms, compare, explain
from shared.checks.counts import what_is_bad
from shared.checks.durations import write_duration
from shared.checks.queries import REQUEST_DURATION, SUCCESS_RATE
from shared.checks.verdict import CheckResult, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shared.canary.model import Bounds, Canary, Metric
    from shared.checks.comparison import Counts
    from shared.checks.questions import Questions

KIND, COMPARISON = "metric", "comparison"
_JUDGED = {Outcome.WORSE: Verdict.FAIL, Outcome.SAME: Verdict.PASS, Outcome.BETTER: Verdict.PASS}
_ON_NO_DATA = {OnNoData.FAIL: Verdict.FAIL, OnNoData.HOLD: Verdict.UNKNOWN, OnNoData.PASS: Verdict.PASS}


def judge_metric(canary: Canary, metric: Metric, values: Iterable[float], query: str) -> CheckResult:
    """The verdict of ``values``, in the metric's unit; ``query`` is kept as evidence."""
    value = choose_value(values, metric.bounds)
    if value is None:
        verdict, text = _ON_NO_DATA[metric.on_no_data], _no_data(canary, metric)
    elif crossed := crossed_bound(value, metric.bounds):
        verdict, text = Verdict.FAIL, f"Halt {canary} advancement {_compare(metric, value, *crossed)}"
    else:
        verdict, text = Verdict.PASS, ""
    if verdict is Verdict.PASS:
        text = ""
    return CheckResult(metric.name, KIND, verdict, text, value, show_bounds(metric.bounds), query)


def judge_comparison(canary: Canary, metric: Metric, sides: tuple[Counts, Counts], questions: Questions) -> CheckResult:
    """The verdict of a comparison, ``sides`` being the canary's and the primary's counts. Too few requests wait first.

    Its text is there for every verdict: what was found, in words.
    """
    terms = metric.comparison or Comparison()
    finding = compare(*sides, Terms(terms.minimum_samples, 1 - terms.confidence / 100, terms.tolerance))
    found = explain(what_is_bad(metric), *sides, finding)
    verdict = _JUDGED.get(finding.outcome) or _judge_too_few(terms, questions)
    text = f"{metric.name} {found}" if verdict is Verdict.PASS else f"Halt {canary} advancement {metric.name} {found}"
    if verdict is Verdict.WAIT:
        text = f"Waiting for {terms.minimum_samples:,} requests to {canary} and to its primary to compare {metric.name}"
    return CheckResult(metric.name, COMPARISON, verdict, text, sides[0].rate, f"compared with {sides[1].rate:.4g}")


def _judge_too_few(terms: Comparison, questions: Questions) -> Verdict:
    """Traffic that went home gives no requests: there, being answered is all that is asked for."""
    if questions.blind:
        return Verdict.PASS
    return Verdict.WAIT if questions.age < terms.max_wait else _ON_NO_DATA[terms.on_too_few]


def choose_value(values: Iterable[float], bounds: Bounds) -> float | None:
    """The value that decides: the first outside the bounds, else the last one; None if none is a finite number."""
    finite = [value for value in values if math.isfinite(value)]
    outside = (value for value in finite if crossed_bound(value, bounds))
    return next(outside, finite[-1] if finite else None)


def crossed_bound(value: float, bounds: Bounds) -> tuple[str, float] | None:
    """The bound that a finite value is beyond, with the sign between them; None if it is inside.

    A billionth beyond is inside: it is what floating point makes of a rate that is exactly the bound, such as 100%.
    """
    if bounds.min is not None and value < bounds.min and not math.isclose(value, bounds.min):
        return "<", bounds.min
    if bounds.max is not None and value > bounds.max and not math.isclose(value, bounds.max):
        return ">", bounds.max
    return None


def show_bounds(bounds: Bounds) -> str:
    """``>= 99``, ``<= 500``, ``>= 1 and <= 5``, or nothing."""
    lower = f">= {_write_number(bounds.min)}" if bounds.min is not None else ""
    upper = f"<= {_write_number(bounds.max)}" if bounds.max is not None else ""
    return " and ".join(filter(None, (lower, upper)))


def _no_data(canary: Canary, metric: Metric) -> str:
    workload = f"{canary.target.name}.{canary.namespace}"
    return f"Halt advancement no values found for metric {metric.name} probably {workload} is not receiving traffic"


def _compare(metric: Metric, value: float, sign: str, bound: float) -> str:
    if metric.builtin == SUCCESS_RATE:
        return f"success rate {_write_beyond(value, bound, 2)}% {sign} {_write_number(bound)}%"
    if metric.builtin == REQUEST_DURATION:
        return f"request duration {_write_latency(value, bound)} {sign} {write_duration(bound / 1000)}"
    return f"{metric.name} {_write_beyond(value, bound, 2)} {sign} {_write_number(bound)}"


def _write_latency(value: float, bound: float) -> str:
    """Whole milliseconds, or finer where these would show 0 or hide that the bound was crossed."""
    shown = _write_beyond(value, bound, 0 if value >= 1 else 3)
    return write_duration(float(shown) / 1000)


def _write_beyond(value: float, bound: float, decimals: int) -> str:
    """``value`` with so many decimals, or as many as it takes to stay on its side of ``bound``: not "99.00% < 99%"."""
    texts = (f"{value:.{count}f}" for count in range(decimals, 18))
    beyond = float.__lt__ if value < bound else float.__gt__
    return next((text for text in texts if beyond(float(text), bound)), repr(value))


def _write_number(number: float) -> str:
    """As Go's ``%v``: ``99``, ``99.5``."""
    return str(int(number)) if abs(number) < 1e21 and number == int(number) else repr(number)
