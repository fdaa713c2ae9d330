"""What Flagger does not have either: nobody gets it by mistake.

The schema knows no such field, so that ``kubectl`` refuses it by name, and whoever gets past ``kubectl`` has the Canary
that the rest of the manifest describes.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tests.unit.parity.table import rows, written

if TYPE_CHECKING:
    from shared.json_types import Json

CRD = yaml.safe_load((Path(__file__).parents[3] / "charts/serin/crds/canary.yaml").read_text())
SCHEMA = CRD["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
WEIGHTS: dict[str, object] = {"analysis.stepWeight": 10}

STRATEGIES: dict[str, tuple[str, object]] = {
    "canary by the number of pods": ("strategy.canary.maxSurge", "25%"),
    "fast rollback to one of the last revisions": ("rollbackWindow", {"revisions": 3}),
    "old version kept warm after the switch": ("analysis.scaleDownDelaySeconds", 30),
    "list of steps with pauses": ("analysis.steps", [{"setWeight": 20}, {"pause": {"duration": "1h"}}]),
    "experiments": ("analysis.experiment", {"duration": "1h"}),
    "ping-pong services": ("service.pingPong", {"pingService": "a", "pongService": "b"}),
    "steps with code of your own": ("analysis.plugin", {"name": "mine"}),
}
METRICS: dict[str, tuple[str, object]] = {
    "number and delay of measurements per metric": ("analysis.metrics[0].initialDelay", "5m"),
    "analysis beside the steps": ("analysis.startingStep", 2),
    "metrics on trial": ("analysis.dryRun", [{"metricName": "request-.*"}]),
}


@rows("Strategies", ("path", "value"), STRATEGIES)
def test_a_strategy_that_is_not_there(path: str, value: object) -> None:
    _assert_nobody_gets_it(path, value)


@rows("Metrics", ("path", "value"), METRICS)
def test_a_kind_of_measuring_that_is_not_there(path: str, value: object) -> None:
    _assert_nobody_gets_it(path, value)


def _assert_nobody_gets_it(path: str, value: object) -> None:
    assert not _is_known(SCHEMA["properties"]["spec"], path.split("."))
    assert written({**WEIGHTS, path: value}) == written(WEIGHTS)


def _is_known(schema: Json, path: list[str]) -> bool:
    """Whether the schema takes the field, or anything at all on the way to it."""
    for name in path:
        if schema.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in schema:
            return True
        key, _, entry = name.partition("[")
        inner: Any = schema.get("properties", {}).get(key)
        if inner is None:
            return False
        schema = inner["items"] if entry else inner
    return True


def test_a_field_that_is_there_is_known() -> None:
    assert _is_known(SCHEMA["properties"]["spec"], ["analysis", "metrics[0]", "interval"])
