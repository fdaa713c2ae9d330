"""What is wrong with one field of an object, in the API server's own words.

The constructors mirror those of k8s.io/apimachinery/pkg/util/validation/field, so that a refusal by the embedded API
reads like one by the real server: the same reason, the same path, the same sentence.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

IMMUTABLE = "field is immutable"


@dataclass(frozen=True, slots=True)
class Problem:
    """One cause of an `Invalid` answer. `field` is a path like `spec.ports[0].name`."""

    reason: str
    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


def quoted(value: Any) -> str:
    """A value as Go prints it in these messages: JSON, without escaping what is not ASCII."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _with_detail(title: str, detail: str) -> str:
    return f"{title}: {detail}" if detail else title


def required(field: str, detail: str = "") -> Problem:
    return Problem("FieldValueRequired", field, _with_detail("Required value", detail))


def invalid(field: str, value: Any, detail: str) -> Problem:
    return Problem("FieldValueInvalid", field, _with_detail(f"Invalid value: {quoted(value)}", detail))


def type_invalid(field: str, value: Any, detail: str) -> Problem:
    return Problem("FieldValueTypeInvalid", field, _with_detail(f"Invalid value: {quoted(value)}", detail))


def not_supported(field: str, value: Any, valid: Iterable[Any]) -> Problem:
    names = ", ".join(json.dumps(str(name)) for name in valid)
    return Problem("FieldValueNotSupported", field, f"Unsupported value: {quoted(value)}: supported values: {names}")


def not_found(field: str, value: Any) -> Problem:
    return Problem("FieldValueNotFound", field, f"Not found: {quoted(value)}")


def duplicate(field: str, value: Any) -> Problem:
    return Problem("FieldValueDuplicate", field, f"Duplicate value: {quoted(value)}")


def forbidden(field: str, detail: str) -> Problem:
    return Problem("FieldValueForbidden", field, _with_detail("Forbidden", detail))


def too_long(field: str, limit: int) -> Problem:
    return Problem(
        "FieldValueTooLong", field, f"Too long: may not be more than {limit} byte{'' if limit == 1 else 's'}"
    )


def too_many(field: str, actual: int, limit: int) -> Problem:
    noun = "item" if limit == 1 else "items"
    return Problem("FieldValueTooMany", field, f"Too many: {actual}: must have at most {limit} {noun}")
