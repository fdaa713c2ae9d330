"""The files that the chart ships, as text, by name."""

from __future__ import annotations

import json

from infra.dashboards.canary import CANARY
from infra.dashboards.control_plane import CONTROL_PLANE


def dashboard_files() -> dict[str, str]:
    """Every dashboard as Grafana imports and provisions it."""
    made = {"canary.json": CANARY, "control-plane.json": CONTROL_PLANE}
    return {name: json.dumps(dashboard, indent=2, ensure_ascii=False) + "\n" for name, dashboard in made.items()}
