"""Reading a Canary that is being deleted: it must be able to go, also when it is not valid.

What gives the app back needs little of it: the target, the service, the autoscaler. Whatever is wrong elsewhere, an
analysis that this version cannot run for one, does not matter any more.

It must never make a Canary valid that stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.canary.model import FLAGGER_REVERT, REVERT
from shared.canary.parse import parse_canary
from shared.errors import InvalidCanary

if TYPE_CHECKING:
    from shared.canary.model import Canary
    from shared.json_types import Json, JsonObject

_NEEDED = ("targetRef", "service", "autoscalerRef", "revertOnDeletion")
_NO_ANALYSIS = {"interval": "1m", "threshold": 1, "stepWeight": 100}


def is_leaving(raw: Json) -> bool:
    """Whether the Canary, as the API returned it, is being deleted."""
    return bool(raw["metadata"].get("deletionTimestamp"))


def read_canary(raw: Json) -> Canary:
    """The Canary; of one that is being deleted and is not valid, what is needed to give the app back.

    InvalidCanary, with every problem of the Canary as it is, if that cannot be read either.
    """
    try:
        return parse_canary(raw)
    except InvalidCanary:
        if is_leaving(raw) and isinstance(raw.get("spec"), dict):
            canary = _what_is_needed(raw)
            if canary is not None:
                return canary
        raise


def without_ours(raw: Json) -> list[str] | None:
    """The Canary's finalizers without Serin's and Flagger's; None if it has neither."""
    finalizers = raw["metadata"].get("finalizers") or []
    kept = [name for name in finalizers if name not in (REVERT, FLAGGER_REVERT)]
    return kept if kept != finalizers else None


def _what_is_needed(raw: Json) -> Canary | None:
    spec: JsonObject = {field: raw["spec"][field] for field in _NEEDED if field in raw["spec"]}
    try:
        return parse_canary({**raw, "spec": {**spec, "analysis": _NO_ANALYSIS}})
    except InvalidCanary:
        return None
