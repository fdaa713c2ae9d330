"""The shapes of Go types: how the API server's decoder and encoder treat a JSON value, without knowing what it means.

A value that was read comes out as the server would write it again: unknown fields gone (and noted), nulls and empty
optional fields dropped, missing obligatory ones filled with their zero value, quantities and times in canonical form.
All of it follows from four facts about a field (its type, pointer or value, omitempty, omitzero), so no kind needs code
of its own for this. The facts come from `gotypes`.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

# Where a value stands: the place of its parent, its own key or index, and the struct whose field it is (none for the
# entries of lists and maps).
Place: TypeAlias = "tuple[Place, str, str] | None"


class WrongTypeError(Exception):
    """A value that the Go type cannot hold, in the words of Go's JSON decoder."""


@dataclass(slots=True)
class Notes:
    """What a reading says beside its result: the paths of fields that the type does not have."""

    unknown: list[str] = field(default_factory=list)


class Shape(Protocol):
    """A Go type."""

    @property
    def title(self) -> str:
        """What Go's decoder calls the type."""

    def read(self, value: Any, place: Place, notes: Notes) -> Any:
        """The value as the server would write it again; `WrongTypeError` where the type cannot hold it."""

    def zero(self) -> Any:
        """What stands for an absent value."""

    def is_empty(self, value: Any) -> bool:
        """Whether omitempty drops the value."""


def path_of(place: Place) -> str:
    """`spec.containers[0].name`."""
    parts: list[str] = []
    while place is not None:
        place, part, _ = place
        parts.append(part)
    return "".join(reversed(parts)).removeprefix(".")


def wrong_type(value: Any, place: Place, expected: str, *, exact: bool = False) -> WrongTypeError:
    """The error of Go's decoder, which names the innermost struct and leaves indices and map keys out of the path."""
    parts: list[str] = []
    owner = ""
    while place is not None:
        place, part, struct = place
        if struct:
            parts.append(part)
            owner = owner or struct
    target = f"struct field {owner}{''.join(reversed(parts))}" if parts else "value"
    return WrongTypeError(
        f"json: cannot unmarshal {_json_type(value, exact=exact)} into Go {target} of type {expected}"
    )


def _json_type(value: Any, *, exact: bool) -> str:
    match value:
        case bool():
            return "bool"
        case int() | float():
            return f"number {json.dumps(value)}" if exact else "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


@dataclass(frozen=True, slots=True)
class Scalar:
    """A string, a number, or a struct with a JSON form of its own (which omitempty never drops: `struct`)."""

    title: str
    convert: Callable[[Any, Place, str], Any]
    nothing: Any = None
    struct: bool = False

    def read(self, value: Any, place: Place, notes: Notes) -> Any:  # noqa: ARG002 - a scalar has no fields to be unknown
        return self.nothing if value is None else self.convert(value, place, self.title)

    def zero(self) -> Any:
        return self.nothing

    def is_empty(self, value: Any) -> bool:
        return not self.struct and not value


@dataclass(frozen=True, slots=True)
class Pointer:
    """A pointer: absent when null, and kept even when what it points to is empty."""

    target: Shape

    @property
    def title(self) -> str:
        return self.target.title

    def read(self, value: Any, place: Place, notes: Notes) -> Any:
        return None if value is None else self.target.read(value, place, notes)

    def zero(self) -> Any:
        return None

    def is_empty(self, value: Any) -> bool:
        return value is None


@dataclass(frozen=True, slots=True)
class ListOf:
    """A slice; null and absent are the same."""

    entry: Shape

    @property
    def title(self) -> str:
        return f"[]{self.entry.title}"

    def read(self, value: Any, place: Place, notes: Notes) -> Any:
        if value is None:
            return None
        if not isinstance(value, list):
            raise wrong_type(value, place, self.title)
        return [self.entry.read(item, (place, f"[{index}]", ""), notes) for index, item in enumerate(value)]

    def zero(self) -> Any:
        return None

    def is_empty(self, value: Any) -> bool:
        return not value


@dataclass(frozen=True, slots=True)
class MapOf:
    """A map with string keys; null and absent are the same."""

    entry: Shape

    @property
    def title(self) -> str:
        return f"map[string]{self.entry.title}"

    def read(self, value: Any, place: Place, notes: Notes) -> Any:
        if value is None:
            return None
        if not isinstance(value, dict):
            raise wrong_type(value, place, self.title)
        return {key: self.entry.read(item, (place, f".{key}", ""), notes) for key, item in value.items()}

    def zero(self) -> Any:
        return None

    def is_empty(self, value: Any) -> bool:
        return not value


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a struct, with the directives of strategic merge patches."""

    shape: Shape
    omit_empty: bool
    omit_zero: bool
    merge_key: str
    strategy: frozenset[str]

    def drops(self, value: Any) -> bool:
        """Whether Go leaves the field out of its JSON when it has this value."""
        return (self.omit_empty and self.shape.is_empty(value)) or (self.omit_zero and value is None)


@dataclass(frozen=True, slots=True)
class Struct:
    """A Go struct, known by its OpenAPI name. `always` are the fields that are written even when none was given."""

    name: str
    fields: dict[str, Field] = field(default_factory=dict)
    always: dict[str, Field] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return ".".join(self.name.split(".")[-2:])

    def read(self, value: Any, place: Place, notes: Notes) -> Any:
        if value is None:
            return self.zero()
        if not isinstance(value, dict):
            raise wrong_type(value, place, self.title)
        out: dict[str, Any] = {}
        struct = self.name.rpartition(".")[2]
        for key, item in value.items():
            spot = (place, f".{key}", struct)
            known = self.fields.get(key)
            if known is None:
                notes.unknown.append(path_of(spot))
            elif not known.drops(read := known.shape.read(item, spot, notes)):
                out[key] = read
        return self._filled(out)

    def _filled(self, out: dict[str, Any]) -> dict[str, Any]:
        for key, known in self.always.items():
            if key not in out:
                out[key] = known.shape.zero()
        return out

    def zero(self) -> Any:
        return self._filled({})

    def is_empty(self, value: Any) -> bool:  # noqa: ARG002 - omitempty never drops a struct
        return False
