"""The body of a request from outside, read strictly: whatever comes in, the answer is a JSON object or a refusal.

Nothing here raises, and no refusal repeats what was sent: a body may hold a Secret, and answers end up in logs.
Who sends the request is checked before its body is read: reading one of several MiB costs up to 30 times its size in
memory if it was made to.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shared.json_types import JsonObject

DEEPEST = 100
"""Levels of nesting that a body may have. Real objects have about 20; what reads them recurses once a level."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What is wrong with a request: the HTTP status (4xx) and a sentence for whoever sent it."""

    status: int
    sentence: str


def read_object(body: bytes, largest: int) -> JsonObject | Refusal:
    """The JSON object (RFC 8259, UTF-8) in ``body``, of at most ``largest`` bytes; or 413, or 400."""
    if len(body) > largest:
        return Refusal(413, f"the body has more than {largest} bytes: send less")
    try:
        value = json.loads(body.decode(), parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        return Refusal(400, "the body is not UTF-8: send JSON in UTF-8")
    except RecursionError:
        return _too_deep()
    except ValueError:  # JSONDecodeError, and Python's own for numbers of more than 4,300 digits
        return Refusal(400, "the body is not JSON: send one JSON object")
    if not isinstance(value, dict):
        return Refusal(400, "the body is not a JSON object: send one")
    return _too_deep() if _is_too_deep(value) else value


def media_type(content_type: str) -> str:
    """``content_type`` without its parameters, in lower case; empty if it names a charset other than UTF-8."""
    kind, *parameters = (part.strip().lower() for part in content_type.split(";"))
    charsets = (
        value.strip('" ') for name, _, value in (each.partition("=") for each in parameters) if name == "charset"
    )
    return kind if all(charset in ("utf-8", "utf8") for charset in charsets) else ""


def _too_deep() -> Refusal:
    return Refusal(400, f"the body is nested more than {DEEPEST} levels deep: send an object as Kubernetes has them")


def _is_too_deep(value: object) -> bool:
    """Level by level, because recursion would end where it has to be measured."""
    level: list[object] = [value]
    for _ in range(DEEPEST):
        level = [inner for node in level for inner in _children(node) if isinstance(inner, dict | list)]
        if not level:
            return False
    return True


def _children(node: object) -> Iterable[object]:
    match node:
        case dict():
            return node.values()
        case list():
            return node
        case _:
            return ()


def _refuse_constant(name: str) -> NoReturn:
    """Python takes NaN and Infinity, which JSON does not have."""
    raise ValueError(name)
