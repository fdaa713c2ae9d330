"""The document of a rollout and of a history entry, as every store keeps them: plain JSON types, and never too large.

Firestore refuses documents over 1 MiB (https://firebase.google.com/docs/firestore/quotas). A document that grows
towards that, because a hook answers novels or Events cannot be delivered for days, loses the ends of its texts and its
oldest lines: a rollout that can no longer be written would be stuck for ever, which is worse. Waiting commands must
never be dropped: ``commands.submit`` refuses more than fit.
"""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import TYPE_CHECKING

from shared.errors import StoreUnavailable
from shared.rollout import RolloutKey
from shared.schema import from_dict, to_dict

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.history import Entry
    from shared.json_types import Json, JsonObject
    from shared.rollout import Rollout

LARGEST = 512 * 1024
"""Bytes of JSON that a document keeps as they are: half of Firestore's limit, which counts otherwise."""

LONGEST_TEXT = 500
"""Characters that a text keeps in a document that was too large."""

LONGEST_LIST = 50
"""Elements that a list keeps in a document that was too large: the newest."""


_FRAME = frozenset({*(each.name for each in fields(RolloutKey)), "asked", "made_at"})
"""What stores write beside the rollout's own fields, for their queries."""


def write_rollout(key: RolloutKey, rollout: Rollout) -> JsonObject:
    """The rollout's document: its dict form and the three parts of its key."""
    return fit({**asdict(key), **to_dict(rollout)})


def read_rollout(store: str, key: RolloutKey, document: Json) -> Rollout:
    """The rollout in ``document``; StoreUnavailable, which holds it, if it cannot be understood."""
    try:
        return from_dict({name: value for name, value in document.items() if name not in _FRAME})
    except (KeyError, TypeError, ValueError) as error:
        raise StoreUnavailable(f"{store}: the document of rollout {key} cannot be read: {error!r}") from error


def write_entry(entry: Entry) -> JsonObject:
    """The entry's document."""
    return fit(entry.to_dict())


def fit(document: JsonObject) -> JsonObject:
    """``document`` itself, or what of it fits when it is larger than LARGEST. Invalid Unicode becomes ``?``."""
    try:
        size = len(json.dumps(document, ensure_ascii=False).encode())
    except UnicodeEncodeError:
        return fit(_change_texts(document, _replace_surrogates))
    return document if size <= LARGEST else _shorten(document)


def _shorten(document: JsonObject) -> JsonObject:
    cut = _change_texts(document, lambda text: text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…")
    return {name: value[-LONGEST_LIST:] if isinstance(value, list) else value for name, value in cut.items()}


def _change_texts(document: Json, change: Callable[[str], str]) -> JsonObject:
    return {name: _change_text(value, change) for name, value in document.items()}


def _change_text(value: object, change: Callable[[str], str]) -> object:
    match value:
        case str():
            return change(value)
        case dict():
            return _change_texts(value, change)
        case list():
            return [_change_text(inner, change) for inner in value]
        case _:
            return value


def _replace_surrogates(text: str) -> str:
    return text.encode(errors="replace").decode()
