"""Bringing a live object to what it should be, with everything that others put there left in place.

It must never lose a live object's resourceVersion: that is what makes a write fail when someone else was faster.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

from shared.render.differences import at, owned_fields
from shared.render.ownership import foreign_owners

if TYPE_CHECKING:
    from shared.json_types import Json, JsonObject


def overlay(live: Json, desired: Json) -> JsonObject:
    """The live object with Serin's fields, labels and annotations as in ``desired``, to be written back.

    Labels and annotations of others stay, an ownerReference to a Canary does not. KeyError for a kind that Serin does
    not make.
    """
    result = {**deepcopy(dict(live)), "apiVersion": desired["apiVersion"], "kind": desired["kind"]}
    result.pop("status", None)
    result["metadata"] = _metadata(result["metadata"], desired["metadata"])
    for path in owned_fields(desired):
        _put(result, path, deepcopy(at(desired, path)))
    return result


def _metadata(live: Json, desired: Json) -> JsonObject:
    result = dict(live)
    result.pop("managedFields", None)
    result["ownerReferences"] = foreign_owners({"metadata": live})
    for field in ("labels", "annotations"):
        result[field] = {**(live.get(field) or {}), **(desired.get(field) or {})}
    return {key: value for key, value in result.items() if value not in ({}, [])}


def _put(obj: JsonObject, path: tuple[str, ...], value: object) -> None:
    *parents, last = path
    for key in parents:
        obj = obj.setdefault(key, {})
    if value is None:
        obj.pop(last, None)
    else:
        obj[last] = value
