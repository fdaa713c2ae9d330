"""The one place where Serin says ``Any``: JSON objects as they come from and go to an API, and to and from a store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeAlias

Json: TypeAlias = Mapping[str, Any]
"""A JSON object that is only read."""

JsonObject: TypeAlias = dict[str, Any]
"""A JSON object that its owner may still change."""


def of_fields(kind: type, value: Json) -> JsonObject:
    """The entries of ``value`` that are fields of the dataclass ``kind``: another release may have written more."""
    return {each.name: value[each.name] for each in fields(kind) if each.name in value}
