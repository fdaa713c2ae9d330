"""The two patch formats that work on any JSON: merge patch (RFC 7396) and JSON patch (RFC 6902). Pure: the arguments
are never changed.
"""

from typing import Any

from infra.local.kubernetes.errors import bad_request, generic
from infra.local.kubernetes.objects import copy_json
from infra.local.kubernetes.problems import quoted

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"


def merge(original: Any, patch: Any) -> Any:
    """RFC 7396: objects are merged, null removes, anything else replaces."""
    if not isinstance(patch, dict):
        return copy_json(patch)
    result = dict(original) if isinstance(original, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


class _Impossible(Exception):
    """An operation that cannot be done: the whole patch is refused."""


def apply_operations(original: Any, operations: Any) -> Any:
    """RFC 6902: all operations or none. One that fails, also a `test`, gives the API server's bare 422 answer."""
    if not isinstance(operations, list) or not all(isinstance(operation, dict) for operation in operations):
        raise bad_request("error decoding patch: a JSON patch is a list of operations")
    document = copy_json(original)
    try:
        for operation in operations:
            document = _apply(document, operation)
    except _Impossible:
        raise generic(422) from None
    return document


def _apply(document: Any, operation: dict[str, Any]) -> Any:
    path = _pointer(operation.get("path"))
    match operation.get("op"):
        case "add":
            return _add(document, path, _value(operation))
        case "remove":
            return _remove(document, path)
        case "replace":
            return _add(_remove(document, path), path, _value(operation)) if path else _value(operation)
        case "move":
            source = _pointer(operation.get("from"))
            moved = _get(document, source)
            return _add(_remove(document, source), path, moved)
        case "copy":
            return _add(document, path, copy_json(_get(document, _pointer(operation.get("from")))))
        case "test":
            return _tested(document, path, operation.get("value"))
        case _:
            raise _Impossible


def _value(operation: dict[str, Any]) -> Any:
    if "value" not in operation:
        raise _Impossible
    return copy_json(operation["value"])


def _tested(document: Any, path: list[str], expected: Any) -> Any:
    try:
        actual = _get(document, path)
    except _Impossible:
        if expected is not None:  # a missing field passes a test for null, as in the library that the API server uses
            raise
        actual = None
    if quoted(actual) != quoted(expected):  # for Python, 1 equals true
        raise _Impossible
    return document


def _pointer(text: Any) -> list[str]:
    if not isinstance(text, str) or (text and not text.startswith("/")):
        raise _Impossible
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _get(document: Any, path: list[str]) -> Any:
    for part in path:
        document = _child(document, part)
    return document


def _child(parent: Any, part: str) -> Any:
    if isinstance(parent, dict) and part in parent:
        return parent[part]
    if isinstance(parent, list):
        return parent[_index(part, len(parent) - 1)]
    raise _Impossible


def _index(part: str, last: int) -> int:
    if not part.isdecimal() or int(part) > last:
        raise _Impossible
    return int(part)


def _add(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    parent, last = _get(document, path[:-1]), path[-1]
    if isinstance(parent, dict):
        parent[last] = value
    elif isinstance(parent, list):
        parent.insert(len(parent) if last == "-" else _index(last, len(parent)), value)
    else:
        raise _Impossible
    return document


def _remove(document: Any, path: list[str]) -> Any:
    if not path:
        raise _Impossible
    parent, last = _get(document, path[:-1]), path[-1]
    _child(parent, last)
    if isinstance(parent, dict):
        del parent[last]
    else:
        del parent[_index(last, len(parent) - 1)]
    return document
