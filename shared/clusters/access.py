"""Opens gateways to the clusters of an installation, each over connections of its own, made at first use.

Clusters share nothing but the process: one that is slow, silent or misconfigured takes nothing from the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.clusters.google_token import find_credentials
from shared.clusters.link import Link, Time
from shared.clusters.registry import VARIABLE
from shared.clusters.sources import Google, source_of
from shared.errors import InvalidSettings, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shared.cluster.gateway import Gateway
    from shared.clusters.registry import Cluster

_GOOGLE = Google(find_credentials)
_TIME = Time()


class Access:
    """``connections`` are kept open to each cluster. Making one opens nothing; threads may share it."""

    def __init__(
        self, clusters: Iterable[Cluster], connections: int = 8, google: Google = _GOOGLE, time: Time = _TIME
    ) -> None:
        self._links = {each.name: Link(each, source_of(each, google), connections, time) for each in clusters}

    @property
    def names(self) -> tuple[str, ...]:
        """The clusters, in the order of the settings."""
        return tuple(self._links)

    def gateway(self, cluster: str) -> Gateway:
        """A gateway for one tick.

        InvalidSettings if there is no such cluster, ClusterUnavailable if its credentials cannot be had.
        """
        link = self._links.get(cluster)
        if link is None:
            known = ", ".join(self.names)
            raise InvalidSettings("environment", (Problem(f"{VARIABLE}.{cluster}", f"is not there; there is {known}"),))
        return link.gateway()
