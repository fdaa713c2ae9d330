"""The Go types behind the built-in kinds, as `types/types.json` lists them, ready to read JSON.

The list was made by `types/generate.go` from the packages that the real API server is compiled from. A field there is
`[type, flags, merge key, merge strategy]`; a type is a leaf, a struct by its OpenAPI name, or one of these behind `*`
(pointer), `[]` (slice) or `{}` (map).
"""

import base64
import binascii
import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

from infra.local.kubernetes.objects import JsonObject, micro_timestamp, timestamp
from infra.local.kubernetes.quantities import QuantityError, canonical
from infra.local.kubernetes.shapes import (
    Field,
    ListOf,
    MapOf,
    Notes,
    Place,
    Pointer,
    Scalar,
    Shape,
    Struct,
    WrongTypeError,
    wrong_type,
)

META = "io.k8s.apimachinery.pkg.apis.meta.v1"
SCHEMA = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps"


@cache
def _types() -> dict[str, dict[str, dict[str, list[str]]]]:
    content: dict[str, dict[str, dict[str, list[str]]]]
    content = json.loads(files(__package__).joinpath("types/types.json").read_text("utf-8"))
    return content


def type_names() -> dict[str, dict[str, list[str]]]:
    """Struct name -> field name -> facts."""
    return _types()["fields"]


def wire_fields(name: str) -> dict[str, list[str]]:
    """The protobuf fields of a struct: number -> [field name, type]. Structs that JSON inlines have no field name."""
    return _types()["wire"][name]


@cache
def struct(name: str) -> Struct:
    """The struct of an OpenAPI name. Types may contain themselves, so the struct is known before its fields are."""
    made = Struct(name)
    _building[name] = made
    for key, facts in type_names()[name].items():
        known = _field(*facts)
        made.fields[key] = known
        if not known.drops(known.shape.zero()):
            made.always[key] = known
    return made


_building: dict[str, Struct] = {}


def _field(text: str, flags: str = "", merge_key: str = "", strategy: str = "") -> Field:
    return Field(shape(text), "e" in flags, "z" in flags, merge_key, frozenset(strategy.split(",")) - {""})


@cache
def shape(text: str) -> Shape:
    """The shape of a type expression such as `[]*int32`."""
    if text.startswith("*"):
        return Pointer(shape(text[1:]))
    if text.startswith("[]"):
        return ListOf(shape(text[2:]))
    if text.startswith("{}"):
        return MapOf(shape(text[2:]))
    return LEAVES.get(text) or _building.get(text) or struct(text)


def read_meta(value: Any) -> tuple[JsonObject, list[str]]:
    """The metadata of an object of any kind, and the fields that metadata does not have."""
    notes = Notes()
    read: JsonObject = struct(f"{META}.ObjectMeta").read(value, None, notes)
    return read, notes.unknown


def _string(value: Any, place: Place, title: str) -> str:
    if not isinstance(value, str):
        raise wrong_type(value, place, title)
    return value


def _bool(value: Any, place: Place, title: str) -> bool:
    if not isinstance(value, bool):
        raise wrong_type(value, place, title)
    return value


def _integer(bits: int) -> Callable[[Any, Place, str], int]:
    def convert(value: Any, place: Place, title: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not -(2 ** (bits - 1)) <= value < 2 ** (bits - 1):
            raise wrong_type(value, place, title, exact=True)
        return value

    return convert


def _number(value: Any, place: Place, title: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong_type(value, place, title)
    return int(value) if float(value).is_integer() else value


def _int_or_string(value: Any, place: Place, title: str) -> int | str:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise wrong_type(value, place, title)
    return value


def _quantity(value: Any, _place: Place, _title: str) -> str:
    try:
        return canonical(value if isinstance(value, str) else json.dumps(value))
    except QuantityError as error:
        raise WrongTypeError(str(error)) from None


def _moment(value: Any, place: Place) -> datetime:
    if not isinstance(value, str):
        raise wrong_type(value, place, "string")
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or "T" not in value:
        raise WrongTypeError(f'parsing time "{value}" as "2006-01-02T15:04:05Z07:00": cannot parse "{value}" as "2006"')
    return moment.astimezone(UTC)


def _time(value: Any, place: Place, _: str) -> str:
    return timestamp(_moment(value, place))


def _micro_time(value: Any, place: Place, _: str) -> str:
    return micro_timestamp(_moment(value, place))


def _bytes(value: Any, place: Place, title: str) -> str:
    if not isinstance(value, str):
        raise wrong_type(value, place, title)
    try:
        return base64.b64encode(base64.b64decode(value.replace("\n", "").replace("\r", ""), validate=True)).decode()
    except binascii.Error:
        raise WrongTypeError(f"illegal base64 data at input byte {_first_illegal(value)}") from None


def _first_illegal(text: str) -> int:
    legal = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
    return next((index for index, character in enumerate(text) if character not in legal), len(text) // 4 * 4)


def _as_is(value: Any, _place: Place, _title: str) -> Any:
    return value


class _SchemaOr:
    """A field of a JSON schema that holds a schema, a bool or a list. Its struct is looked up late, because schemas
    contain schemas.
    """

    title = "apiextensions.JSONSchemaProps"

    def read(self, value: Any, place: Place, notes: Notes) -> Any:
        return struct(SCHEMA).read(value, place, notes) if isinstance(value, dict) else value

    def zero(self) -> Any:
        return None

    def is_empty(self, value: Any) -> bool:
        return value is None


LEAVES: dict[str, Shape] = {
    "schemaor": _SchemaOr(),
    "string": Scalar("string", _string, ""),
    "bool": Scalar("bool", _bool, nothing=False),
    "int32": Scalar("int32", _integer(32), 0),
    "int64": Scalar("int64", _integer(64), 0),
    "float64": Scalar("float64", _number, 0),
    "intorstring": Scalar("int32", _int_or_string, 0, struct=True),
    "quantity": Scalar("resource.Quantity", _quantity, "0", struct=True),
    "time": Scalar("v1.Time", _time, struct=True),
    "microtime": Scalar("v1.MicroTime", _micro_time, struct=True),
    "bytes": Scalar("[]uint8", _bytes, ""),
    "any": Scalar("json.RawMessage", _as_is, struct=True),
}
