"""The primary's HorizontalPodAutoscaler, made from the target's, which goes on scaling the target alone.

It must never touch the target's own: that one belongs to the user.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

from shared.render.ownership import SUFFIX, copied_labels, owned_metadata

if TYPE_CHECKING:
    from shared.canary.model import Canary
    from shared.json_types import Json, JsonObject

_COPIED = ("minReplicas", "maxReplicas", "metrics", "behavior")


def primary_autoscaler(canary: Canary, hpa: Json) -> JsonObject:
    """The primary's autoscaler: as the target's ``autoscaling/v2`` one, with its own limits if the Canary has any."""
    spec = hpa["spec"]
    scaled = {"apiVersion": "apps/v1", "kind": "Deployment", "name": canary.primary_name}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": owned_metadata(canary, f"{hpa['metadata']['name']}{SUFFIX}", copied_labels(hpa), {}),
        "spec": {
            "scaleTargetRef": scaled,
            **{field: deepcopy(spec[field]) for field in _COPIED if spec.get(field) is not None},
            **_own_limits(canary),
        },
    }


def _own_limits(canary: Canary) -> JsonObject:
    if canary.autoscaler is None:
        return {}
    limits = {
        "minReplicas": canary.autoscaler.primary_min_replicas,
        "maxReplicas": canary.autoscaler.primary_max_replicas,
    }
    return {field: value for field, value in limits.items() if value is not None}
