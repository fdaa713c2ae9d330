"""Changing a manifest at a path such as ``spec.analysis.metrics[0].name``."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shared.json_types import Json, JsonObject

REMOVED = object()
"""The value that stands for none."""

_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


def edit(manifest: Json, changes: Mapping[str, object]) -> JsonObject:
    """A copy in which each path has the given value; objects on the way there are made where they are missing."""
    changed = copy.deepcopy(dict(manifest))
    for path, value in changes.items():
        *way, last = (int(index) if index else key for key, index in _STEP.findall(path))
        spot: Any = changed
        for step in way:
            spot = spot.setdefault(step, {}) if isinstance(spot, dict) else spot[step]
        if value is REMOVED:
            del spot[last]
        else:
            spot[last] = value
    return changed


def paths_of(value: object, path: str = "") -> list[str]:
    """The paths of everything inside ``value``, except of keys that a path cannot name."""
    match value:
        case Mapping():
            inner = [(f"{path}.{key}".lstrip("."), item) for key, item in value.items() if re.fullmatch(r"\w+", key)]
        case list():
            inner = [(f"{path}[{index}]", item) for index, item in enumerate(value)]
        case _:
            inner = []
    return [found for spot, item in inner for found in (spot, *paths_of(item, spot))]
