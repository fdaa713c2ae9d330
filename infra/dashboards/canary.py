"""The dashboard of one canary: what Serin does with it, and both workloads side by side, primary left, canary right.

Requests are Istio's, as the called side reports them; CPU, memory and network are cAdvisor's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.dashboards.dashboard import Line, Page, Section, annotation, make_dashboard, variable
from infra.dashboards.panels import BLUE, GREEN, GREY, ORANGE, RED, YELLOW, Look, Query, graph, stat, table

if TYPE_CHECKING:
    from infra.dashboards.panels import Json

WINDOW = "$__rate_interval"
_NAMED = 'namespace="$namespace",name="$canary"'


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two workloads. ``pods`` matches the names of its pods and of no other workload's."""

    title: str
    workload: str
    pods: str
    color: str

    @property
    def requests(self) -> str:
        """Istio's labels of what it was asked."""
        return (
            f'reporter="destination",destination_workload_namespace="$namespace",destination_workload="{self.workload}"'
        )

    @property
    def containers(self) -> str:
        """cAdvisor's labels of its own containers: not the sandbox, not the proxy, not the sum of the pod."""
        return f'namespace="$namespace",{self.pods},container!~"|POD|istio-proxy"'


_SUFFIX = "-[a-z0-9]+(-[a-z0-9]+)?"
PRIMARY = Side("Primary", "$primary", f'pod=~"$primary{_SUFFIX}"', BLUE)
CANARY_SIDE = Side("Canary", "$canary", f'pod=~"$canary{_SUFFIX}",pod!~"$primary-.*"', ORANGE)
SIDES = (PRIMARY, CANARY_SIDE)


def _volume(side: Side) -> Json:
    query = Query(f"sum(rate(istio_requests_total{{{side.requests}}}[{WINDOW}]))")
    return stat(f"{side.title}: request volume", query, Look("reqps", 1, side.color))


def _success(side: Side) -> Json:
    good = f'sum(rate(istio_requests_total{{{side.requests},response_code!~"5.*"}}[{WINDOW}])) or vector(0)'
    query = Query(f"({good}) / sum(rate(istio_requests_total{{{side.requests}}}[{WINDOW}]))")
    steps = ((None, RED), (0.95, ORANGE), (0.99, YELLOW), (0.995, GREEN))
    look = Look("percentunit", 2, steps=steps, ceiling=1)
    return stat(f"{side.title}: success rate", query, look, "Requests that were not answered with 5xx")


def _duration(side: Side) -> Json:
    buckets = f"sum by (le) (rate(istio_request_duration_milliseconds_bucket{{{side.requests}}}[{WINDOW}]))"
    levels = ((0.5, "P50"), (0.9, "P90"), (0.99, "P99"))
    queries = tuple(Query(f"histogram_quantile({level}, {buckets})", name) for level, name in levels)
    look = Look("ms", colors=(("P50", GREEN), ("P90", YELLOW), ("P99", ORANGE)))
    return graph(f"{side.title}: request duration", queries, look)


def _sources(side: Side) -> Json:
    expr = f"sum by (source_workload, response_code) (rate(istio_requests_total{{{side.requests}}}[{WINDOW}]))"
    look = Look("reqps", custom={"stacking": {"group": "A", "mode": "normal"}})
    query = Query(expr, "{{source_workload}} : {{response_code}}")
    return graph(f"{side.title}: requests by source and response code", (query,), look)


def _cpu(side: Side) -> Json:
    expr = f"sum by (pod) (rate(container_cpu_usage_seconds_total{{{side.containers}}}[{WINDOW}]))"
    return _of_pods(f"{side.title}: CPU usage by pod", expr, "cores")


def _memory(side: Side) -> Json:
    expr = f"sum by (pod) (container_memory_working_set_bytes{{{side.containers}}})"
    return _of_pods(f"{side.title}: memory usage by pod", expr, "bytes")


def _network(side: Side) -> Json:
    pods = f'namespace="$namespace",{side.pods}'
    received = f"sum(rate(container_network_receive_bytes_total{{{pods}}}[{WINDOW}]))"
    transmitted = f"-sum(rate(container_network_transmit_bytes_total{{{pods}}}[{WINDOW}]))"
    look = Look("Bps", floor=None, colors=(("received", GREEN), ("transmitted", BLUE)))
    return graph(f"{side.title}: network I/O", (Query(received, "received"), Query(transmitted, "transmitted")), look)


def _of_pods(title: str, expr: str, unit: str) -> Json:
    look = Look("short" if unit == "cores" else unit, custom={"stacking": {"group": "A", "mode": "normal"}})
    if unit == "cores":
        look.custom["axisLabel"] = "CPU seconds / second"
    return graph(title, (Query(expr, "{{pod}}"),), look)


def _status() -> Json:
    names = (("0", "Running", BLUE), ("1", "Succeeded", GREEN), ("2", "Failed", RED))
    query = Query(f"max(flagger_canary_status{{{_NAMED}}})")
    return stat("Status", query, Look(names=names), "Succeeded: also before the first run", sparkline=False)


def _traffic() -> Json:
    queries = tuple(
        Query(f'max(flagger_canary_weight{{namespace="$namespace",workload="{side.workload}"}})', side.title.lower())
        for side in SIDES
    )
    custom = {"lineInterpolation": "stepAfter", "fillOpacity": 40, "stacking": {"group": "A", "mode": "normal"}}
    colors = tuple((side.title.lower(), side.color) for side in SIDES)
    return graph("Traffic", queries, Look("percent", ceiling=100, colors=colors, custom=custom))


def _ended(title: str, metric: str, color: str) -> Json:
    query = Query(f"sum({metric}{{{_NAMED}}})")
    return stat(title, query, Look(steps=((None, GREY), (1, color))), sparkline=False)


def _readings() -> Json:
    bound = f"max by (metric) (serin_metric_bound{{{_NAMED},bound="
    queries = (
        Query(f"max by (metric) (flagger_canary_metric_analysis{{{_NAMED}}})"),
        Query(f'{bound}"min"}})'),
        Query(f'{bound}"max"}})'),
    )
    columns = ("last value", "not below", "not above")
    return table("Checks", queries, columns, "In each metric's own unit, as its threshold")


def _both(height: int, *panels: tuple[Json, Json]) -> tuple[Line, ...]:
    return tuple(Line(height, pair) for pair in panels)


CANARY = make_dashboard(
    Page(
        uid="serin-canary",
        title="Serin canary",
        description="One canary beside its primary: traffic, checks, requests, resources",
        sections=(
            Section(
                "RELEASE: $canary.$namespace",
                (
                    Line(
                        4,
                        (
                            _status(),
                            _ended("Releases promoted", "flagger_canary_successes_total", GREEN),
                            _ended("Releases rolled back", "flagger_canary_failures_total", RED),
                        ),
                    ),
                    Line(8, (_traffic(), _readings())),
                ),
            ),
            Section(
                "RED: $canary.$namespace",
                (
                    Line(5, tuple(panel(side) for side in SIDES for panel in (_volume, _success))),
                    Line(8, tuple(map(_duration, SIDES))),
                    Line(8, tuple(map(_sources, SIDES))),
                ),
            ),
            Section(
                "USE: $canary.$namespace",
                (
                    Line(8, tuple(map(_cpu, SIDES))),
                    Line(8, tuple(map(_memory, SIDES))),
                    Line(8, tuple(map(_network, SIDES))),
                ),
            ),
        ),
        variables=(
            variable("namespace", "Namespace", "label_values(istio_requests_total, destination_workload_namespace)"),
            variable(
                "primary",
                "Primary",
                'label_values(istio_requests_total{destination_workload_namespace="$namespace"}, destination_workload)',
                "/.*-primary$/",
            ),
            variable(
                "canary",
                "Canary",
                'label_values(istio_requests_total{destination_workload_namespace="$namespace"}, destination_workload)',
                "/^(?!.*-primary$).*$/",
            ),
        ),
        annotations=(
            annotation("Promoted", GREEN, f"sum(increase(flagger_canary_successes_total{{{_NAMED}}}[{WINDOW}])) > 0"),
            annotation("Rolled back", RED, f"sum(increase(flagger_canary_failures_total{{{_NAMED}}}[{WINDOW}])) > 0"),
        ),
    )
)
"""The dashboard."""
