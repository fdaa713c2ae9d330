"""The primary: the Deployment that serves production, made from the target.

It carries a mark of the revision in its pods' annotations. So every promotion rolls them, a new configuration alone
does too, and the primary itself can say what it runs.

It must never change an existing primary's selector (the API refuses that), nor its size when an autoscaler has it.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

from shared.errors import Refused
from shared.render.configs import rewrite_refs
from shared.render.differences import at, covers
from shared.render.overlay import overlay
from shared.render.ownership import REVISION, copied_annotations, copied_labels, owned_metadata
from shared.render.pods import primary_pods, selector_label

if TYPE_CHECKING:
    from collections.abc import Collection

    from shared.canary.model import Canary
    from shared.json_types import Json, JsonObject
    from shared.render.pods import PodLabel
    from shared.revision import ConfigRef

_FLAGGER_ID = "flagger-id"
_SETTINGS = ("strategy", "minReadySeconds", "progressDeadlineSeconds", "revisionHistoryLimit")


def primary_deployment(
    canary: Canary, target: Json, live: Json | None, copied: Collection[ConfigRef], mark: str, replicas: int | None
) -> JsonObject:
    """The primary that runs what the target is now: to be created, or, with the ``live`` one, to be written back.

    ``copied`` are the configs that have a copy: exactly these mentions are pointed at the copies. ``mark`` names the
    revision, see :func:`carried_revision`. ``replicas`` is its size, never less than one; None leaves a live primary
    as it is and gives a new one the target's. A live primary keeps its size if the Canary names an autoscaler.
    Refused if the target has no usable selector label, or if the live primary selects other pods than it would run.
    """
    label = selector_label(target, live)
    fresh = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(canary, target, label),
        "spec": {
            "replicas": _size(canary, target, live, replicas),
            "selector": {"matchLabels": {label.key: label.primary}},
            **{field: deepcopy(target["spec"][field]) for field in _SETTINGS if target["spec"].get(field) is not None},
            "template": _template(primary_pods(rewrite_refs(target["spec"]["template"], copied), label), mark),
        },
    }
    if live is None:
        return fresh
    _require_selected(live, fresh)
    return overlay(live, fresh)


def carried_revision(primary: Json) -> str:
    """The mark of the revision that a primary's pods run; empty if Serin did not write it."""
    return str(at(primary, ("spec", "template", "metadata", "annotations", REVISION)) or "")


def _metadata(canary: Canary, target: Json, label: PodLabel) -> JsonObject:
    labels = {**copied_labels(target), label.key: label.primary}
    return owned_metadata(canary, canary.primary_name, labels, copied_annotations(target))


def _template(pods: Json, mark: str) -> JsonObject:
    annotations = {
        key: value for key, value in (pods["metadata"].get("annotations") or {}).items() if key != _FLAGGER_ID
    }
    return {**pods, "metadata": {**pods["metadata"], "annotations": {**annotations, REVISION: mark}}}


def _size(canary: Canary, target: Json, live: Json | None, replicas: int | None) -> int:
    if live is not None and (replicas is None or canary.autoscaler is not None):
        return int(live["spec"].get("replicas", 1))
    return max(1, target["spec"].get("replicas", 1) if replicas is None else replicas)


def _require_selected(live: Json, desired: Json) -> None:
    selected = live["spec"]["selector"].get("matchLabels") or {}
    labels = desired["spec"]["template"]["metadata"]["labels"]
    if not covers(labels, selected):
        metadata = live["metadata"]
        raise Refused(
            f"deployment {metadata['name']}.{metadata['namespace']} selects {selected}, but its pods would carry "
            f"{labels}, and a selector cannot be changed: put the labels that it selects back into the target, "
            "or delete this deployment while nobody needs it"
        )
