"""Dashboards as files: their queries as Grafana would send them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shared.json_types import Json

FOLDER = Path(__file__).parents[2] / "charts" / "grafana" / "dashboards"
NAMES = ("canary", "control-plane")
RATE_INTERVAL = "10s"
_LABEL_VALUES = re.compile(r"label_values\((.+), (\w+)\)")


@dataclass(frozen=True, slots=True)
class Variable:
    """A drop-down: the series and the label that its values come from, and which of them it shows."""

    name: str
    series: str
    label: str
    shows: re.Pattern[str]


def read_dashboard(name: str) -> Json:
    """The dashboard in a file."""
    return cast("Json", json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8")))


def expressions(dashboard: Json, chosen: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Every query of every panel with the panel's title, after the drop-downs were ``chosen``."""
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], fill_in(target["expr"], chosen)


def variables(dashboard: Json, chosen: Mapping[str, str]) -> Iterator[Variable]:
    """The drop-downs that ask Prometheus."""
    for each in dashboard["templating"]["list"]:
        if each["type"] == "query":
            asked = _LABEL_VALUES.fullmatch(fill_in(each["query"]["query"], chosen))
            assert asked, each
            yield Variable(each["name"], asked[1], asked[2], re.compile(each["regex"].strip("/")))


def fill_in(text: str, chosen: Mapping[str, str]) -> str:
    """``text`` with Grafana's variables replaced."""
    values = {**chosen, "__rate_interval": RATE_INTERVAL}
    return re.sub(r"\$(\w+)", lambda found: values[found[1]], text)
