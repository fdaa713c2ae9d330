"""The primary's autoscaler, made from the target's: a HorizontalPodAutoscaler, or KEDA's ScaledObject.

The target's own goes on scaling the target alone, and belongs to the user. Serin touches it in one place: KEDA scales a
target at zero up again, so between runs it is told to leave the target there (keda.sh, "Pausing autoscaling").
"""

from __future__ import annotations

import re
from copy import deepcopy
from typing import TYPE_CHECKING

from shared.canary.model import SCALED_OBJECT
from shared.render.ownership import copied_labels, owned_metadata

if TYPE_CHECKING:
    from shared.canary.model import AutoscalerRef, Canary
    from shared.json_types import Json, JsonObject

HPA_FIELDS = ("scaleTargetRef", "minReplicas", "maxReplicas", "metrics", "behavior")
SCALED_OBJECT_FIELDS = (
    "scaleTargetRef",
    "minReplicaCount",
    "maxReplicaCount",
    "idleReplicaCount",
    "pollingInterval",
    "cooldownPeriod",
    "initialCooldownPeriod",
    "advanced",
    "fallback",
    "triggers",
)
"""What is written of each kind's ``spec``, and compared."""

PAUSED = "autoscaling.keda.sh/paused-replicas"
"""KEDA's annotation of a ScaledObject: the size at which its workload is kept."""

_KEDAS_MOST = 100  # the default of maxReplicaCount


def primary_autoscaler(canary: Canary, scaler: AutoscalerRef, source: Json) -> JsonObject:
    """The primary's autoscaler: as the target's (``source``), with its own limits and queries if the Canary has any."""
    render = _scaled_object if scaler.pausable else _hpa
    return {
        "apiVersion": "keda.sh/v1alpha1" if scaler.pausable else "autoscaling/v2",
        "kind": scaler.ref.kind,
        "metadata": owned_metadata(canary, scaler.primary_name, copied_labels(source), {}),
        "spec": render(canary, scaler, source["spec"]),
    }


def is_paused(source: Json | None) -> bool:
    """Whether a ScaledObject keeps its workload at zero."""
    annotations = (source or {}).get("metadata", {}).get("annotations") or {}
    return bool(annotations.get(PAUSED) == "0")


def pause_patch(*, paused: bool) -> JsonObject:
    """The merge patch after which a ScaledObject keeps its workload at zero, or scales it again."""
    return {"metadata": {"annotations": {PAUSED: "0" if paused else None}}}


def most_replicas(source: Json) -> int:
    """How far an autoscaler lets its workload grow."""
    spec = source["spec"]
    if source.get("kind") == SCALED_OBJECT or "triggers" in spec:
        return int(spec.get("maxReplicaCount", _KEDAS_MOST))
    return int(spec["maxReplicas"])


def _hpa(canary: Canary, scaler: AutoscalerRef, spec: Json) -> JsonObject:
    scaled = {"apiVersion": "apps/v1", "kind": "Deployment", "name": canary.primary_name}
    limits = {"minReplicas": scaler.primary_min_replicas, "maxReplicas": scaler.primary_max_replicas}
    return {**_copied(spec, HPA_FIELDS), "scaleTargetRef": scaled, **_given(limits)}


def _scaled_object(canary: Canary, scaler: AutoscalerRef, spec: Json) -> JsonObject:
    limits = {"minReplicaCount": scaler.primary_min_replicas, "maxReplicaCount": scaler.primary_max_replicas}
    made = {
        **_copied(spec, SCALED_OBJECT_FIELDS),
        "scaleTargetRef": {**spec["scaleTargetRef"], "name": canary.primary_name},
        "triggers": [_trigger(canary, scaler, trigger) for trigger in spec.get("triggers") or ()],
        **_given(limits),
    }
    named = made.get("advanced", {}).get("horizontalPodAutoscalerConfig", {})
    if named.get("name"):  # of the HPA that KEDA makes: two ScaledObjects cannot share one
        named["name"] = f"{named['name']}-primary"
    return made


def _trigger(canary: Canary, scaler: AutoscalerRef, trigger: Json) -> JsonObject:
    """A trigger with the primary's query: as the Canary gives it by the trigger's name, or the target's with the
    primary's name in it.
    """
    made: JsonObject = deepcopy(dict(trigger))
    query = (made.get("metadata") or {}).get("query")
    if query:
        own = scaler.primary_queries.get(made.get("name", ""))
        made["metadata"]["query"] = own or _about_primary(query, canary)
    return made


def _about_primary(query: str, canary: Canary) -> str:
    """The target's name, or that of its canary Service, wherever it stands alone or begins the name of a pod."""
    name = rf"(?<![\w-]){re.escape(canary.target.name)}(?:-canary\b)?(?!\w)(?!-primary\b)"
    return re.sub(name, canary.primary_name, query)


def _copied(spec: Json, names: tuple[str, ...]) -> JsonObject:
    return {name: deepcopy(spec[name]) for name in names if spec.get(name) is not None}


def _given(limits: dict[str, int | None]) -> JsonObject:
    return {name: value for name, value in limits.items() if value is not None}
