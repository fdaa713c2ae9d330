"""Whose an object is: the annotations on what Serin makes, and what a copy must not inherit from its source.

No generated object has an ownerReference to its Canary. They serve production, and Kubernetes would delete them
together with the Canary while the target stands at zero. An annotation names the Canary instead, so they outlive it,
and a new Canary of the same name takes them over. Labels are left alone: other tools select by them.

It must never decide what an object contains.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.canary.model import Canary
    from shared.json_types import Json, JsonObject

CANARY = "serin.dev/canary"
"""Annotation: name of the Canary that the object was made for."""

CANARY_UID = "serin.dev/canary-uid"
"""Annotation: that Canary's uid."""

REVISION = "serin.dev/revision"
"""Annotation of the primary's pods: the mark of the revision that they run. Also of a Service that is a copy of the
target, which is its own revision."""

VERSION = "serin.dev/version"
"""Annotation of a router: the rollout version that wrote it, the fence against older decisions."""

ORIGINAL = "serin.dev/original-configuration"
"""Annotation of what was there before the Canary: what Serin changed in its ``spec``, as JSON."""

SUFFIX = "-primary"
"""What tells the names of primary objects from those they are made from."""

_FOREIGN_ANNOTATIONS = (
    "kubectl.kubernetes.io/last-applied-configuration",
    "deployment.kubernetes.io/",
    "meta.helm.sh/",
    "argocd.argoproj.io/",
)
_FOREIGN_LABELS = (
    "app.kubernetes.io/managed-by",
    # Argo CD's default tracking label: it prunes what carries it and is not in Git.
    "app.kubernetes.io/instance",
    "argocd.argoproj.io/",
)
_FLUX = "toolkit.fluxcd.io"


def owned_metadata(canary: Canary, name: str, labels: Mapping[str, str], annotations: Mapping[str, str]) -> JsonObject:
    """Metadata of a generated object: its name, what it is to carry, and whose it is."""
    return {
        "name": name,
        "namespace": canary.namespace,
        **({"labels": dict(labels)} if labels else {}),
        "annotations": {**annotations, CANARY: canary.name, CANARY_UID: canary.uid},
    }


def owner_name(obj: Json) -> str:
    """Name of the Canary that the object belongs to, by annotation or (Flagger's objects) ownerReference; or empty."""
    metadata = obj.get("metadata") or {}
    by_reference = (owner["name"] for owner in metadata.get("ownerReferences") or () if _is_canary(owner))
    return str((metadata.get("annotations") or {}).get(CANARY) or next(by_reference, ""))


def belongs(obj: Json, canary: Canary) -> bool:
    """Whether Serin or Flagger made the object for this Canary, or for a deleted one of the same name."""
    return owner_name(obj) == canary.name


def copied_labels(source: Json) -> dict[str, str]:
    """Labels of ``source`` for its copy, without those by which a deployment tool would take the copy for its own."""
    return _without((source.get("metadata") or {}).get("labels"), _FOREIGN_LABELS)


def copied_annotations(source: Json) -> dict[str, str]:
    """Annotations of ``source`` for its copy, without those in which other tools keep what they know of the source."""
    return _without((source.get("metadata") or {}).get("annotations"), _FOREIGN_ANNOTATIONS)


def foreign_owners(obj: Json) -> list[JsonObject]:
    """The object's ownerReferences except Flagger's to a Canary, which would take production down with that Canary."""
    owners = (obj.get("metadata") or {}).get("ownerReferences") or ()
    return [dict(owner) for owner in owners if not _is_canary(owner)]


def is_flaggers(obj: Json) -> bool:
    """Whether the object has an ownerReference to a Canary, which it would be deleted with."""
    return len(foreign_owners(obj)) < len((obj.get("metadata") or {}).get("ownerReferences") or ())


def take_over(live: Json, canary: Canary) -> JsonObject:
    """The live object, Flagger's until now, as Serin's: the annotations say whose it is, no ownerReference does."""
    metadata = {field: value for field, value in live["metadata"].items() if field != "managedFields"}
    annotations = {**(metadata.get("annotations") or {}), CANARY: canary.name, CANARY_UID: canary.uid}
    owned = {"annotations": annotations, "ownerReferences": foreign_owners(live)}
    return {**live, "metadata": {**metadata, **owned}}


def _is_canary(owner: Json) -> bool:
    return owner["kind"] == "Canary" and str(owner["apiVersion"]).startswith("flagger.app/")


def _without(entries: Mapping[str, str] | None, prefixes: tuple[str, ...]) -> dict[str, str]:
    return {key: value for key, value in (entries or {}).items() if not key.startswith(prefixes) and _FLUX not in key}
