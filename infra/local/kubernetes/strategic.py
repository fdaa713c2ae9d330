"""Strategic merge patches: merges that know which lists are sets and which field names their members.

Mirrors k8s.io/apimachinery/pkg/util/strategicpatch as the server uses it: the directives `$patch` (replace, delete),
`$setElementOrder/x`, `$deleteFromPrimitiveList/x` and `$retainKeys`, and the merge keys of the Go types. Pure: the
arguments are never changed.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from infra.local.kubernetes.errors import ApiError, bad_request
from infra.local.kubernetes.objects import JsonObject, copy_json
from infra.local.kubernetes.shapes import Field, ListOf, MapOf, Pointer, Shape, Struct

_ORDER = "$setElementOrder/"
_DELETE = "$deleteFromPrimitiveList/"
_DIRECTIVE = "$patch"
_RETAIN = "$retainKeys"


def merge(original: JsonObject, patch: JsonObject, struct: Struct) -> JsonObject:
    """The original with the patch merged into it; a 400 answer for a patch that contradicts itself."""
    return _merge_map(copy_json(original), copy_json(patch), struct)


def _merge_map(original: JsonObject, patch: JsonObject, struct: Struct | None) -> JsonObject:
    if _DIRECTIVE in patch:
        return _replacement(patch)
    original = _retained(original, patch)
    orders = {key.removeprefix(_ORDER): patch.pop(key) for key in list(patch) if key.startswith(_ORDER)}
    before = {key: list(original.get(key) or []) for key in orders}
    for key, order in orders.items():
        _require_order(patch.get(key), order, _field(struct, key))
    for key, value in patch.items():
        if key.startswith(_DELETE):
            name = key.removeprefix(_DELETE)
            original[name] = [item for item in original.get(name) or [] if item not in value]
        else:
            _merge_field(original, key, value, _field(struct, key))
    for key, order in orders.items():
        known = _field(struct, key)
        if isinstance(original.get(key), list) and known is not None:
            original[key] = _ordered(original[key], order, before[key], known.merge_key)
    return original


def _replacement(patch: JsonObject) -> JsonObject:
    match patch[_DIRECTIVE]:
        case "replace":
            return {key: value for key, value in patch.items() if key != _DIRECTIVE}
        case "delete":
            return {}
        case unknown:
            raise _broken(f"unknown patch type: {unknown} in map: {patch}")


def _broken(message: str) -> ApiError:
    """The API server answers such patches with a bare 500."""
    return ApiError(500, "", message)


def _retained(original: JsonObject, patch: JsonObject) -> JsonObject:
    keys = patch.pop(_RETAIN, None)
    if keys is None:
        return original
    stray = [key for key, value in patch.items() if value is not None and not key.startswith("$") and key not in keys]
    if stray:
        raise bad_request("invalid patch format of retainKeys")
    return {key: value for key, value in original.items() if key in keys}


def _field(struct: Struct | None, key: str) -> Field | None:
    return struct.fields.get(key) if struct else None


def _struct_of(shape: Shape | None) -> Struct | None:
    match shape:
        case Struct():
            return shape
        case Pointer():
            return _struct_of(shape.target)
        case ListOf() | MapOf():
            return _struct_of(shape.entry)
        case _:
            return None


def _merge_field(original: JsonObject, key: str, value: Any, field: Field | None) -> None:
    existing = original.get(key)
    if value is None:
        original.pop(key, None)
    elif isinstance(value, dict) and isinstance(existing, dict):
        original[key] = _merge_into(existing, value, field)
    elif isinstance(value, list) and isinstance(existing, list):
        original[key] = _merge_list(existing, value, field)
    elif isinstance(value, dict) and _DIRECTIVE in value:
        original.pop(key, None)
    else:
        original[key] = _plain(value)


def _merge_into(existing: JsonObject, value: JsonObject, field: Field | None) -> JsonObject:
    if field is None:
        return _merge_map(existing, value, None)
    if "replace" in field.strategy:
        return value
    if isinstance(field.shape, MapOf):  # its keys are data, not fields
        return _merge_map(existing, value, None)
    return _merge_map(existing, value, _struct_of(field.shape))


def _plain(value: Any) -> Any:
    """A value that is new to the object: without directives and nulls."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if item is not None and not key.startswith("$")}
    if isinstance(value, list):
        return [_plain(item) for item in value if not (isinstance(item, dict) and _DIRECTIVE in item)]
    return value


def _merge_list(existing: list[Any], patch: list[Any], field: Field | None) -> list[Any]:
    if field is None or "merge" not in field.strategy:
        return patch
    if not any(isinstance(item, dict) for item in existing + patch):
        merged = list(dict.fromkeys(existing + patch))
        return _ordered(merged, patch, existing, "")
    return _merge_members(existing, patch, field)


def _merge_members(existing: list[Any], patch: list[Any], field: Field) -> list[Any]:
    key = field.merge_key
    existing, patch = _without_directives(existing, patch, key)
    merged = list(existing)
    for member in patch:
        index = _position(merged, _key_of(member, key), key)
        if index < 0:
            merged.append(_plain(member))
        else:
            merged[index] = _merge_map(merged[index], dict(member), _struct_of(field.shape))
    return _ordered(merged, patch, existing, key)


def _without_directives(existing: list[Any], patch: list[Any], key: str) -> tuple[list[Any], list[Any]]:
    plain = [member for member in patch if _DIRECTIVE not in member]
    for member in patch:
        if member.get(_DIRECTIVE, "delete") not in {"delete", "replace"}:
            raise _broken(f"unknown patch type: {member[_DIRECTIVE]} in map: {member}")
    marked = [member for member in patch if _DIRECTIVE in member]
    if any(member[_DIRECTIVE] == "replace" for member in marked):
        return [], plain
    doomed = [_key_of(member, key) for member in marked]
    return [member for member in existing if member.get(key) not in doomed], plain


def _key_of(member: Mapping[str, Any], key: str) -> Any:
    if key not in member:
        raise _broken(f"map: {dict(member)} does not contain declared merge key: {key}")
    return member[key]


def _identity(member: Any, key: str) -> Any:
    return member.get(key) if key and isinstance(member, dict) else member


def _position(members: Sequence[Any], identity: Any, key: str) -> int:
    return next((index for index, member in enumerate(members) if _identity(member, key) == identity), -1)


def _require_order(members: Any, order: list[Any], field: Field | None) -> None:
    """A patch may not name members in another order than the one it asks for."""
    if not isinstance(members, list) or field is None:
        return
    key = field.merge_key
    wanted = [_identity(member, key) for member in order]
    given = [_identity(each, key) for each in members if not (isinstance(each, dict) and _DIRECTIVE in each)]
    if [each for each in wanted if each in given] != given:
        raise _broken(f"The order in patch list:\n{members}\n doesn't match $setElementOrder list:\n{order}\n")


def _ordered(merged: list[Any], order: list[Any], server: list[Any], key: str) -> list[Any]:
    """The members of the patch in its order, and the others where the server had them."""
    wanted = [_identity(member, key) for member in order]
    before = [_identity(member, key) for member in server]
    of_patch = sorted((m for m in merged if _identity(m, key) in wanted), key=lambda m: wanted.index(_identity(m, key)))
    of_server = [m for m in merged if _identity(m, key) not in wanted]
    result: list[Any] = []
    while of_patch and of_server:
        left, right = _identity(of_server[0], key), _identity(of_patch[0], key)
        server_first = left in before and right in before and before.index(left) < before.index(right)
        result.append((of_server if server_first else of_patch).pop(0))
    return result + of_patch + of_server
