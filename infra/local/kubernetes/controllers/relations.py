"""Who owns whom: the objects of each uid, and the dependents of each owner, as the events of the store tell."""

from threading import Lock

from infra.local.kubernetes.objects import JsonObject, items
from infra.local.kubernetes.store import Event, Key


def owner_uids(obj: JsonObject) -> set[str]:
    return {reference.get("uid", "") for reference in items(obj, "metadata", "ownerReferences")}


class Relations:
    """A listener of the store. Lookups may come from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._alive: dict[str, Key] = {}
        self._dependents: dict[str, set[Key]] = {}

    def notice(self, event: Event) -> None:
        before = owner_uids(event.before.obj) if event.before else set()
        after = owner_uids(event.stored.obj) if event.type != "DELETED" else set()
        uid = event.stored.obj["metadata"]["uid"]
        with self._lock:
            if event.type == "DELETED":
                self._alive.pop(uid, None)
            else:
                self._alive[uid] = event.key
            for owner in before - after:
                self._dependents[owner].discard(event.key)
            for owner in after - before:
                self._dependents.setdefault(owner, set()).add(event.key)

    def key_of(self, uid: str) -> Key | None:
        """Where the object with a uid is, if it exists."""
        with self._lock:
            return self._alive.get(uid)

    def dependents(self, uid: str, bucket: str = "") -> list[Key]:
        """The objects that name a uid as their owner, of one bucket or of all."""
        with self._lock:
            return sorted(key for key in self._dependents.get(uid, ()) if not bucket or key.bucket == bucket)
