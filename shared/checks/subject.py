"""What one analysis is about: a Canary in a cluster, and what is to be asked about it.

The tick fills it with plain values. Checks ask with it; they look nothing up in a cluster or a store.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared.errors import CheckUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.canary.model import Canary, TemplateRef
    from shared.checks.providers.provider import ClusterMetrics, Source
    from shared.checks.questions import Questions
    from shared.json_types import Json


class NoCluster:
    """A cluster whose metrics cannot be asked for."""

    def external_metric(self, namespace: str, name: str, selector: str) -> Json | None:  # noqa: ARG002  see the protocol
        """Never: CheckUnavailable."""
        raise CheckUnavailable("there is no cluster to ask")


@dataclass(frozen=True, slots=True)
class Subject:
    """``questions`` are the engine's: whom to ask, and what hooks are told of the rollout.

    ``sources`` has for each template of the Canary whom to ask, or a sentence on why that is not known. ``metrics`` is
    the Canary's own cluster.
    """

    cluster: str
    canary: Canary
    questions: Questions
    sources: Mapping[TemplateRef, Source | str] = field(default_factory=dict)
    metrics: ClusterMetrics = field(default_factory=NoCluster)
