"""The PromQL of a metric: Serin's own two questions, and users' own queries.

What is asked about is always the canary's own workload, however little of the traffic it gets. In a mesh its sidecars
tell, about copied requests too; without one the app has to, by the histogram that Flagger asks for. Who answers for a
Service need not be in the mesh: there the callers' sidecars tell.

The success rate has to tell "every request failed" from "no requests". With only 5xx the numerator has no series, and
nothing divided by something is nothing: ``or vector(0)`` makes it the zero that it is. Without requests the denominator
is missing, or the whole is 0/0, and the answer stays "no data". Both halves use the same window. Names are matched
exactly: as a regex, a dot in one would match anything.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from shared.checks.gotemplate import Values, render
from shared.workload import runs_pods

if TYPE_CHECKING:
    from shared.canary.model import Canary, Metric
    from shared.canary.template import MetricTemplate

SUCCESS_RATE = "request-success-rate"
REQUEST_DURATION = "request-duration"
DURATION_OF_OLD_ISTIO = "istio_request_duration_seconds_bucket"
APPS_HISTOGRAM = "http_request_duration_seconds"
"""What an app without a sidecar has to count itself, with the label ``status`` (Flagger: kubernetes and gatewayapi)."""


def write_query(canary: Canary, metric: Metric) -> str:
    """The PromQL to ask for ``metric``. InvalidInput if its own query uses what Serin does not know."""
    if metric.builtin == SUCCESS_RATE:
        return _success_rate(canary, metric.interval)
    if metric.builtin == REQUEST_DURATION:
        return _request_duration(canary, metric)
    return render(f"metric {metric.name}", metric.query or "", write_values(canary, metric))


def write_template_query(canary: Canary, metric: Metric, template: MetricTemplate) -> str:
    """The query of ``template`` for ``metric``. InvalidInput if it uses what Serin does not know."""
    return render(str(template.ref), template.query, write_values(canary, metric))


def write_values(canary: Canary, metric: Metric) -> Values:
    """Flagger's template functions; ``interval`` is the metric's, not the analysis's.

    Without an ``ingressRef`` and a ``routeRef``, ``ingress`` and ``route`` are the target's name there, too.
    """
    functions = {
        "name": canary.name,
        "namespace": canary.namespace,
        "target": canary.target.name,
        "service": canary.service.name,
        "ingress": canary.target.name,
        "route": canary.target.name,
        "interval": metric.interval,
    }
    return Values(functions, metric.variables)


def _success_rate(canary: Canary, interval: str) -> str:
    if canary.has_mesh:
        series, status = "istio_requests_total", "response_code"
    else:
        series, status = f"{APPS_HISTOGRAM}_count", "status"
    labels = select(canary, canary.target.name)
    good, total = _rate(series, f'{labels},{status}!~"5.*"', interval), _rate(series, labels, interval)
    return f"({good} or vector(0)) / {total} * 100"


def _request_duration(canary: Canary, metric: Metric) -> str:
    labels = select(canary, canary.target.name)
    if not canary.has_mesh:
        return f"{_p99(f'{APPS_HISTOGRAM}_bucket', labels, metric.interval)} * 1000"
    milliseconds = _p99("istio_request_duration_milliseconds_bucket", labels, metric.interval)
    if metric.name != DURATION_OF_OLD_ISTIO:
        return milliseconds
    return f"{milliseconds} or {_p99(DURATION_OF_OLD_ISTIO, labels, metric.interval)} * 1000"


def _p99(series: str, labels: str, interval: str) -> str:
    return f"histogram_quantile(0.99, {_rate(series, labels, interval)} by (le))"


def _rate(series: str, labels: str, interval: str) -> str:
    return f"sum(rate({series}{{{labels}}}[{interval}]))"


def select(canary: Canary, workload: str) -> str:
    """The labels of what is known of the requests to one of the Canary's workloads: the target, or the primary."""
    if canary.has_mesh and not runs_pods(canary.target.kind):
        return _by_service(canary, workload)
    return _in_mesh(canary, workload) if canary.has_mesh else _by_pods(canary, workload)


def _in_mesh(canary: Canary, workload: str) -> str:
    namespace, name = _quote(canary.namespace), _quote(workload)
    return f'reporter="destination",destination_workload_namespace={namespace},destination_workload={name}'


def _by_service(canary: Canary, workload: str) -> str:
    """One of the two copies of a target that is a Service, as its callers count."""
    copy = canary.service.canary_name if workload == canary.target.name else canary.service.primary_name
    namespace, name = _quote(canary.namespace), _quote(copy)
    return f'reporter="source",destination_service_namespace={namespace},destination_service_name={name}'


def _by_pods(canary: Canary, workload: str) -> str:
    """Its pods, by the labels that Flagger's Prometheus gives what it scrapes."""
    namespace, pods = _quote(canary.namespace), _quote(f"{re.escape(workload)}-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)")
    return f"kubernetes_namespace={namespace},kubernetes_pod_name=~{pods}"


def _quote(value: str) -> str:
    """A PromQL string: it takes Go's escapes, of which JSON's are a part."""
    return json.dumps(value, ensure_ascii=False)
