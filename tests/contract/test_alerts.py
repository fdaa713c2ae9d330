"""The alert rules: promtool finds nothing wrong with them, and each fires when it should and not otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from tests.support.promtool import Promtool

RULES = Path(__file__).parents[2] / "charts" / "grafana" / "rules" / "serin.yaml"
SCENES = Path(__file__).with_name("alerts.yaml")


def test_promtool_finds_nothing_wrong(promtool: Promtool) -> None:
    assert "SUCCESS: 11 rules found" in promtool.check_rules(RULES)


def test_alerts_fire_when_they_should(promtool: Promtool) -> None:
    assert "SUCCESS" in promtool.test_rules(SCENES)


def test_every_alert_is_seen_to_fire_and_to_be_silent() -> None:
    alerts = {rule["alert"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]}
    scenes = [test for scene in yaml.safe_load(SCENES.read_text())["tests"] for test in scene["alert_rule_test"]]
    assert {test["alertname"] for test in scenes if test.get("exp_alerts")} == alerts
    assert {test["alertname"] for test in scenes if not test.get("exp_alerts")} == alerts


def test_the_charts_readme_tells_of_every_alert_and_its_severity() -> None:
    rules = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    rows = (line.split("|") for line in (RULES.parents[1] / "README.md").read_text().splitlines() if "|" in line)
    told = {(row[1].strip(" `"), row[2].strip()) for row in rows if row[2].strip() in ("critical", "warning", "info")}
    assert told == {(rule["alert"], rule["labels"]["severity"]) for rule in rules}
