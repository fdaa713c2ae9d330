"""The namespace controller: empties a namespace that is being deleted, then lets it go."""

from collections.abc import Iterator

from infra.local.kubernetes.api import Api, Deletion, Target
from infra.local.kubernetes.catalog import Catalog
from infra.local.kubernetes.controllers.loop import Work
from infra.local.kubernetes.objects import copy_json
from infra.local.kubernetes.resources import NAMESPACES
from infra.local.kubernetes.store import Event, Key

NAMESPACE = "namespace"
_LOOK_AGAIN = 0.05  # seconds


class Namespaces:
    """One reconciler, for namespaces that are being deleted."""

    def __init__(self, api: Api, catalog: Catalog) -> None:
        self._api = api
        self._catalog = catalog

    def route(self, event: Event) -> Iterator[Work]:
        if event.key.bucket == NAMESPACES.bucket and event.stored.obj["metadata"].get("deletionTimestamp"):
            yield Work(NAMESPACE, event.key)

    def reconcile(self, key: Key) -> float | None:
        stored = self._api.store.get(key)
        if stored is None or not stored.obj["metadata"].get("deletionTimestamp"):
            return None
        if self._empty(key.name):
            emptied = copy_json(stored.obj)
            emptied["spec"] = {}
            self._api.replace(Target(NAMESPACES, "", key.name, "finalize"), emptied)
            return None
        return _LOOK_AGAIN

    def _empty(self, namespace: str) -> bool:
        """Asks for the deletion of everything that is there; whether nothing was."""
        empty = True
        for bucket, resource in self._catalog.namespaced_buckets().items():
            for key, stored in self._api.store.every(bucket, namespace):
                empty = False
                if not stored.obj["metadata"].get("deletionTimestamp"):
                    self._api.delete(Target(resource, namespace, key.name), Deletion(policy="Background"))
        return empty
