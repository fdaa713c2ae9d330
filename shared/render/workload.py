"""The primary: what serves production, made from the target and of its kind.

It carries a mark of the revision in its pods' annotations. So every promotion rolls them, a new configuration alone
does too, and the primary itself can say what it runs.

It must never change an existing primary's selector (the API refuses that), nor its size when an autoscaler has it.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

from shared.errors import Refused
from shared.render.configs import rewrite_refs
from shared.render.copies import primary_copy
from shared.render.differences import at, covers
from shared.render.overlay import overlay
from shared.render.ownership import REVISION, copied_annotations, copied_labels, owned_metadata
from shared.render.pods import primary_pods, selector_label
from shared.workload import DAEMON_SET, runs_pods, size_of, template_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from shared.canary.model import Canary
    from shared.json_types import Json, JsonObject
    from shared.render.pods import PodLabel
    from shared.revision import ConfigRef

_FLAGGER_ID = "flagger-id"
_SETTINGS = {
    "Deployment": ("strategy", "minReadySeconds", "progressDeadlineSeconds", "revisionHistoryLimit"),
    DAEMON_SET: ("updateStrategy", "minReadySeconds", "revisionHistoryLimit"),
}


def primary_workload(
    canary: Canary, target: Json, live: Json | None, copied: Collection[ConfigRef], mark: str, replicas: int | None
) -> JsonObject:
    """The primary that runs what the target is now: to be created, or, with the ``live`` one, to be written back.

    ``copied`` are the configs that have a copy: exactly these mentions are pointed at the copies. ``mark`` names the
    revision, see :func:`carried_revision`. ``replicas`` is its size, never less than one; None leaves a live primary
    as it is and gives a new one the target's. A live primary keeps its size if the Canary names an autoscaler.
    Refused if the target has no usable selector label, or if the live primary selects other pods than it would run.
    """
    if not runs_pods(target["kind"]):
        return primary_copy(canary, target, live, mark)
    label = selector_label(target, live)
    fresh = {
        "apiVersion": "apps/v1",
        "kind": target["kind"],
        "metadata": _metadata(canary, target, label),
        "spec": {
            **_size(canary, target, live, replicas),
            "selector": {"matchLabels": {label.key: label.primary}},
            **_settings(target),
            "template": _template(primary_pods(rewrite_refs(template_of(target), copied), label), mark),
        },
    }
    if live is None:
        return fresh
    _require_selected(live, fresh)
    return overlay(live, fresh)


def carried_revision(primary: Json) -> str:
    """The mark of the revision that a primary's pods run, or that a Service is; empty if Serin did not write it."""
    path = ("metadata", "annotations", REVISION)
    return str(at(primary, ("spec", "template", *path)) or at(primary, path) or "")


def _metadata(canary: Canary, target: Json, label: PodLabel) -> JsonObject:
    labels = {**copied_labels(target), label.key: label.primary}
    return owned_metadata(canary, canary.primary_name, labels, copied_annotations(target))


def _template(pods: Json, mark: str) -> JsonObject:
    annotations = {
        key: value for key, value in (pods["metadata"].get("annotations") or {}).items() if key != _FLAGGER_ID
    }
    return {**pods, "metadata": {**pods["metadata"], "annotations": {**annotations, REVISION: mark}}}


def _settings(target: Json) -> JsonObject:
    """What its author said of how pods are replaced. Nobody deletes a primary's pods by hand, so that one that waits
    for this (``OnDelete``) would run the old version for ever: it has the API's default.
    """
    spec = target["spec"]
    settings = {field: deepcopy(spec[field]) for field in _SETTINGS[target["kind"]] if spec.get(field) is not None}
    by_hand = at(settings, ("updateStrategy", "type")) == "OnDelete"
    return {field: value for field, value in settings.items() if not (by_hand and field == "updateStrategy")}


def _size(canary: Canary, target: Json, live: Json | None, replicas: int | None) -> JsonObject:
    if target["kind"] == DAEMON_SET:
        return {}
    if live is not None and (replicas is None or canary.autoscaler is not None):
        return {"replicas": size_of(live)}
    return {"replicas": max(1, size_of(target) if replicas is None else replicas)}


def _require_selected(live: Json, desired: Json) -> None:
    selected = live["spec"]["selector"].get("matchLabels") or {}
    labels = desired["spec"]["template"]["metadata"]["labels"]
    if not covers(labels, selected):
        metadata, word = live["metadata"], desired["kind"].lower()
        raise Refused(
            f"{word} {metadata['name']}.{metadata['namespace']} selects {selected}, but its pods would carry {labels}, "
            "and a selector cannot be changed: put the labels that it selects back into the target, "
            f"or delete this {word} while nobody needs it"
        )
