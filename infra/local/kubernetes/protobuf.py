"""Reads the protobuf bodies that Go clients send for built-in kinds; `kubectl create` is one of them.

The format is that of k8s.io/apimachinery/pkg/runtime/serializer/protobuf: four magic bytes, then an envelope with the
type, then the object. Field numbers come from `types/types.json`. The result is plain JSON, which is then read like
any other body; zero values that protobuf spells out fall away there. Answers are always JSON: those clients take it.
"""

import base64
import json
import struct
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from infra.local.kubernetes.gotypes import wire_fields
from infra.local.kubernetes.objects import JsonObject, micro_timestamp

MAGIC = b"k8s\x00"
_LONGEST_VARINT = 70  # bits: ten bytes of seven
_VARINTS = {"bool", "int32", "int64"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class ProtobufError(ValueError):
    """Raised for bytes that are not what their type says."""


def decode(body: bytes, type_name: str) -> JsonObject:
    """The object in a protobuf body, read as a Go type (by its OpenAPI name), with the type it claims to be."""
    if not body.startswith(MAGIC):
        raise ProtobufError("the body does not begin with the magic bytes of Kubernetes protobuf")
    envelope = dict(_fields(body[len(MAGIC) :]))
    named = {number: _text(value) for number, value in _fields(_bytes(envelope.get(1, b"")))}
    try:
        obj = _message(_bytes(envelope.get(2, b"")), type_name)
    except (ArithmeticError, struct.error) as error:
        raise ProtobufError(f"a number is out of range: {error}") from None
    return {**obj, "apiVersion": named.get(1, ""), "kind": named.get(2, "")}


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """The numbers and raw values of a message: an int for numbers, bytes for everything else."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, at = _varint(data, at)
            yield number, value
            continue
        if kind == _BYTES:
            size, at = _varint(data, at)
        elif kind in {_FIXED64, _FIXED32}:
            size = 8 if kind == _FIXED64 else 4
        else:
            raise ProtobufError(f"wire type {kind} is not in use")
        if at + size > len(data):
            raise ProtobufError("the body ends in the middle of a field")
        yield number, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data):
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if shift > _LONGEST_VARINT:
            raise ProtobufError("a number is too long")
        if byte < 0x80:
            return value, at
    raise ProtobufError("the body ends in the middle of a number")


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _message(data: bytes, type_name: str) -> JsonObject:
    known = wire_fields(type_name)
    out: JsonObject = {}
    for number, raw in _fields(data):
        if str(number) in known:
            name, kind = known[str(number)]
            _put(out, name, kind.lstrip("*"), raw)
    return out


def _put(out: JsonObject, name: str, kind: str, raw: Any) -> None:
    if not name:  # a struct that JSON inlines
        out.update(_value(raw, kind))
    elif kind.startswith("{}"):
        key, value = _entry(raw, kind[2:])
        out.setdefault(name, {})[key] = value
    elif kind.startswith("[]"):
        out.setdefault(name, []).append(_value(raw, kind[2:].lstrip("*")))
    else:
        out[name] = _value(raw, kind)


def _entry(raw: Any, kind: str) -> tuple[str, Any]:
    pair = dict(_fields(_bytes(raw)))
    return _text(pair.get(1, b"")), _value(pair.get(2, b""), kind)


def _bytes(raw: Any) -> bytes:
    if not isinstance(raw, bytes):
        raise ProtobufError("a number stands where a message should")
    return raw


def _value(raw: Any, kind: str) -> Any:
    if isinstance(raw, int) != (kind in _VARINTS):
        raise ProtobufError(f"a field of type {kind} has the wrong wire type")
    leaf = _LEAVES.get(kind)
    return leaf(raw) if leaf else _message(raw, kind)


def _number(raw: Any) -> int:
    if not isinstance(raw, int):
        raise ProtobufError("bytes stand where a number should")
    return _signed(raw)


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value


def _moment(raw: bytes) -> str | None:
    parts = dict(_fields(raw))
    if not parts:
        return None
    microseconds = _number(parts.get(2, 0)) // 1000
    return micro_timestamp(_EPOCH + timedelta(seconds=_number(parts.get(1, 0)), microseconds=microseconds))


def _int_or_string(raw: bytes) -> int | str:
    parts = dict(_fields(raw))
    return _text(parts.get(3, b"")) if parts.get(1) else _number(parts.get(2, 0))


def _quantity(raw: bytes) -> str | None:
    return _text(dict(_fields(raw)).get(1, b"")) or None


def _json(raw: bytes) -> Any:
    return json.loads(_bytes(dict(_fields(raw)).get(1, b"null")))


def _schema(_: bytes) -> Any:
    raise ProtobufError("schemas of CustomResourceDefinitions are only read as JSON or YAML")


_LEAVES: dict[str, Callable[[Any], Any]] = {
    "string": _text,
    "bool": bool,
    "int32": _signed,
    "int64": _signed,
    "float64": lambda raw: struct.unpack("<d", raw)[0],
    "bytes": lambda raw: base64.b64encode(raw).decode(),
    "quantity": _quantity,
    "time": _moment,
    "microtime": _moment,
    "intorstring": _int_or_string,
    "any": _json,
    "schemaor": _schema,
}
