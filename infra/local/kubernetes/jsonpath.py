"""The part of kubectl's JSONPath that printer columns of CRDs use: fields, indices, `[*]`, and filters
`[?(@.type=="Ready")]`.
"""

import json
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeAlias

Step: TypeAlias = Callable[[Any], list[Any]]

_TOKEN = re.compile(
    r"""\.(?P<name>(?:\\.|[^.\[\\])+)          # .field, with \. for a dot in it
      | \[\s*(?P<quote>['"])(?P<quoted>.*?)(?P=quote)\s*\]
      | \[\s*(?P<index>-?\d+)\s*\]
      | \[\s*(?P<all>\*)\s*\]
      | \[\s*\?\(\s*@(?P<inner>[^=!<>]+?)\s*(?P<operator>==|!=)\s*(?P<value>"[^"]*"|'[^']*'|[^)\s]+)\s*\)\s*\]
    """,
    re.VERBOSE,
)


class JsonPathError(ValueError):
    """Raised for a path that is outside of the supported part."""


def find(path: str, value: Any) -> list[Any]:
    """The values that a path like `.status.conditions[?(@.type=="Ready")].status` leads to; none where a step leads
    nowhere.
    """
    found = [value]
    for step in _steps(path):
        found = [result for item in found for result in step(item)]
    return found


@lru_cache(maxsize=256)
def _steps(path: str) -> tuple[Step, ...]:
    text = path.strip().removeprefix("{").removesuffix("}").removeprefix("$")
    if text and text[0] not in ".[":
        text = f".{text}"
    steps: list[Step] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise JsonPathError(f"cannot understand {text[at:]!r} in the JSONPath {path!r}")
        steps.append(_step(match))
        at = match.end()
    return tuple(steps)


def _step(match: re.Match[str]) -> Step:
    if match["index"] is not None:
        return _index(int(match["index"]))
    if match["all"] is not None:
        return _members
    if match["inner"] is not None:
        return _filter(match["inner"], match["value"], equal=match["operator"] == "==")
    return _field(match["quoted"] if match["quoted"] is not None else re.sub(r"\\(.)", r"\1", match["name"]))


def _field(name: str) -> Step:
    def step(value: Any) -> list[Any]:
        if name == "*":
            return _members(value)
        return [value[name]] if isinstance(value, dict) and name in value else []

    return step


def _index(index: int) -> Step:
    def step(value: Any) -> list[Any]:
        return [value[index]] if isinstance(value, list) and -len(value) <= index < len(value) else []

    return step


def _members(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _filter(inner: str, text: str, *, equal: bool) -> Step:
    wanted = _literal(text)

    def step(value: Any) -> list[Any]:
        return [
            member for member in _members(value) if any((found == wanted) == equal for found in find(inner, member))
        ]

    return step


def _literal(text: str) -> Any:
    if text[0] in "'\"":
        return text[1:-1]
    try:
        return json.loads(text)
    except ValueError:
        return text
