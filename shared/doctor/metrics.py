"""Whether each metric of each Canary has an answer: its own query, asked about the primary, which has the traffic now.

It is the analysis that a run makes, with the primary's name where the target's would be, so that a query that would
find nothing in the middle of the night of a release is found today.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from shared.canary.model import Bounds, OnNoData
from shared.checks.allowlist import Egress
from shared.checks.analyse import Clients, analyse, choose_server
from shared.checks.deadline import Deadline
from shared.checks.endpoint import show_url
from shared.checks.prometheus import MetricsServer, ask
from shared.checks.questions import Questions
from shared.checks.subject import Subject
from shared.checks.transport import Http
from shared.checks.verdict import Verdict
from shared.cluster.templates import Templates
from shared.errors import CheckUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.canary.model import Canary, Metric
    from shared.checks.verdict import CheckResult
    from shared.doctor.finding import Area, Finding
    from shared.doctor.ground import Ground
    from shared.doctor.rollouts import Canaries

MOST = 50
"""Canaries whose metrics are asked for, unless one is named."""
SECONDS_EACH = 8.0
_THREADS = 4
_EVERYTHING = Bounds(min=-math.inf)


def examine_metrics(ground: Ground, canaries: Canaries, default: MetricsServer) -> Iterator[Finding]:
    """The metrics servers, and then each metric of the first Canaries."""
    area, http = ground.area("metrics"), Http(Egress(ground.settings.egress_allow))
    measured = [canary for canary in canaries.valid if canary.analysis.metrics and not canary.deleting]
    serving = [canary for canary in measured if (canary.namespace, canary.name) in canaries.serving]
    asked = serving[:MOST]
    servers = {server.url: server for server in (choose_server(canary, default) for canary in asked)}
    trouble = {url: _try(server, http) for url, server in (servers or {default.url: default}).items()}
    for url, why in trouble.items():
        yield judge_server(area, url, why)
    templates = Templates()

    def ask_one(canary: Canary) -> list[Finding]:
        metrics = canary.analysis.metrics
        if trouble.get(choose_server(canary, default).url) and not any(metric.template for metric in metrics):
            return [area.unknown(str(canary), "its metrics server does not answer")]
        results = analyse(about_primary(ground, canary, templates), Clients(http, default, SECONDS_EACH))
        return list(map(partial(judge_result, area, canary), metrics, results))

    with ThreadPoolExecutor(_THREADS, thread_name_prefix="metrics") as pool:
        for found in pool.map(ask_one, asked):
            yield from found
    if new := len(measured) - len(serving):
        yield area.unknown(f"{new} more", "have no primary yet that could be asked about")
    if rest := len(serving) - len(asked):
        yield area.unknown(f"{rest} more", f"only {MOST} are asked about", "name one with --canary NAMESPACE/NAME")


def about_primary(ground: Ground, canary: Canary, templates: Templates) -> Subject:
    """The questions of an analysis, of the primary instead of the target, to which any number is an answer."""
    metrics = tuple(map(_any_answer, canary.analysis.metrics))
    asked = replace(
        canary,
        target=replace(canary.target, name=canary.primary_name),
        analysis=replace(canary.analysis, metrics=metrics),
    )
    sources = templates.sources(ground.gateway, ground.cluster.name, canary)
    return Subject(ground.cluster.name, asked, Questions(metrics=True), sources, ground.gateway)


def judge_server(area: Area, url: str, trouble: str) -> Finding:
    """Whether a metrics server answers at all."""
    shown = show_url(url)
    if not trouble:
        return area.ok(shown, "answers")
    return area.bad(shown, f"does not answer: {trouble}", _remedy(trouble))


def judge_result(area: Area, canary: Canary, metric: Metric, result: CheckResult) -> Finding:
    """What one metric's answer about the primary says of its query."""
    subject = str(canary)
    if result.verdict is Verdict.UNKNOWN:
        return area.bad(subject, f"{metric.name}: {_reason(result.text)}", _remedy(result.text))
    if result.value is not None:
        return area.ok(subject, f"{metric.name} is {result.value:.6g} for the primary")
    remedy = "send the app traffic, or correct the query, the labels or the scraping; what was asked:"
    if metric.on_no_data is OnNoData.FAIL:
        seen = f"{metric.name} has no data for the primary, so a release would fail by it"
        return area.bad(subject, seen, remedy, result.query)
    return area.warning(subject, f"{metric.name} has no data for the primary", remedy, result.query)


def _any_answer(metric: Metric) -> Metric:
    """The metric, to which every number is good and no number is bad; of a comparison, its total."""
    total = metric.comparison.total_query if metric.comparison else ""
    return replace(metric, bounds=_EVERYTHING, comparison=None, on_no_data=OnNoData.FAIL, query=total or metric.query)


def _try(server: MetricsServer, http: Http) -> str:
    try:
        ask(server, "vector(1)", http, Deadline.after(server.limit))
    except CheckUnavailable as error:
        return str(error)
    return ""


def _reason(text: str) -> str:
    """The sentence without the words that are for the log of a run."""
    return text.removeprefix("Halt ").partition(" advancement ")[2] or text


def _remedy(trouble: str) -> str:
    if "checks may" in trouble:
        return "name the host in SERIN_EGRESS_ALLOW"
    if "refused the query" in trouble:
        return "correct the query in the Canary or its MetricTemplate"
    if "HTTP 401" in trouble or "HTTP 403" in trouble:
        return "correct SERIN_METRICS_AUTH and what goes with it"
    if "not found" in trouble:
        return "create it, or change the reference"
    return "see that it runs and can be reached from here; its address is in SERIN_METRICS_SERVER or spec.metricsServer"
