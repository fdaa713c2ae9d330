"""Custom resources against the structural schema of their CRD: pruning, defaulting and validation, as the API server
does them.

A schema is the plain JSON of `openAPIV3Schema`, which `kinds.schemas` has checked before. The sentences are those of
k8s.io/kube-openapi's validator. `x-kubernetes-validations` (CEL) is not evaluated: a rule there never refuses an object
here.
"""

import math
from typing import Any, TypeAlias

from infra.local.kubernetes.formats import is_format, matches
from infra.local.kubernetes.objects import copy_json
from infra.local.kubernetes.problems import (
    Problem,
    duplicate,
    invalid,
    not_supported,
    quoted,
    required,
    too_long,
    too_many,
    type_invalid,
)

Schema: TypeAlias = dict[str, Any]

_TYPE_META = ("apiVersion", "kind", "metadata")
_PRESERVE = "x-kubernetes-preserve-unknown-fields"
_INT_OR_STRING = "x-kubernetes-int-or-string"
_EMBEDDED = "x-kubernetes-embedded-resource"
_INT64 = 2**63
_NOTHING = object()  # stands for "there is no old value", which null does not


def normalise(value: Any) -> Any:
    """Numbers as Go keeps them: 5.0 is 5, and what does not fit into 64 bits is a float."""
    match value:
        case dict():
            return {key: normalise(item) for key, item in value.items()}
        case list():
            return [normalise(item) for item in value]
        case float() if value.is_integer() and abs(value) < _INT64:
            return int(value)
        case int() if not -_INT64 <= value < _INT64:
            return _widen(value)
        case _:
            return value


def _widen(value: int) -> float:
    """The float nearest to a large integer; infinite if there is none, as for a literal like 1e400."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def prune(value: Any, schema: Schema | None, path: str, unknown: list[str], *, root: bool = False) -> None:
    """Removes, in place, every field that the schema does not have, and adds its path to `unknown`."""
    if schema is None:
        return
    if isinstance(value, list):
        for index, item in enumerate(value):
            prune(item, schema.get("items"), f"{path}[{index}]", unknown)
    if isinstance(value, dict):
        _prune_object(value, schema, path, unknown, root=root)


def _prune_object(value: dict[str, Any], schema: Schema, path: str, unknown: list[str], *, root: bool) -> None:
    properties, others = schema.get("properties", {}), schema.get("additionalProperties")
    for key in list(value):
        spot = f"{path}.{key}" if path else key
        if key in _TYPE_META and (root or schema.get(_EMBEDDED)):
            continue
        if key in properties:
            prune(value[key], properties[key], spot, unknown)
        elif others is not None and others is not False:
            prune(value[key], others if isinstance(others, dict) else None, spot, unknown)
        elif not schema.get(_PRESERVE):
            del value[key]
            unknown.append(spot)


def complete(value: Any, schema: Schema | None) -> None:
    """Fills in defaults, in place. Nulls where none is allowed give way to the default, or vanish."""
    if not isinstance(schema, dict):
        return
    if isinstance(value, list):
        for item in value:
            complete(item, schema.get("items"))
    if isinstance(value, dict):
        _complete_object(value, schema)


def _complete_object(value: dict[str, Any], schema: Schema) -> None:
    properties, others = schema.get("properties", {}), schema.get("additionalProperties")
    for key in [key for key, item in value.items() if item is None]:
        known = properties.get(key, others)
        if isinstance(known, dict) and not known.get("nullable"):
            del value[key]
    for key, known in properties.items():
        if key not in value and known.get("default") is not None:
            value[key] = copy_json(known["default"])
    for key, item in value.items():
        complete(item, properties.get(key, others))


def check(value: Any, schema: Schema, prefix: str = "", old: Any = _NOTHING) -> list[Problem]:
    """What is wrong with a value.

    Parts that are equal to `old` are not held against a change (ratcheting). `prefix` is where the value stands in its
    object; the sentences leave it out, as the API server does when it checks a status alone.
    """
    return _Check(prefix).value(value, schema, "", old)


class _Check:
    """One validation. `at` is a path in the words of the sentences; `_field` makes the path of a cause of it."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def _field(self, at: str) -> str:
        return f"{self._prefix}.{at}" if self._prefix and at else self._prefix or at or "<nil>"

    def value(self, value: Any, schema: Schema, at: str, old: Any) -> list[Problem]:
        if old is not _NOTHING and old == value:
            return []
        wrong_type = self._check_type(value, schema, at)
        if value is None:
            return wrong_type
        found = wrong_type + self._check_junctors(value, schema, at)
        match value:
            case str():
                found += self._check_text(value, schema, at)
            case bool():
                pass
            case int() | float():
                found += self._check_number(value, schema, at)
            case list():
                found += self._check_list(value, schema, at, old)
            case dict():
                found += self._check_object(value, schema, at, old)
        return found + self._check_enum(value, schema, at)

    def _invalid(self, at: str, value: Any, rule: str) -> Problem:
        return invalid(self._field(at), value, f"{at} in body {rule}")

    def _check_type(self, value: Any, schema: Schema, at: str) -> list[Problem]:
        wanted = "integer,string" if schema.get(_INT_OR_STRING) else schema.get("type", "")
        actual = _type_of(value)
        if not wanted or (value is None and schema.get("nullable")) or actual in wanted.split(","):
            text = isinstance(value, str) and not is_format(value, schema.get("format", ""))
            return [self._mistyped(at, value, schema["format"])] if text and wanted == "string" else []
        if actual == "integer" and wanted == "number":
            return []
        return [self._mistyped(at, actual, wanted)]

    def _mistyped(self, at: str, shown: str, wanted: str) -> Problem:
        return type_invalid(self._field(at), shown, f"{at} in body must be of type {wanted}: {quoted(shown)}")

    def _check_enum(self, value: Any, schema: Schema, at: str) -> list[Problem]:
        allowed = schema.get("enum")
        if not allowed or any(quoted(value) == quoted(choice) for choice in allowed):
            return []
        names = [choice if isinstance(choice, str) else quoted(choice) for choice in allowed]
        return [not_supported(self._field(at), value, names)]

    def _check_text(self, value: str, schema: Schema, at: str) -> list[Problem]:
        found = []
        if "maxLength" in schema and len(value) > schema["maxLength"]:
            found.append(too_long(self._field(at), schema["maxLength"]))
        if "minLength" in schema and len(value) < schema["minLength"]:
            found.append(self._invalid(at, value, f"should be at least {schema['minLength']} chars long"))
        if "pattern" in schema and not matches(schema["pattern"], value):
            found.append(self._invalid(at, value, f"should match '{schema['pattern']}'"))
        return found

    def _check_number(self, value: float, schema: Schema, at: str) -> list[Problem]:
        found = []
        if "multipleOf" in schema and not math.isclose(math.remainder(value, schema["multipleOf"]), 0, abs_tol=1e-9):
            found.append(self._invalid(at, value, f"should be a multiple of {quoted(schema['multipleOf'])}"))
        if (top := schema.get("maximum")) is not None:
            strict = schema.get("exclusiveMaximum", False)
            if value > top or (strict and value == top):
                found.append(
                    self._invalid(at, value, f"should be less than {'' if strict else 'or equal to '}{quoted(top)}")
                )
        if (bottom := schema.get("minimum")) is not None:
            strict = schema.get("exclusiveMinimum", False)
            if value < bottom or (strict and value == bottom):
                found.append(
                    self._invalid(
                        at, value, f"should be greater than {'' if strict else 'or equal to '}{quoted(bottom)}"
                    )
                )
        return found

    def _check_list(self, value: list[Any], schema: Schema, at: str, old: Any) -> list[Problem]:
        found = []
        items = schema.get("items")
        if isinstance(items, dict):
            before = _members(old, schema)
            for index, item in enumerate(value):
                found += self.value(item, items, f"{at}[{index}]", before.get(_member_key(item, schema), _NOTHING))
        if "minItems" in schema and len(value) < schema["minItems"]:
            found.append(
                invalid(self._field(at), len(value), f"{at} in body should have at least {schema['minItems']} items")
            )
        if "maxItems" in schema and len(value) > schema["maxItems"]:
            found.append(too_many(self._field(at), len(value), schema["maxItems"]))
        return found

    def _check_object(self, value: dict[str, Any], schema: Schema, at: str, old: Any) -> list[Problem]:
        found = []
        if "minProperties" in schema and len(value) < schema["minProperties"]:
            found.append(
                invalid(
                    self._field(at),
                    len(value),
                    f"{at} in body should have at least {schema['minProperties']} properties",
                )
            )
        if "maxProperties" in schema and len(value) > schema["maxProperties"]:
            found.append(too_many(self._field(at), len(value), schema["maxProperties"]))
        properties, others = schema.get("properties", {}), schema.get("additionalProperties")
        for key, item in value.items():
            known = properties.get(key, others)
            if isinstance(known, dict):
                before = old.get(key, _NOTHING) if isinstance(old, dict) else _NOTHING
                found += self.value(item, known, f"{at}.{key}" if at else key, before)
        missing = [key for key in schema.get("required", ()) if key not in value]
        return found + [required(self._field(f"{at}.{key}" if at else key)) for key in missing]

    def _check_junctors(self, value: Any, schema: Schema, at: str) -> list[Problem]:
        found = self._check_any_of(value, schema, at) + self._check_one_of(value, schema, at)
        parts = [self.value(value, part, at, _NOTHING) for part in schema.get("allOf", ())]
        found += [problem for part in parts for problem in part]
        if any(parts):
            found.append(
                self._failed(at, f"must validate all the schemas (allOf){'. None validated' if all(parts) else ''}")
            )
        if "not" in schema and not self.value(value, schema["not"], at, _NOTHING):
            found.append(self._failed(at, "must not validate the schema (not)"))
        return found

    def _check_any_of(self, value: Any, schema: Schema, at: str) -> list[Problem]:
        parts = [self.value(value, part, at, _NOTHING) for part in schema.get("anyOf", ())]
        if not parts or not all(parts):
            return []
        return [self._failed(at, "must validate at least one schema (anyOf)"), *parts[0]]

    def _check_one_of(self, value: Any, schema: Schema, at: str) -> list[Problem]:
        parts = [self.value(value, part, at, _NOTHING) for part in schema.get("oneOf", ())]
        valid = sum(not part for part in parts)
        if not parts or valid == 1:
            return []
        count = f"Found {valid} valid alternatives" if valid else "Found none valid"
        return [
            self._failed(at, f"must validate one and only one schema (oneOf). {count}"),
            *([] if valid else parts[0]),
        ]

    def _failed(self, at: str, rule: str) -> Problem:
        return invalid(self._prefix or "<nil>", "", f'"{at}" {rule}')


def _type_of(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def _member_key(item: Any, schema: Schema) -> Any:
    """What identifies a list member across a change: its map keys, if the list has any."""
    keys = schema.get("x-kubernetes-list-map-keys")
    if schema.get("x-kubernetes-list-type") != "map" or not keys or not isinstance(item, dict):
        return _NOTHING
    return tuple(quoted(item.get(key)) for key in keys)


def _members(old: Any, schema: Schema) -> dict[Any, Any]:
    known = {_member_key(item, schema): item for item in old} if isinstance(old, list) else {}
    known.pop(_NOTHING, None)
    return known


def check_lists(value: Any, schema: Schema | None, at: str) -> list[Problem]:
    """The members that lists declared as sets or maps hold twice."""
    if not isinstance(schema, dict):
        return []
    found: list[Problem] = []
    if isinstance(value, dict):
        properties, others = schema.get("properties", {}), schema.get("additionalProperties")
        for key, item in value.items():
            found += check_lists(item, properties.get(key, others), f"{at}.{key}" if at else key)
    if isinstance(value, list):
        found += _repeated(value, schema, at)
        for index, item in enumerate(value):
            found += check_lists(item, schema.get("items"), f"{at}[{index}]")
    return found


def _repeated(value: list[Any], schema: Schema, at: str) -> list[Problem]:
    kind, keys = schema.get("x-kubernetes-list-type"), schema.get("x-kubernetes-list-map-keys") or []
    if kind not in {"set", "map"}:
        return []
    shown = [
        {key: item[key] for key in keys if key in item} if kind == "map" and isinstance(item, dict) else item
        for item in value
    ]
    return [duplicate(f"{at}[{index}]", item) for index, item in enumerate(shown) if item in shown[:index]]
