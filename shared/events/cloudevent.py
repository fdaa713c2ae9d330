"""A CloudEvent 1.0 out of an HTTP request, in binary or structured content mode, read strictly.

The library that the function framework brings is not used: what it cannot read ends in errors of five kinds, among
them TypeError and RecursionError (cloudevents 1.12: a number as ``extensions``, a list as ``specversion``, deep
nesting), and so in 500 and a retry. Serin needs but the type and the data.

It must never raise, and the data must never get into a log: they may be a whole Secret.
Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared.body import Refusal, media_type, read_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.json_types import Json

LARGEST = 4 * 1024 * 1024
"""Bytes of an event: the API server takes objects of up to 3 MiB, and an event holds one, perhaps in base64."""

_ATTRIBUTES = ("specversion", "id", "source", "type")
_STRUCTURED = "application/cloudevents+json"
_LONGEST = 1024


@dataclass(frozen=True, slots=True)
class CloudEvent:
    """What of a CloudEvent matters: its ``type``, who sent it (``source``, ``id``), and its JSON ``data``."""

    id: str
    source: str
    type: str
    data: Json = field(repr=False)


def parse_event(headers: Mapping[str, str], body: bytes) -> CloudEvent | Refusal:
    """The CloudEvent in a request; or a refusal with 413, 415 (batches, and data other than JSON), 400 or 422."""
    known = {name.lower(): value for name, value in headers.items()}
    kind = media_type(known.get("content-type", ""))
    if kind == _STRUCTURED:
        return _read_structured(body)
    if kind.startswith("application/cloudevents"):
        return Refusal(415, f"events come one by one as JSON here, not as {kind}: send each alone, as {_STRUCTURED}")
    if not _is_json(kind):
        return Refusal(415, "the content type is not JSON in UTF-8: send the event's data as application/json")
    return _read_binary({name: known.get(f"ce-{name}") for name in _ATTRIBUTES}, body)


def _read_binary(attributes: Mapping[str, object], body: bytes) -> CloudEvent | Refusal:
    refusal = _check(attributes)
    if refusal:
        return refusal
    data = read_object(body, LARGEST)
    return data if isinstance(data, Refusal) else _make(attributes, data)


def _read_structured(body: bytes) -> CloudEvent | Refusal:
    event = read_object(body, LARGEST)
    if isinstance(event, Refusal):
        return event
    data = _check(event) or _read_data(event)
    return data if isinstance(data, Refusal) else _make(event, data)


def _read_data(event: Json) -> Json | Refusal:
    """``data``, or ``data_base64``, which has to hold JSON (JSON Event Format for CloudEvents 1.0.2, section 3.1)."""
    kind = event.get("datacontenttype")
    if kind is not None and not (isinstance(kind, str) and _is_json(media_type(kind))):
        return Refusal(415, "the event's datacontenttype is not JSON in UTF-8: send its data as application/json")
    data, encoded = event.get("data"), event.get("data_base64")
    if isinstance(encoded, str) and data is None:
        try:
            return read_object(base64.b64decode(encoded, validate=True), LARGEST)
        except (binascii.Error, ValueError):
            return Refusal(400, "the event's data_base64 is not base64: send its data as JSON")
    return data if isinstance(data, dict) else Refusal(422, "the event's data is not a JSON object: send one")


def _check(attributes: Mapping[str, object]) -> Refusal | None:
    """What is wrong with the attributes that every CloudEvent has."""
    bad = [name for name in _ATTRIBUTES if not _is_text(attributes.get(name))]
    if bad:
        return Refusal(422, f"the request is no CloudEvent: {', '.join(bad)} missing, too long or not text")
    if attributes["specversion"] != "1.0":
        return Refusal(422, "the event's specversion is not 1.0: send CloudEvents 1.0")
    return None


def _make(attributes: Mapping[str, object], data: Json) -> CloudEvent:
    return CloudEvent(str(attributes["id"]), str(attributes["source"]), str(attributes["type"]), data)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST


def _is_json(kind: str) -> bool:
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
