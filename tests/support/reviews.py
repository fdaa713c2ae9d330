"""AdmissionReviews as kube-apiserver 1.35.4 sent them, to be changed at will, and damage of every sort."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from shared.admission.review import AdmissionRequest, parse_review
from tests.support.paths import REMOVED, edit, paths_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.json_types import JsonObject

RECORDED = ("canary_update", "deployment_update", "deployment_scale", "secret_update", "secret_delete")
"""Names of the recordings in tests/unit/admission. ``secret_delete`` is one of a whole collection."""

_FOLDER = Path(__file__).parents[1] / "unit" / "admission"

_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([10**400, "\ud800", "a" * 300, "CREATE", "DELETE", "Canary", "apps", "test:x", "serin"])
)
_KEYS = st.sampled_from(["metadata", "spec", "kind", "name", "annotations", "data", "type", "status"]) | st.text(
    max_size=3
)
anything = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4), max_leaves=12
)
"""Any JSON value, and some that only Python calls so."""


def review(name: str, changes: Mapping[str, object] | None = None) -> JsonObject:
    """A recorded review with ``changes``: paths and their new values."""
    return edit(_recorded(name), changes or {})


def request(name: str, changes: Mapping[str, object] | None = None) -> AdmissionRequest:
    """The request of a recorded review with ``changes``, whose paths start at the request."""
    sent = review(name, {f"request.{path}": value for path, value in (changes or {}).items()})
    read = parse_review("application/json", json.dumps(sent).encode())
    assert isinstance(read, AdmissionRequest), read
    return read


@st.composite
def damaged(draw: st.DrawFn, sound: JsonObject) -> JsonObject:
    """``sound`` with a few parts gone or replaced."""
    for _ in range(draw(st.integers(1, 3))):
        paths = paths_of(sound)
        if paths:
            sound = edit(sound, {draw(st.sampled_from(paths)): draw(st.just(REMOVED) | anything)})
    return sound


@cache
def _recorded(name: str) -> JsonObject:
    found: JsonObject = json.loads((_FOLDER / f"{name}.json").read_text())
    return found
