"""What a Service or a router looked like before Serin took it over, kept in an annotation of the object itself.

As in Flagger, the annotation holds the object's own ``spec`` as JSON, here only the fields that Serin writes; Flagger's
annotation is understood, and so is kubectl's. What is in them is only believed if it makes sense without the Canary:
Flagger may have kept its own routes, and a target's labels may have changed since.

It must never keep or give back a field that Serin does not write.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from typing import TYPE_CHECKING

from shared.render.differences import OWNED, at, covers
from shared.render.ownership import CANARY, CANARY_UID, ORIGINAL, VERSION, foreign_owners, owner_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.canary.model import Canary
    from shared.json_types import Json, JsonObject
    from shared.render.router import Router

FLAGGER_ORIGINAL = "flagger.kubernetes.app/original-configuration"
"""Flagger's annotation of the same meaning; it holds a bare ``spec``."""

KUBECTL_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
"""Where Flagger keeps no original, because kubectl has kept the whole object."""

_OURS = (CANARY, CANARY_UID, VERSION, ORIGINAL, FLAGGER_ORIGINAL)


def keep_original(obj: Json, live: Json) -> Json:
    """``obj``, to be written over ``live``, with the annotation that keeps what is overwritten.

    What some Canary made is no original.
    """
    if owner_name(live):
        return obj
    metadata = obj["metadata"]
    kept = json.dumps(_owned_spec(live["kind"], live.get("spec") or {}), separators=(",", ":"), sort_keys=True)
    return {**obj, "metadata": {**metadata, "annotations": {**metadata["annotations"], ORIGINAL: kept}}}


def original_router(live: Json, canary: Canary, router: Router) -> JsonObject | None:
    """The object of ``router`` as it was before the Canary; None if it was made for it."""
    sides = {canary.service.primary_name, canary.service.canary_name}
    for spec in _originals(live):
        if sides.isdisjoint(router.destinations(spec)):
            return _given_back(live, spec)
    return None


def original_apex(live: Json, target: Json) -> JsonObject:
    """The callers' Service ``live`` as it was before the Canary, provided that it then selects the target's pods;
    otherwise as it is, selecting them.
    """
    labels = at(target, ("spec", "template", "metadata", "labels"))
    for spec in _originals(live):
        if spec.get("selector") and spec.get("ports") and covers(labels, spec["selector"]):
            return _given_back(live, spec)
    selector = at(target, ("spec", "selector", "matchLabels")) or labels or {}
    return _given_back(live, {**live["spec"], "selector": selector})


def _originals(live: Json) -> Iterator[JsonObject]:
    """Every spec that somebody kept, ours first."""
    annotations = at(live, ("metadata", "annotations")) or {}
    for key, path in ((ORIGINAL, ()), (FLAGGER_ORIGINAL, ()), (KUBECTL_APPLIED, ("spec",))):
        spec = at(_parsed(annotations.get(key)), path)
        if isinstance(spec, Mapping) and spec:
            yield _owned_spec(live["kind"], spec)


def _parsed(text: object) -> object:
    try:
        return json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _owned_spec(kind: str, spec: Mapping[str, object]) -> JsonObject:
    owned = (path[-1] for path in OWNED[kind])
    return {field: deepcopy(spec[field]) for field in owned if spec.get(field) is not None}


def _given_back(live: Json, spec: Mapping[str, object]) -> JsonObject:
    """The live object with this spec in Serin's fields, and without a word of Serin's in its metadata."""
    owned = {path[-1] for path in OWNED[live["kind"]]}
    others = {field: deepcopy(value) for field, value in live["spec"].items() if field not in owned}
    metadata = {field: value for field, value in live["metadata"].items() if field != "managedFields"}
    annotations = {key: text for key, text in (metadata.get("annotations") or {}).items() if key not in _OURS}
    metadata |= {"annotations": annotations, "ownerReferences": foreign_owners(live)}
    return {
        "apiVersion": live["apiVersion"],
        "kind": live["kind"],
        "metadata": {field: value for field, value in metadata.items() if value not in ({}, [])},
        "spec": {**others, **_owned_spec(live["kind"], spec)},
    }
