"""Kubernetes objects as they travel: JSON objects, and the few ways in which this package reaches into them.

Objects in the store are shared between all readers, so whoever wants to change one makes a copy first (`copy_json`).
Nothing here knows what any field means.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, TypeAlias

JsonObject: TypeAlias = dict[str, Any]


def copy_json(value: Any) -> Any:
    """A deep copy of a JSON value, several times faster than `copy.deepcopy`."""
    if isinstance(value, dict):
        return {key: copy_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [copy_json(item) for item in value]
    return value


def dig(value: Any, *path: str) -> Any:
    """The value under nested keys, or None where one of them is missing or is not an object."""
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def items(value: Any, *path: str) -> list[Any]:
    """The list under nested keys, empty where there is none."""
    found = dig(value, *path)
    return found if isinstance(found, list) else []


def mapping(value: Any, *path: str) -> dict[str, Any]:
    """The object under nested keys, empty where there is none."""
    found = dig(value, *path)
    return found if isinstance(found, dict) else {}


def indexed(value: Any, *path: str) -> Iterator[tuple[int, JsonObject]]:
    """The objects of the list under nested keys, each with its index; entries that are no objects are left out."""
    for index, entry in enumerate(items(value, *path)):
        if isinstance(entry, dict):
            yield index, entry


def meta(obj: JsonObject) -> JsonObject:
    """The metadata of an object, made when there is none."""
    found = obj.setdefault("metadata", {})
    assert isinstance(found, dict)  # noqa: S101 - every object was read through the ObjectMeta type
    return found


def controller_of(obj: JsonObject) -> JsonObject | None:
    """The owner reference that says `controller: true`."""
    return next((ref for ref in items(obj, "metadata", "ownerReferences") if ref.get("controller")), None)


def timestamp(moment: datetime) -> str:
    """A moment as metav1.Time writes it: UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def micro_timestamp(moment: datetime) -> str:
    """A moment as metav1.MicroTime writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
