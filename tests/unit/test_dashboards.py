"""The dashboards' files are well-formed, are what their description makes, and name no metric that is not there."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from infra.dashboards.files import dashboard_files
from shared.metrics.exposition import Kind
from shared.metrics.scrape import SOURCES
from tests.support.dashboards import FOLDER, NAMES, read_dashboard

RULES = Path(__file__).parents[2] / "charts" / "grafana" / "rules" / "serin.yaml"
_SUFFIXES = {Kind.HISTOGRAM: ("_bucket", "_sum", "_count"), Kind.SUMMARY: ("_sum", "_count")}


def exposed() -> set[str]:
    """The names of all series."""
    families = [source.family for source in SOURCES]
    return {f"{family.name}{suffix}" for family in families for suffix in _SUFFIXES.get(family.kind, ("",))}


def named(text: str) -> set[str]:
    return set(re.findall(r"\b(?:flagger|serin)_[a-z_]+", text))


def test_the_files_are_what_their_description_makes() -> None:
    """``python -m infra.dashboards`` writes them."""
    files = {file.name: file.read_text(encoding="utf-8") for file in FOLDER.iterdir()}
    assert files == dashboard_files()
    assert {f"{name}.json" for name in NAMES} == files.keys()


@pytest.mark.parametrize("name", NAMES)
def test_a_dashboard_is_one_that_grafana_takes(name: str) -> None:
    dashboard = read_dashboard(name)
    panels = dashboard["panels"]
    assert (dashboard["schemaVersion"], dashboard["uid"]) == (42, f"serin-{name}")
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({panel["title"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {(place["x"] + dx, place["y"] + dy) for dx in range(place["w"]) for dy in range(place["h"])}
        assert not taken & cells, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells


@pytest.mark.parametrize("name", NAMES)
def test_every_query_asks_the_data_source_that_was_chosen(name: str) -> None:
    dashboard = read_dashboard(name)
    assert dashboard["templating"]["list"][0]["type"] == "datasource"
    asking = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    targets = [target for panel in asking for target in panel["targets"]]
    everything = [*asking, *targets, *dashboard["templating"]["list"][1:], *dashboard["annotations"]["list"]]
    assert all(each["datasource"] == {"type": "prometheus", "uid": "${datasource}"} for each in everything)
    assert len({(panel["title"], target["refId"]) for panel in asking for target in panel["targets"]}) == len(targets)


@pytest.mark.parametrize("file", [*(FOLDER / f"{name}.json" for name in NAMES), RULES], ids=lambda file: file.name)
def test_metrics_that_are_asked_for_exist(file: Path) -> None:
    asked = named(file.read_text(encoding="utf-8"))
    assert asked
    assert asked <= exposed()


def test_both_sides_of_a_canary_are_asked_the_same() -> None:
    """Request volume, success rate, durations, CPU, memory and network."""
    titles = [panel["title"] for panel in read_dashboard("canary")["panels"]]
    sides = [
        {title.removeprefix(f"{side}: ") for title in titles if title.startswith(f"{side}: ")}
        for side in ("Primary", "Canary")
    ]
    assert sides[0] == sides[1]
    assert len(sides[0]) == 7


def test_alerts_say_what_to_do() -> None:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert json.dumps([rule["alert"] for rule in rules if len(rule["annotations"]["description"]) < 40]) == "[]"
    assert {rule["labels"]["severity"] for rule in rules} == {"critical", "warning", "info"}
