"""The form in which an answer is sent: the object itself, a table for people, or its metadata alone; as JSON or as
YAML.

Mirrors the negotiation of k8s.io/apiserver/pkg/endpoints/handlers/negotiation for the types that it offers here.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from infra.local.kubernetes import errors
from infra.local.kubernetes.bodies import Media
from infra.local.kubernetes.listing import Page
from infra.local.kubernetes.objects import JsonObject
from infra.local.kubernetes.request import Request
from infra.local.kubernetes.resources import Resource
from infra.local.kubernetes.store import Stored

_OFFERED = (Media.JSON, Media.YAML, f"{Media.JSON};stream=watch")
_WILDCARDS = {"*/*", "application/*", Media.JSON}


class View(StrEnum):
    """What of an object is shown."""

    FULL = "full"
    TABLE = "Table"
    METADATA = "PartialObjectMetadata"


_VIEWS = {
    "": View.FULL,
    "Table": View.TABLE,
    "PartialObjectMetadata": View.METADATA,
    "PartialObjectMetadataList": View.METADATA,
}


@dataclass(frozen=True, slots=True)
class Representation:
    """A negotiated form. `include` says what a row of a table carries of its object: None, Metadata or Object."""

    view: View = View.FULL
    media_type: str = Media.JSON
    include: str = "Metadata"

    def encode(self, body: JsonObject) -> bytes:
        """A whole body in the negotiated media type."""
        if self.media_type == Media.YAML:
            import yaml  # noqa: PLC0415 - seldom needed, and slow to load

            return str(yaml.safe_dump(body, sort_keys=True, allow_unicode=True)).encode()
        return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()

    def one(self, resource: Resource, obj: JsonObject, now: datetime) -> bytes:
        """One object, given in storage form."""
        return self.encode(self.shown(resource, obj, now, headers=True))

    def shown(self, resource: Resource, obj: JsonObject, now: datetime, *, headers: bool) -> JsonObject:
        """The negotiated view of one object, before it is encoded."""
        match self.view:
            case View.TABLE:
                metadata = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
                return self._table(resource, [obj], metadata, now, headers=headers)
            case View.METADATA:
                return _partial(obj)
            case _:
                return resource.from_storage(obj)

    def many(self, resource: Resource, page: Page, now: datetime) -> bytes:
        """A page of a list."""
        metadata: JsonObject = {"resourceVersion": str(page.revision)}
        if page.token:
            metadata["continue"] = page.token
        if page.remaining is not None:
            metadata["remainingItemCount"] = page.remaining
        objects = (entry.obj for entry in page.entries)
        if self.view is View.TABLE:
            return self.encode(self._table(resource, objects, metadata, now, headers=True))
        if self.view is View.METADATA:
            kind, version = "PartialObjectMetadataList", "meta.k8s.io/v1"
            return self.encode(
                {"kind": kind, "apiVersion": version, "metadata": metadata, "items": list(map(_partial, objects))}
            )
        if resource.custom:  # their lists are no Go struct, and spell out what is empty
            metadata.setdefault("continue", "")
        head: JsonObject = {"kind": f"{resource.kind}List", "apiVersion": resource.api_version, "metadata": metadata}
        if self.media_type == Media.YAML:
            return self.encode({**head, "items": [_item(resource, entry.obj) for entry in page.entries]})
        items = b",".join(_item_text(resource, entry) for entry in page.entries)
        return self.encode(head)[:-1] + b',"items":[' + items + b"]}"

    def _table(
        self, resource: Resource, objects: Iterable[JsonObject], metadata: JsonObject, now: datetime, *, headers: bool
    ) -> JsonObject:
        definitions = [
            {
                "name": column.name,
                "type": column.type,
                "format": column.format,
                "description": column.description,
                "priority": column.priority,
            }
            for column in resource.columns
        ]
        rows = [
            {"cells": [column.cell(obj, now) for column in resource.columns], "object": self._row_object(resource, obj)}
            for obj in objects
        ]
        return {
            "kind": "Table",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": metadata,
            "columnDefinitions": definitions if headers else None,
            "rows": rows,
        }

    def _row_object(self, resource: Resource, obj: JsonObject) -> Any:
        match self.include:
            case "None":
                return None
            case "Object":
                return resource.from_storage(obj)
            case _:
                return _partial(obj)


def _partial(obj: JsonObject) -> JsonObject:
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}


def _item(resource: Resource, obj: JsonObject) -> JsonObject:
    """A member of a list: those of built-in kinds do not repeat their type."""
    shown = resource.from_storage(obj)
    return (
        shown if resource.custom else {key: value for key, value in shown.items() if key not in {"kind", "apiVersion"}}
    )


def _item_text(resource: Resource, stored: Stored) -> bytes:
    if resource.from_storage(stored.obj) is stored.obj:
        return stored.text if resource.custom else stored.bare
    return json.dumps(_item(resource, stored.obj), separators=(",", ":"), ensure_ascii=False).encode()


def negotiate(request: Request) -> Representation:
    """The first form of the Accept header that can be served; a 406 answer when there is none."""
    include = request.query.get("includeObject", "Metadata")
    for clause in request.headers.get("accept", Media.JSON).split(","):
        media_type, *parameters = (part.strip() for part in clause.split(";"))
        options = dict(parameter.partition("=")[::2] for parameter in parameters)
        view = _VIEWS.get(options.get("as", ""))
        if view is None or media_type not in {*_WILDCARDS, Media.YAML}:
            continue
        return Representation(view, Media.YAML if media_type == Media.YAML else Media.JSON, include)
    raise errors.not_acceptable(_OFFERED)
