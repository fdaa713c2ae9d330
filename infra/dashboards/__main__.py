"""``python -m infra.dashboards`` writes the dashboards into ``charts/grafana/dashboards``, from the project's root."""

from __future__ import annotations

from pathlib import Path

from infra.dashboards.files import dashboard_files

FOLDER = Path("charts/grafana/dashboards")


def main() -> None:
    """Write every file."""
    for name, text in dashboard_files().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
