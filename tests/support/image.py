"""A container image without a container engine: the files that its Dockerfile takes from the project, as a folder that
nobody may write to, and commands that run there without root's power to do so all the same.

What this does not show is the build itself: base images and the installation of the packages.
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.helm import CHARTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

ROOT = CHARTS.parent


@dataclass(frozen=True, slots=True)
class Image:
    """The image that ``infra/container/NAME/Dockerfile`` describes; what counts is its last stage."""

    name: str

    def instructions(self, name: str) -> list[str]:
        """The arguments of every such instruction."""
        last = (ROOT / "infra/container" / self.name / "Dockerfile").read_text().rpartition("\nFROM ")[2]
        return re.findall(rf"^{name} (.+)$", last, re.MULTILINE)

    def variables(self) -> dict[str, str]:
        """What ENV sets."""
        return dict(word.split("=", 1) for line in self.instructions("ENV") for word in line.split())

    def unpack(self, app: Path) -> Path:
        """Make ``app`` what /app is in the image, for nobody to write to."""
        for source, target in self._copied():
            if source.is_dir():
                shutil.copytree(source, app / target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                (app / target).mkdir(parents=True, exist_ok=True)
                shutil.copy(source, app / target)
        for path in (app, *app.rglob("*")):
            path.chmod(path.stat().st_mode & ~0o222)
        return app

    def _copied(self) -> Iterator[tuple[Path, str]]:
        for line in self.instructions("COPY"):
            *sources, target = line.split()
            if not sources[0].startswith("--from"):
                yield from ((ROOT / source, target) for source in sources)


def without_power(argv: Sequence[str]) -> tuple[str, ...]:
    """The command without what lets root write where nobody may."""
    return (*(("setpriv", "--bounding-set=-all", "--inh-caps=-all") if not os.geteuid() else ()), *argv)
