"""A dashboard out of sections of panels: the grid, the numbers, the variables, and what all dashboards share."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from infra.dashboards.panels import SOURCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.dashboards.panels import Json

SCHEMA = 42
"""The last of Grafana's classic dashboard schemas (12.x); older Grafanas from 10 on read it, newer ones migrate it."""

COLUMNS = 24


@dataclass(frozen=True, slots=True)
class Line:
    """Panels side by side, all of one width and of this height."""

    height: int
    panels: tuple[Json, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A titled row that can be folded, and its lines."""

    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """What tells one dashboard from the other."""

    uid: str
    title: str
    description: str
    sections: tuple[Section, ...]
    variables: tuple[Json, ...]
    annotations: tuple[Json, ...] = ()


def make_dashboard(page: Page) -> Json:
    """The dashboard as Grafana imports it."""
    return {
        "uid": page.uid,
        "title": page.title,
        "description": page.description,
        "tags": ["serin"],
        "schemaVersion": SCHEMA,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "10s",
        "time": {"from": "now-30m", "to": "now"},
        "timezone": "browser",
        "links": [_link()],
        "annotations": {"list": list(page.annotations)},
        "templating": {"list": [_datasource(), *page.variables]},
        "panels": list(_lay_out(page.sections)),
    }


def variable(name: str, label: str, query: str, regex: str = "", *, all_too: bool = False) -> Json:
    """A drop-down whose values are those of a Prometheus label."""
    everything = {"includeAll": True, "multi": True, "allValue": ".*", "current": {"text": "All", "value": "$__all"}}
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": SOURCE,
        "definition": query,
        "query": {"qryType": 1, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"},
        "regex": regex,
        "refresh": 2,
        "sort": 1,
        **(everything if all_too else {"includeAll": False, "multi": False}),
    }


def annotation(name: str, color: str, expr: str) -> Json:
    """Marks on every graph at the moments at which ``expr`` has a value."""
    return {"name": name, "datasource": SOURCE, "enable": True, "iconColor": color, "expr": expr, "titleFormat": name}


def _lay_out(sections: tuple[Section, ...]) -> Iterator[Json]:
    numbers, y = count(1), 0
    for section in sections:
        place = {"x": 0, "y": y, "w": COLUMNS, "h": 1}
        yield {
            "id": next(numbers),
            "type": "row",
            "title": section.title,
            "collapsed": False,
            "gridPos": place,
            "panels": [],
        }
        y += 1
        for line in section.lines:
            width = COLUMNS // len(line.panels)
            for index, panel in enumerate(line.panels):
                place = {"x": index * width, "y": y, "w": width, "h": line.height}
                yield {"id": next(numbers), "gridPos": place, **panel}
            y += line.height


def _datasource() -> Json:
    return {
        "name": "datasource",
        "label": "Data source",
        "type": "datasource",
        "query": "prometheus",
        "regex": "",
        "refresh": 1,
        "includeAll": False,
        "multi": False,
    }


def _link() -> Json:
    return {
        "title": "Serin",
        "type": "dashboards",
        "tags": ["serin"],
        "asDropdown": False,
        "includeVars": False,
        "keepTime": True,
        "targetBlank": False,
    }
