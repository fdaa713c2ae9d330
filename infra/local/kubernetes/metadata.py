"""What every object has in common: its metadata, checked as the API server checks it
(k8s.io/apimachinery/pkg/api/validation).
"""

import random
import uuid

from infra.local.kubernetes.names import Check, dns_label, label_key, label_value
from infra.local.kubernetes.objects import JsonObject, items, mapping
from infra.local.kubernetes.problems import IMMUTABLE, Problem, forbidden, invalid, required, too_long

_ANNOTATIONS_LIMIT = 256 * 1024
_GENERATED = 5  # characters that follow a generateName
_GENERATED_BASE = 58  # a generated name fits into 63 characters
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_FROZEN = ("name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds")

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"
_STANDARD_FINALIZERS = {"kubernetes", FOREGROUND, ORPHAN}


def new_uid() -> str:
    return str(uuid.uuid4())


def generated_name(base: str) -> str:
    """A name from a generateName: its base, and five characters that spell no words."""
    return base[:_GENERATED_BASE] + "".join(random.choices(_ALPHABET, k=_GENERATED))


def check_new(metadata: JsonObject, name_check: Check, *, namespaced: bool) -> list[Problem]:
    """What is wrong with the metadata of a new object."""
    found = _check_names(metadata, name_check)
    if namespaced:
        found += [
            invalid("metadata.namespace", metadata.get("namespace", ""), fault)
            for fault in dns_label(metadata.get("namespace", ""))
        ]
    elif metadata.get("namespace"):
        found.append(forbidden("metadata.namespace", "not allowed on this type"))
    return found + _check_common(metadata) + check_finalizers(metadata)


def _check_names(metadata: JsonObject, name_check: Check) -> list[Problem]:
    found = []
    prefix, name = metadata.get("generateName", ""), metadata.get("name", "")
    if prefix:  # a prefix may end in a dash, a name may not
        found += [
            invalid("metadata.generateName", prefix, fault) for fault in name_check(prefix.removesuffix("-") + "a")
        ]
    if not name:
        return [*found, required("metadata.name", "name or generateName is required")]
    return found + [invalid("metadata.name", name, fault) for fault in name_check(name)]


def check_changed(metadata: JsonObject, old: JsonObject) -> list[Problem]:
    """What is wrong with the metadata of an object that replaces another."""
    found = []
    extra = sorted(set(items(metadata, "finalizers")) - set(items(old, "finalizers")))
    if old.get("deletionTimestamp") and extra:
        shown = ", ".join(f'"{name}"' for name in extra)
        why = f"no new finalizers can be added if the object is being deleted, found new finalizers []string{{{shown}}}"
        found.append(forbidden("metadata.finalizers", why))
    found += [
        invalid(f"metadata.{key}", metadata.get(key), IMMUTABLE) for key in _FROZEN if metadata.get(key) != old.get(key)
    ]
    return found + _check_common(metadata)


def _check_common(metadata: JsonObject) -> list[Problem]:
    return [
        *check_labels(mapping(metadata, "labels"), "metadata.labels"),
        *check_annotations(mapping(metadata, "annotations"), "metadata.annotations"),
        *_check_owners(items(metadata, "ownerReferences")),
    ]


def check_labels(labels: dict[str, str], path: str) -> list[Problem]:
    found = []
    for key, value in labels.items():
        found += [invalid(path, key, fault) for fault in label_key(key)]
        found += [invalid(path, value, fault) for fault in label_value(value)]
    return found


def check_annotations(annotations: dict[str, str], path: str) -> list[Problem]:
    found = [invalid(path, key, fault) for key in annotations for fault in label_key(key.lower())]
    if sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items()) > _ANNOTATIONS_LIMIT:
        found.append(too_long(path, _ANNOTATIONS_LIMIT))
    return found


def _check_owners(owners: list[JsonObject]) -> list[Problem]:
    found = []
    for owner in owners:
        found += [
            invalid(f"metadata.ownerReferences.{key}", owner.get(key, ""), sentence)
            for key, sentence in (
                ("apiVersion", "version must not be empty"),
                ("kind", "must not be empty"),
                ("name", "must not be empty"),
                ("uid", "must not be empty"),
            )
            if not owner.get(key)
        ]
    return found + _check_controllers(owners)


def _check_controllers(owners: list[JsonObject]) -> list[Problem]:
    names = [f"{owner.get('kind')}/{owner.get('name')}" for owner in owners if owner.get("controller")]
    if len(names) < 2:
        return []
    why = (
        f'Only one reference can have Controller set to true. Found "true" in references for {names[0]} and {names[1]}'
    )
    return [invalid("metadata.ownerReferences", owners, why)]


def check_finalizers(metadata: JsonObject) -> list[Problem]:
    finalizers = items(metadata, "finalizers")
    found = [invalid("metadata.finalizers", name, fault) for name in finalizers for fault in label_key(name)]
    if FOREGROUND in finalizers and ORPHAN in finalizers:
        found.append(
            invalid("metadata.finalizers", finalizers, f"finalizer {ORPHAN} and {FOREGROUND} cannot be both set")
        )
    return found


def check_qualified_finalizers(metadata: JsonObject) -> list[Problem]:
    """Built-in kinds take only finalizers with a domain, besides those of Kubernetes itself."""
    why = "name is neither a standard finalizer name nor is it fully qualified"
    return [
        invalid(f"metadata.finalizers[{index}]", name, why)
        for index, name in enumerate(items(metadata, "finalizers"))
        if "/" not in name and name not in _STANDARD_FINALIZERS
    ]
