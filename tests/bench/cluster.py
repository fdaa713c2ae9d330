"""Which API server a measurement runs against."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support import tools
from tests.support.embedded_cluster import EmbeddedCluster
from tests.support.real_cluster import RealCluster

if TYPE_CHECKING:
    from pathlib import Path

_NEEDED = (tools.Name.ETCD, tools.Name.API_SERVER, tools.Name.CONTROLLERS)


def any_cluster(folder: Path) -> RealCluster | EmbeddedCluster:
    """The real control plane, or the embedded one where that cannot be had; a context manager that runs it."""
    missing = [name for name in _NEEDED if tools.find(name).path is None]
    return EmbeddedCluster(folder) if missing else RealCluster(folder)
