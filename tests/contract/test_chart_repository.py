"""`make charts`: one Helm repository with every chart, each at the version of the product."""

from __future__ import annotations

import subprocess
import tomllib
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.support.helm import CHARTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.json_types import JsonObject
    from tests.support.helm import Helm

ROOT = CHARTS.parent
FOLDERS = sorted(file.parent for file in CHARTS.glob("*/Chart.yaml"))


def version() -> str:
    """The product's, as pyproject.toml says it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return str(project["version"])


def read(file: Path) -> JsonObject:
    """A YAML file."""
    found: JsonObject = yaml.safe_load(file.read_text())
    return found


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """A folder on a web server; its URL."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_chart_has_the_version_of_the_product_and_the_app_version_of_its_image(folder: Path) -> None:
    chart = read(folder / "Chart.yaml")
    tag = read(folder / "values.yaml").get("image", {}).get("tag")
    assert chart["name"] == folder.name
    assert chart["version"] == version()
    assert str(chart["appVersion"]) == (tag or version())


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_chart_explains_itself_and_refuses_unknown_values(folder: Path) -> None:
    assert read(folder / "values.schema.json")["additionalProperties"] is False
    for file in ("README.md", "templates/NOTES.txt"):
        assert (folder / file).read_text().strip()
    documented = (folder / "README.md").read_text()
    missing = [name for name in read(folder / "values.yaml") if f"`{name}" not in documented]
    assert not missing, "README.md has a table of values"


def test_the_repository_has_every_chart_and_helm_installs_from_it(helm: Helm, tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    script = ("sh", "infra/charts.sh", str(helm.program), str(folder))
    ended = subprocess.run(script, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    entries = read(folder / "index.yaml")["entries"]
    assert {name: [entry["version"] for entry in found] for name, found in entries.items()} == {
        chart.name: [version()] for chart in FOLDERS
    }
    with served(folder) as url:
        helm.run("repo", "add", "serin", url)
        assert "kind: Canary" in helm.run("template", "frontend", "serin/podinfo")
