"""Whether a CRD's schema is structural: the rules of k8s.io/apiextensions-apiserver/pkg/apiserver/schema."""

import re
from typing import Any

from infra.local.kubernetes.formats import compiled
from infra.local.kubernetes.objects import JsonObject, items, mapping
from infra.local.kubernetes.problems import Problem, forbidden, invalid, not_supported, required
from infra.local.kubernetes.structural import Schema, check

_TYPES = ("array", "boolean", "integer", "number", "object", "string")
_JUNCTORS = ("anyOf", "allOf", "oneOf")
_INT_OR_STRING = [{"type": "integer"}, {"type": "string"}]
_EMPTY = {
    "root": "must not be empty at the root",
    "item": "must not be empty for specified array items",
    "field": "must not be empty for specified object fields",
}
_NOT_NESTED = {
    "type": "must be empty to be structural",
    "additionalProperties": "must be undefined to be structural",
    "default": "must be undefined to be structural",
    "title": "must be empty to be structural",
    "description": "must be empty to be structural",
    "nullable": "must be false to be structural",
    "x-kubernetes-preserve-unknown-fields": "must be false to be structural",
    "x-kubernetes-embedded-resource": "must be false to be structural",
    "x-kubernetes-int-or-string": "must be false to be structural",
    "x-kubernetes-list-type": "must be undefined to be structural",
}


def check_schema(schema: Schema, path: str) -> list[Problem]:
    """Everything that keeps a schema from being structural, and defaults that the schema itself would refuse."""
    return sorted(_check_level(schema, path, "root") + _check_defaults(schema, path), key=str)


def _check_level(schema: Schema, path: str, level: str) -> list[Problem]:
    found = _check_type(schema, path, level)
    if schema.get("type") == "array" and "items" not in schema:
        found.append(required(f"{path}.items", "must be specified"))
    if isinstance(inner := schema.get("items"), dict):
        found += _check_level(inner, f"{path}.items", "item")
    for key, inner in mapping(schema, "properties").items():
        metadata = level == "root" and key == "metadata"
        found += _check_metadata(inner, path) if metadata else _check_level(inner, f"{path}.properties[{key}]", "field")
    if isinstance(inner := schema.get("additionalProperties"), dict):
        found += _check_level(inner, f"{path}.additionalProperties", "field")
        if schema.get("properties"):
            found.append(
                forbidden(f"{path}.additionalProperties", "additionalProperties and properties are mutual exclusive")
            )
    return found + _check_values(schema, schema, path)


def _check_type(schema: Schema, path: str, level: str) -> list[Problem]:
    kind = schema.get("type", "")
    if kind and kind not in _TYPES:
        return [not_supported(f"{path}.type", kind, _TYPES)]
    free = schema.get("x-kubernetes-int-or-string") or schema.get("x-kubernetes-preserve-unknown-fields")
    if schema.get("x-kubernetes-embedded-resource") and kind != "object":
        return [required(f"{path}.type", "must be object if x-kubernetes-embedded-resource is true")]
    if not kind and not free:
        return [required(f"{path}.type", _EMPTY[level])]
    if level == "root" and kind and kind != "object":
        return [invalid(f"{path}.type", kind, "must be object at the root")]
    return []


def _check_metadata(schema: Schema, path: str) -> list[Problem]:
    extra = set(schema) - {"type", "properties", "description"} or set(mapping(schema, "properties")) - {
        "name",
        "generateName",
    }
    why = "must not specify anything other than name and generateName, but metadata is implicitly specified"
    return [forbidden(f"{path}.properties[metadata]", why)] if extra else []


def _check_values(schema: Schema, whole: Schema, path: str) -> list[Problem]:
    """The parts of a schema that only restrict values. What they name has to be in the structural part, `whole`."""
    found = []
    if "pattern" in schema:
        found += _check_pattern(schema["pattern"], path)
    for junctor in _JUNCTORS:
        for index, nested in enumerate(items(schema, junctor)):
            found += _check_nested(nested, whole, f"{path}.{junctor}[{index}]")
    if "not" in schema:
        found += _check_nested(schema["not"], whole, f"{path}.not")
    return found


def _check_pattern(pattern: str, path: str) -> list[Problem]:
    try:
        compiled(pattern)
    except re.error as error:
        return [invalid(f"{path}.pattern", pattern, f"must be a valid regular expression, but isn't: {error}")]
    return []


def _check_nested(schema: Schema, whole: Schema, path: str) -> list[Problem]:
    if whole.get("x-kubernetes-int-or-string") and set(schema) <= {"type", "anyOf"} and _names_int_or_string(schema):
        return []
    found = [forbidden(f"{path}.{key}", why) for key, why in _NOT_NESTED.items() if schema.get(key)]
    for key, inner in mapping(schema, "properties").items():
        known = mapping(whole, "properties").get(key)
        if known is None:
            found.append(
                required(_structural_path(path, key), "because it is defined in " + f"{path}.properties[{key}]")
            )
        else:
            found += _check_nested(inner, known, f"{path}.properties[{key}]")
    if isinstance(schema.get("items"), dict) and isinstance(whole.get("items"), dict):
        found += _check_nested(schema["items"], whole["items"], f"{path}.items")
    return found + _check_values(schema, whole, path)


def _names_int_or_string(schema: Schema) -> bool:
    return schema in _INT_OR_STRING or schema.get("anyOf") == _INT_OR_STRING


def _structural_path(path: str, key: str) -> str:
    """The path that a nested path has in the structural part: without its junctors."""
    return re.sub(r"\.(?:anyOf|allOf|oneOf)\[\d+]|\.not(?![a-zA-Z])", "", path) + f".properties[{key}]"


def _check_defaults(schema: Any, path: str) -> list[Problem]:
    if not isinstance(schema, dict):
        return []
    found = []
    if schema.get("default") is not None:
        found += check(schema["default"], schema, f"{path}.default")
    for key, inner in mapping(schema, "properties").items():
        found += _check_defaults(inner, f"{path}.properties[{key}]")
    found += _check_defaults(schema.get("items"), f"{path}.items")
    return found + _check_defaults(schema.get("additionalProperties"), f"{path}.additionalProperties")


def version_schemas(definition: JsonObject) -> list[tuple[int, JsonObject, Schema | None]]:
    """The versions of a CRD, each with its index and its schema, if it has one."""
    return [
        (index, version, mapping(version, "schema").get("openAPIV3Schema"))
        for index, version in enumerate(items(definition, "spec", "versions"))
    ]
