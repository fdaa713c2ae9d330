"""The one place where Serin says ``Any``: JSON objects as they come from and go to an API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

Json: TypeAlias = Mapping[str, Any]
"""A JSON object that is only read."""

JsonObject: TypeAlias = dict[str, Any]
"""A JSON object that its owner may still change."""
