"""The objects of the cluster, in memory, with one revision counter for all of them, as etcd has.

Every change makes a new revision and one event. An object that is stored is never changed again, it is replaced;
readers share it without a copy. Callers that read, decide and write hold `lock` meanwhile. What happened lately is
remembered, so that a watch can start in the past.
"""

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from threading import RLock
from typing import NamedTuple

from infra.local.kubernetes.errors import expired
from infra.local.kubernetes.objects import JsonObject

_HISTORY = 4096


class Key(NamedTuple):
    """Where an object is kept. `bucket` is its storage resource, such as `apps/deployments`; cluster-wide objects have
    no namespace.
    """

    bucket: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Stored:
    """One version of one object. `bare` is its JSON text without its type, as it stands in lists of built-in kinds."""

    obj: JsonObject
    bare: bytes
    revision: int

    @property
    def text(self) -> bytes:
        """The JSON text of the object."""
        head = json.dumps({"kind": self.obj["kind"], "apiVersion": self.obj["apiVersion"]}, separators=(",", ":"))
        return head[:-1].encode() + b"," + self.bare[1:]


@dataclass(frozen=True, slots=True)
class Event:
    """One change: ADDED, MODIFIED or DELETED. `before` is the version that it replaced or removed."""

    type: str
    key: Key
    stored: Stored
    before: Stored | None


def encode(obj: JsonObject) -> bytes:
    """The one JSON text of an object without its type: equal objects have equal texts."""
    bare = {key: value for key, value in obj.items() if key not in {"kind", "apiVersion"}}
    return json.dumps(bare, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()


class Watch:
    """A subscription to one bucket. `queue` gets every event in order, and None when the store closes.

    `revision` and the length of the `backlog` say how much of it had happened when the watch began.
    """

    def __init__(self, backlog: list[Event], revision: int) -> None:
        self.queue: SimpleQueue[Event | None] = SimpleQueue()
        self.revision = revision
        self.backlog = len(backlog)
        for event in backlog:
            self.queue.put(event)


class Store:
    """All objects. Methods may be called from any thread. The last `history` events of each bucket are remembered."""

    def __init__(self, history: int = _HISTORY) -> None:
        self._length = history
        self.lock = RLock()
        self.revision = 1
        self._buckets: dict[str, dict[str, dict[str, Stored]]] = {}
        self._history: dict[str, deque[Event]] = {}
        self._forgotten: dict[str, int] = {}  # bucket -> the newest revision that its history has lost
        self._watches: dict[str, list[Watch]] = {}
        self._listeners: list[Callable[[Event], None]] = []
        self._closed = False

    def get(self, key: Key) -> Stored | None:
        with self.lock:
            return self._buckets.get(key.bucket, {}).get(key.namespace, {}).get(key.name)

    def every(self, bucket: str, namespace: str = "") -> list[tuple[Key, Stored]]:
        """The objects of one namespace, or of all, in the order of their keys in etcd."""
        with self.lock:
            spaces = self._buckets.get(bucket, {})
            chosen = {namespace: spaces.get(namespace, {})} if namespace else spaces
            found = [
                (Key(bucket, space, name), stored) for space, named in chosen.items() for name, stored in named.items()
            ]
        return sorted(found, key=lambda entry: f"{entry[0].namespace}/{entry[0].name}")

    def put(self, key: Key, obj: JsonObject) -> Stored:
        """Stores a new version of the object, which gets the new revision as its resourceVersion. The store owns `obj`
        from now on.
        """
        with self.lock:
            named = self._buckets.setdefault(key.bucket, {}).setdefault(key.namespace, {})
            before = named.get(key.name)
            stored = self._versioned(obj)
            named[key.name] = stored
            self._publish(Event("MODIFIED" if before else "ADDED", key, stored, before))
        return stored

    def delete(self, key: Key, last: JsonObject | None = None) -> Stored:
        """Removes an object that exists. Its last version, which may be given, carries the revision of the deletion."""
        with self.lock:
            named = self._buckets[key.bucket][key.namespace]
            before = named.pop(key.name)
            if not named:
                del self._buckets[key.bucket][key.namespace]
            last = last or before.obj
            stored = self._versioned({**last, "metadata": dict(last["metadata"])})
            self._publish(Event("DELETED", key, stored, before))
        return stored

    def _versioned(self, obj: JsonObject) -> Stored:
        self.revision += 1
        obj["metadata"]["resourceVersion"] = str(self.revision)
        return Stored(obj, encode(obj), self.revision)

    def _publish(self, event: Event) -> None:
        bucket = event.key.bucket
        history = self._history.setdefault(bucket, deque())
        history.append(event)
        if len(history) > self._length:
            self._forgotten[bucket] = history.popleft().stored.revision
        for watch in self._watches.get(bucket, ()):
            watch.queue.put(event)
        for listener in self._listeners:
            listener(event)

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Calls the listener with every event, under the lock: it must be quick, and must not write."""
        with self.lock:
            self._listeners.append(listener)

    def watch(self, bucket: str, since: int | None) -> Watch:
        """What happens to a bucket after a revision, or, without one, its objects first and then what happens.

        A revision that is no longer remembered gives a 410 answer.
        """
        with self.lock:
            if since is None:
                backlog = [Event("ADDED", key, stored, None) for key, stored in self.every(bucket)]
            else:
                backlog = self._since(bucket, since)
            watch = Watch(backlog, self.revision)
            self._watches.setdefault(bucket, []).append(watch)
            if self._closed:
                watch.queue.put(None)
        return watch

    def _since(self, bucket: str, revision: int) -> list[Event]:
        oldest = self._forgotten.get(bucket, 0)
        if revision < oldest:
            raise expired(f"too old resource version: {revision} ({oldest})")
        return [event for event in self._history.get(bucket, ()) if event.stored.revision > revision]

    def unwatch(self, bucket: str, watch: Watch) -> None:
        """Ends a subscription, if it has not ended before."""
        with self.lock:
            if watch in self._watches[bucket]:
                self._watches[bucket].remove(watch)

    def close(self) -> None:
        """Ends every watch, those of the future too."""
        with self.lock:
            self._closed = True
            for watches in self._watches.values():
                for watch in watches:
                    watch.queue.put(None)
