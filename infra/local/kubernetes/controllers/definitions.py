"""The controllers of CustomResourceDefinitions: accept names, establish, and clean up before a definition goes."""

from collections.abc import Iterator
from typing import Any

from infra.local.kubernetes.api import Api, Deletion, Target
from infra.local.kubernetes.catalog import Catalog
from infra.local.kubernetes.controllers.loop import Work
from infra.local.kubernetes.kinds.definitions import CLEANUP
from infra.local.kubernetes.objects import JsonObject, copy_json, items, timestamp
from infra.local.kubernetes.resources import DEFINITIONS
from infra.local.kubernetes.store import Event, Key

DEFINITION = "definition"
_LOOK_AGAIN = 0.05  # seconds


class Definitions:
    """One reconciler, for CRDs."""

    def __init__(self, api: Api, catalog: Catalog) -> None:
        self._api = api
        self._catalog = catalog

    def route(self, event: Event) -> Iterator[Work]:
        if event.key.bucket == DEFINITIONS.bucket and event.type != "DELETED":
            yield Work(DEFINITION, event.key)

    def reconcile(self, key: Key) -> float | None:
        stored = self._api.store.get(key)
        if stored is None:
            return None
        if stored.obj["metadata"].get("deletionTimestamp"):
            return self._clean_up(key, stored.obj)
        names = stored.obj["spec"]["names"]
        if stored.obj["status"].get("conditions") and stored.obj["status"].get("acceptedNames") == names:
            return None
        self._api.patch(Target(DEFINITIONS, "", key.name, "status"), self._establish)
        return None

    def _establish(self, definition: JsonObject) -> JsonObject:
        status = definition["status"]
        now = timestamp(self._api.now())
        known = {condition["type"]: condition for condition in items(status, "conditions")}
        fresh = (
            ("NamesAccepted", "NoConflicts", "no conflicts found"),
            ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        )
        status["conditions"] = [
            known.get(kind) or _condition(kind, reason, message, now) for kind, reason, message in fresh
        ]
        status["acceptedNames"] = copy_json(definition["spec"]["names"])
        return definition

    def _clean_up(self, key: Key, definition: JsonObject) -> float | None:
        """Deletes all objects that a CRD defines; when none is left, the CRD may go."""
        bucket = f"{definition['spec']['group']}/{definition['spec']['names']['plural']}"
        resource = self._catalog.of_bucket(bucket)
        left = self._api.store.every(bucket)
        for instance, stored in left if resource else []:
            if resource and not stored.obj["metadata"].get("deletionTimestamp"):
                self._api.delete(Target(resource, instance.namespace, instance.name), Deletion(policy="Background"))
        if left:
            return _LOOK_AGAIN
        self._api.patch(Target(DEFINITIONS, "", key.name), _without_finalizer)
        return None


def _condition(kind: str, reason: str, message: str, now: str) -> dict[str, Any]:
    return {"type": kind, "status": "True", "lastTransitionTime": now, "reason": reason, "message": message}


def _without_finalizer(definition: JsonObject) -> JsonObject:
    metadata = definition["metadata"]
    metadata["finalizers"] = [name for name in items(metadata, "finalizers") if name != CLEANUP]
    return definition
