"""Panels as Grafana's dashboard model has them (https://grafana.com/docs/grafana/latest/dashboards, schema 42).

A panel is made without a place: ``dashboard.py`` lays rows of panels out on the grid of 24 columns and numbers them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

SOURCE = {"type": "prometheus", "uid": "${datasource}"}
GREEN, YELLOW, ORANGE, RED, BLUE, GREY = "green", "#FADE2A", "#FF9830", "red", "#5794F2", "#8E8E8E"


@dataclass(frozen=True, slots=True)
class Query:
    """PromQL with the legend of its series. An ``instant`` one asks for the latest values alone."""

    expr: str
    legend: str = ""
    instant: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """How the numbers of a panel are shown: in one ``color``, in that of the last of ``steps`` that they reach, or by
    ``names``, words for values. Without any of these each series has a colour of its own.
    """

    unit: str = "short"
    decimals: int | None = None
    color: str = ""
    steps: tuple[tuple[float | None, str], ...] = ()
    names: tuple[tuple[str, str, str], ...] = ()
    """Value, text, colour."""
    floor: float | None = 0
    ceiling: float | None = None
    colors: tuple[tuple[str, str], ...] = ()
    """Colours of series by their legend."""
    custom: Json = field(default_factory=dict)


def stat(title: str, query: Query, look: Look, help_text: str = "", *, sparkline: bool = True) -> Json:
    """One large number over its own curve, or the legend in its place if the query has one."""
    options = {
        "colorMode": "value",
        "graphMode": "area" if sparkline else "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "textMode": "name" if query.legend else "auto",
        "wideLayout": True,
    }
    return _panel("stat", title, (query,), help_text, fieldConfig=_fields(look, {}), options=options)


def graph(title: str, queries: tuple[Query, ...], look: Look, help_text: str = "") -> Json:
    """Curves over time, with their last and largest values in the legend."""
    custom = {
        "drawStyle": "line",
        "lineInterpolation": "linear",
        "lineWidth": 2,
        "fillOpacity": 12,
        "gradientMode": "opacity",
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"group": "A", "mode": "none"},
        "thresholdsStyle": {"mode": "off"},
        **look.custom,
    }
    options = {
        "legend": {"calcs": ["lastNotNull", "max"], "displayMode": "table", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return _panel("timeseries", title, queries, help_text, fieldConfig=_fields(look, custom), options=options)


def table(title: str, queries: tuple[Query, ...], columns: tuple[str, ...], help_text: str = "") -> Json:
    """One line for each set of labels, with the value of each query in a column of its own.

    ``columns`` names those, in the order of the queries; one without a name is left out, and leaves its labels.
    """
    values = {f"Value #{chr(65 + index)}": column for index, column in enumerate(columns)}
    hidden = {"Time": True, **{value: True for value, column in values.items() if not column}}
    shown = {value: column for value, column in values.items() if column}
    transformations = [
        {"id": "merge", "options": {}},
        {"id": "organize", "options": {"excludeByName": hidden, "indexByName": {}, "renameByName": shown}},
    ]
    panel = _panel("table", title, queries, help_text, fieldConfig=_fields(Look(floor=None), {"align": "auto"}))
    return {**panel, "options": {"cellHeight": "sm", "showHeader": True}, "transformations": transformations}


def with_fields(panel: Json, overrides: dict[str, dict[str, Any]]) -> Json:
    """The panel with properties of single columns or series, by name."""
    made = [
        {"matcher": {"id": "byName", "options": name}, "properties": [{"id": k, "value": v} for k, v in given.items()]}
        for name, given in overrides.items()
    ]
    config = panel["fieldConfig"]
    return {**panel, "fieldConfig": {**config, "overrides": [*config["overrides"], *made]}}


def _panel(kind: str, title: str, queries: tuple[Query, ...], help_text: str, **more: object) -> Json:
    targets = [_target(query, chr(65 + index), kind) for index, query in enumerate(queries)]
    described = {"description": help_text} if help_text else {}
    return {"type": kind, "title": title, **described, "datasource": SOURCE, "targets": targets, **more}


def _target(query: Query, ref: str, kind: str) -> Json:
    return {
        "refId": ref,
        "datasource": SOURCE,
        "editorMode": "code",
        "expr": query.expr,
        "legendFormat": query.legend or "__auto",
        "format": "table" if kind == "table" else "time_series",
        "instant": query.instant or kind == "table",
        "range": not (query.instant or kind == "table"),
    }


def _fields(look: Look, custom: Json) -> Json:
    defaults: Json = {
        "unit": look.unit,
        "color": _color(look),
        "thresholds": {"mode": "absolute", "steps": [{"value": at, "color": color} for at, color in look.steps]},
        "mappings": _mappings(look),
        "noValue": "-",
        "custom": custom,
    }
    limits = {"decimals": look.decimals, "min": look.floor, "max": look.ceiling}
    defaults |= {name: value for name, value in limits.items() if value is not None}
    return {"defaults": defaults, "overrides": [_colored(name, color) for name, color in look.colors]}


def _color(look: Look) -> Json:
    if look.color:
        return _fixed(look.color)
    return {"mode": "thresholds" if look.steps or look.names else "palette-classic"}


def _colored(series: str, color: str) -> Json:
    return {"matcher": {"id": "byName", "options": series}, "properties": [{"id": "color", "value": _fixed(color)}]}


def _fixed(color: str) -> Json:
    return {"mode": "fixed", "fixedColor": color}


def _mappings(look: Look) -> list[Json]:
    options = {
        value: {"text": text, "color": color, "index": index} for index, (value, text, color) in enumerate(look.names)
    }
    return [{"type": "value", "options": options}] if options else []
