"""What a valid Canary's author should know: old spellings, fields without effect, and settings that rarely mean what
they say.

Advice never stops anything. It goes where people look when they write a Canary (an admission answer's warnings, the
log), and is silent about values that :mod:`shared.canary.parse` refuses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.canary.durations import parse_window
from shared.canary.fields import Field, find_analysis, show
from shared.canary.metrics import DURATION, OLD_NAMES, SUCCESS_RATE
from shared.canary.model import HookType, Provider
from shared.canary.strategy_advice import advise_strategy
from shared.canary.target import REPLACED
from shared.workload import DAEMON_SET, SERVICE

if TYPE_CHECKING:
    from shared.errors import Problem
    from shared.json_types import Json

SHORTEST_WINDOW = 30.0
"""Seconds in which Prometheus scrapes twice with Istio's interval of 15 s; a rate needs two samples."""

_LISTENERS = (HookType.POST_ROLLOUT, HookType.EVENT)
"""Hooks that are told, not asked. (A rollback hook is asked.)"""


def warnings(obj: Json) -> tuple[Problem, ...]:
    """Everything worth saying about the Canary ``obj``, valid or not; each names its field's path."""
    root = Field(obj, "", [])
    spec = root.at("spec")
    analysis = find_analysis(spec)
    _mention_old_version(root)
    _mention_old_analysis(spec)
    _mention_autoscaler(spec)
    _mention_copies(spec, analysis)
    _mention_weights(analysis)
    _mention_comparison(analysis)
    advise_strategy(spec, analysis)
    for metric in analysis.at("metrics").entries():
        _mention_metric(metric)
    if analysis.value is not None and not (analysis.at("metrics").entries() or _judging_hooks(analysis)):
        analysis.report("has no metric and no hook that judges: every revision whose pods become ready is promoted")
    return tuple(root.problems)


def _judging_hooks(analysis: Field) -> tuple[Field, ...]:
    """Hooks whose no keeps a revision from being promoted."""
    return tuple(hook for hook in analysis.at("webhooks").entries() if hook.at("type").value not in _LISTENERS)


def _mention_old_version(root: Field) -> None:
    if root.at("apiVersion").value == "flagger.app/v1alpha3":
        root.at("apiVersion").report("is deprecated: use flagger.app/v1beta1")


def _mention_old_analysis(spec: Field) -> None:
    old = spec.at("canaryAnalysis")
    if old.value is not None:
        both = spec.at("analysis").value is not None
        old.report("is ignored, because spec.analysis is given" if both else "is deprecated: its new name is analysis")


def _mention_autoscaler(spec: Field) -> None:
    if spec.at("targetRef").at("kind").value == DAEMON_SET and spec.at("autoscalerRef").value is not None:
        spec.at("autoscalerRef").report("is ignored: a DaemonSet has one pod a node, whatever an autoscaler says")


def _mention_copies(spec: Field, analysis: Field) -> None:
    """A Service as the target: its copies have its own ports, and no pods of their own that could be counted."""
    if spec.at("targetRef").at("kind").value != SERVICE:
        return
    for field in map(spec.at("service").at, REPLACED):
        if field.value:
            field.report("is ignored: the copies of a Service are as it is itself")
    if spec.at("provider").value not in (None, "", Provider.ISTIO):
        for metric in analysis.at("metrics").entries():
            name, template = metric.at("name"), metric.at("templateRef")
            if name.value in (SUCCESS_RATE, DURATION) and template.value is None:
                name.report("finds nothing without a mesh: pods are not called like a Service. Use a templateRef")


def _mention_weights(analysis: Field) -> None:
    maximum = analysis.at("maxWeight")
    if analysis.at("stepWeights").entries():
        if maximum.value is not None:
            maximum.report("is ignored: the last of stepWeights is the maximum")
        return
    step = analysis.at("stepWeight").quiet().integer(1, 100, 0)
    top = maximum.quiet().integer(1, 100, 100)
    if step and top % step:
        analysis.at("stepWeight").report(
            f"does not divide maxWeight {top}: the last step is {top}, which is less than {step} more"
        )


def _mention_comparison(analysis: Field) -> None:
    """Where the canary has all of the traffic there is nothing to compare with."""
    compared = [metric.at("compare") for metric in analysis.at("metrics").entries() if not metric.at("compare").absent]
    weights = analysis.at("stepWeights").entries()
    top = weights[-1] if weights else analysis.at("maxWeight")
    whole = top.quiet().integer(1, 100, 100) == 100 and not analysis.at("iterations").value
    if compared and whole:
        compared[0].report("finds nothing at weight 100, where the primary gets no traffic: keep maxWeight below it")


def _mention_metric(metric: Field) -> None:
    name, old_bound = metric.at("name"), metric.at("threshold")
    template, query = metric.at("templateRef"), metric.at("query")
    known = isinstance(name.value, str)
    if known and name.value in OLD_NAMES and query.absent and template.value is None:
        name.report(f"is deprecated: {show(name.value)} is now {OLD_NAMES[name.value]}")
    if known and name.value in (SUCCESS_RATE, DURATION) and template.value is not None:
        template.report(f"takes the place of the built-in metric {name.value}")
    if metric.at("templateVariables").value and query.absent and template.value is None:
        metric.at("templateVariables").report("has no effect: there is neither a query nor a templateRef")
    if old_bound.value is not None:
        ignored = metric.at("thresholdRange").value is not None
        old_bound.report(
            "is ignored, because thresholdRange is given" if ignored else "is deprecated: use thresholdRange"
        )
    seconds = parse_window(metric.at("interval").quiet().text())
    if seconds and seconds < SHORTEST_WINDOW:
        metric.at("interval").report(
            "is short: a rate needs two scrapes in it, and Istio's Prometheus scrapes every 15s"
        )
