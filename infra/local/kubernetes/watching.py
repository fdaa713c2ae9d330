"""Watches: the changes of a selection of objects, as a stream of JSON lines."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from queue import Empty
from time import monotonic
from typing import TypeAlias

from infra.local.kubernetes.errors import ApiError
from infra.local.kubernetes.listing import Selection
from infra.local.kubernetes.objects import JsonObject
from infra.local.kubernetes.resources import Resource
from infra.local.kubernetes.store import Event, Store, Watch

Show: TypeAlias = Callable[[JsonObject, bool], JsonObject]

_LONGEST = 3600.0  # seconds; the API server's default is between 30 and 60 minutes
_INITIAL_END = "k8s.io/initial-events-end"


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """How to watch. `since` is a revision, or None for: everything that is there, and then what happens.

    `mark_initial_end` asks for a bookmark where the one ends and the other begins.
    """

    since: int | None
    timeout: float | None = None
    mark_initial_end: bool = False


class WatchStream:
    """The lines of a watch, which has begun when this is made. Whoever iterates closes it in the end.

    A watch that should begin before what is remembered has one line: the Status that says so.

    `show(object, first)` makes the form in which objects are sent.
    """

    def __init__(
        self, store: Store, resource: Resource, selection: Selection, options: WatchOptions, show: Show
    ) -> None:
        self._store = store
        self._resource = resource
        self._selection = selection
        self._options = options
        self._show = show
        self._refusal: JsonObject = {}
        self._watch: Watch | None = None
        self._deadline = monotonic() + min(options.timeout or _LONGEST, _LONGEST)
        try:
            self._watch = store.watch(resource.bucket, options.since)
        except ApiError as error:
            self._refusal = error.status

    def __iter__(self) -> Iterator[bytes]:
        if self._watch is None:
            yield _line("ERROR", self._refusal)
            return
        first = True
        for taken, event in enumerate(self._events(self._watch)):
            if self._options.mark_initial_end and taken == self._watch.backlog:
                yield _line("BOOKMARK", _bookmark(self._resource, self._watch.revision))
            seen = _as_seen(event, self._selection) if event else None
            if event and seen:
                yield _line(seen, self._show(event.stored.obj, first))
                first = False

    def _events(self, watch: Watch) -> Iterator[Event | None]:
        """Every event as it comes. None stands for the moment after the backlog, when there may be silence for long."""
        for _ in range(watch.backlog):
            yield watch.queue.get()
        yield None
        while event := _next(watch, self._deadline):
            yield event

    def close(self) -> None:
        """Ends the subscription."""
        if self._watch:
            self._store.unwatch(self._resource.bucket, self._watch)


def _next(watch: Watch, deadline: float) -> Event | None:
    try:
        return watch.queue.get(timeout=max(deadline - monotonic(), 0.001))
    except Empty:
        return None


def _as_seen(event: Event, selection: Selection) -> str | None:
    """The type of an event for someone who sees only the selection: objects come into it and leave it by changing."""
    after = event.type != "DELETED" and selection.selects(event.stored.obj)
    before = event.before is not None and selection.selects(event.before.obj)
    match before, after:
        case False, True:
            return "ADDED"
        case True, True:
            return "MODIFIED"
        case True, False:
            return "DELETED"
        case _:
            return None


def _bookmark(resource: Resource, revision: int) -> JsonObject:
    metadata = {"resourceVersion": str(revision), "annotations": {_INITIAL_END: "true"}}
    return {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": metadata}


def _line(kind: str, obj: JsonObject) -> bytes:
    return json.dumps({"type": kind, "object": obj}, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
