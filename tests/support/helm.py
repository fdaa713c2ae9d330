"""Helm, the real program, with a home of its own: nothing of the user's is read or written, and no repository is asked.

Values are given as plain data, as a values file would hold them. A cluster is only touched by the commands of an
``at(cluster)``; templates are rendered without one.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.json_types import JsonObject
    from tests.support.cluster import Cluster

CHARTS = Path(__file__).parents[2] / "charts"
"""The folder with every chart."""

_NO_VALUES: Mapping[str, object] = MappingProxyType({})
_SECONDS = 60


class HelmError(RuntimeError):
    """Helm said no; the text is what it said."""


@dataclass(frozen=True, slots=True)
class Helm:
    """``home`` is where this helm keeps its configuration and its caches. ``chart`` is a folder or a package."""

    program: Path
    home: Path
    kubeconfig: Path | None = None

    def at(self, cluster: Cluster) -> Helm:
        """The same, talking to a cluster as its administrator."""
        return replace(self, kubeconfig=cluster.kubeconfig)

    def lint(self, chart: Path, values: Mapping[str, object] = _NO_VALUES) -> str:
        """What the linter says of a chart; a warning is an error."""
        return self.run("lint", "--strict", str(chart), values=values)

    def template(
        self, release: str, chart: Path, namespace: str = "test", values: Mapping[str, object] = _NO_VALUES, *more: str
    ) -> list[JsonObject]:
        """Every object that a release would consist of, in the order of Helm."""
        text = self.run("template", release, str(chart), f"--namespace={namespace}", *more, values=values)
        return [document for document in yaml.safe_load_all(text) if document]

    def install(
        self, release: str, chart: Path, namespace: str, values: Mapping[str, object] = _NO_VALUES, *more: str
    ) -> str:
        """Install a release; what Helm printed, its notes included."""
        return self.run("install", release, str(chart), f"--namespace={namespace}", *more, values=values)

    def upgrade(
        self, release: str, chart: Path, namespace: str, values: Mapping[str, object] = _NO_VALUES, *more: str
    ) -> str:
        """Upgrade a release to a chart and values; those of the last time are forgotten unless ``more`` says else."""
        return self.run("upgrade", release, str(chart), f"--namespace={namespace}", *more, values=values)

    def uninstall(self, release: str, namespace: str) -> str:
        """Remove a release, if there is one."""
        return self.run("uninstall", release, f"--namespace={namespace}", "--ignore-not-found")

    def package(self, chart: Path, destination: Path) -> Path:
        """Pack a chart into a folder; the package's file."""
        said = self.run("package", str(chart), f"--destination={destination}")
        return Path(said.strip().rpartition(" ")[2])

    def run(self, *arguments: str, values: Mapping[str, object] = _NO_VALUES) -> str:
        """Any command; what it printed.

        Raises:
            HelmError: it did not end with 0.
        """
        ended = subprocess.run(
            (self.program, *arguments, *(("--values=-",) if values else ())),
            input=json.dumps(dict(values)),
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
        )
        if ended.returncode:
            raise HelmError(f"helm {' '.join(arguments)}: {ended.stdout}{ended.stderr}")
        return ended.stdout

    def _environment(self) -> Mapping[str, str]:
        places = {f"HELM_{kind}_HOME": str(self.home / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")}
        return {"HOME": str(self.home), "KUBECONFIG": str(self.kubeconfig or self.home / "no-cluster"), **places}
