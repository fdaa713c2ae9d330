"""Lists: what is selected, in pages of one consistent state."""

import base64
import binascii
import json
from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock

from infra.local.kubernetes import errors
from infra.local.kubernetes.objects import JsonObject, mapping
from infra.local.kubernetes.request import Request
from infra.local.kubernetes.resources import Resource
from infra.local.kubernetes.selectors import FieldSelector, LabelSelector, parse_fields, parse_labels
from infra.local.kubernetes.store import Store, Stored

_SNAPSHOTS = 64  # paged lists that can be under way at once


@dataclass(frozen=True, slots=True)
class Selection:
    """The objects that a list, a watch or a deletion of a collection is about."""

    namespace: str = ""
    labels: LabelSelector = field(default_factory=LabelSelector)
    fields: FieldSelector = field(default_factory=FieldSelector)

    @property
    def everything(self) -> bool:
        return not self.labels.requirements and not self.fields.terms

    def selects(self, obj: JsonObject) -> bool:
        return (
            (not self.namespace or obj["metadata"].get("namespace") == self.namespace)
            and self.labels.selects(mapping(obj, "metadata", "labels"))
            and self.fields.selects(obj)
        )


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list. `token` leads to the next one, of which `remaining` objects are known to be there."""

    entries: list[Stored]
    revision: int
    token: str = ""
    remaining: int | None = None


def selection_of(request: Request, resource: Resource, namespace: str) -> Selection:
    """The selection of a query; a 400 answer for selectors that cannot be understood."""

    def refusal(name: str) -> str:
        if resource.custom or len(resource.fields) != 2:
            return f"field label not supported: {name}"
        return f'"{name}" is not a known field selector: only "metadata.name", "metadata.namespace"'

    return Selection(
        namespace,
        parse_labels(request.query.get("labelSelector", "")),
        parse_fields(request.query.get("fieldSelector", ""), resource.fields, refusal),
    )


@dataclass(slots=True)
class Lister:
    """Makes pages. The later pages of a list come from the state in which its first page was made."""

    store: Store
    _snapshots: OrderedDict[tuple[str, int], list[Stored]] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def page(self, resource: Resource, selection: Selection, limit: int, token: str) -> Page:
        start, revision, entries = "", 0, []
        if token:
            revision, start = _read_token(token)
            entries = self._remembered(resource, revision)
        else:
            with self.store.lock:
                revision, entries = self.store.revision, [stored for _, stored in self.store.every(resource.bucket)]
        chosen = [entry for entry in entries if _position(entry) > start and selection.selects(entry.obj)]
        if not limit or len(chosen) <= limit:
            return Page(chosen, revision)
        self._remember(resource, revision, entries)
        remaining = len(chosen) - limit if selection.everything else None
        return Page(chosen[:limit], revision, _make_token(revision, _position(chosen[limit - 1])), remaining)

    def _remember(self, resource: Resource, revision: int, entries: list[Stored]) -> None:
        with self._lock:
            self._snapshots[(resource.bucket, revision)] = entries
            self._snapshots.move_to_end((resource.bucket, revision))
            if len(self._snapshots) > _SNAPSHOTS:
                self._snapshots.popitem(last=False)

    def _remembered(self, resource: Resource, revision: int) -> list[Stored]:
        with self._lock:
            entries = self._snapshots.get((resource.bucket, revision))
        if entries is None:
            why = "The provided continue parameter is too old to display a consistent list result."
            raise errors.expired(f"{why} You can start a new list without the continue parameter.")
        return entries


def _position(entry: Stored) -> str:
    metadata = entry.obj["metadata"]
    return f"{metadata.get('namespace', '')}/{metadata['name']}"


def _make_token(revision: int, last: str) -> str:
    content = {"v": "meta.k8s.io/v1", "rv": revision, "start": last}
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def _read_token(token: str) -> tuple[int, str]:
    try:
        content = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        return int(content["rv"]), str(content["start"])
    except (binascii.Error, ValueError, KeyError, TypeError) as error:
        raise errors.bad_request(f"continue key is not valid: {error}") from None
