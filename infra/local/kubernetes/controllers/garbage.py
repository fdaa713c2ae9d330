"""The garbage collector: deletes what lost its owners, and sees to foreground deletion and orphaning
(pkg/controller/garbagecollector).
"""

from collections.abc import Iterator

from infra.local.kubernetes.api import Api, Deletion, Target
from infra.local.kubernetes.catalog import Catalog
from infra.local.kubernetes.controllers.loop import Work
from infra.local.kubernetes.controllers.relations import Relations, owner_uids
from infra.local.kubernetes.metadata import FOREGROUND, ORPHAN
from infra.local.kubernetes.objects import JsonObject, copy_json, items
from infra.local.kubernetes.store import Event, Key, Stored

COLLECT, FINALIZE = "collect", "finalize"


class Garbage:
    """Two reconcilers: `collect` looks at a dependent whose owners may be gone, `finalize` at an owner that waits for
    its dependents.
    """

    def __init__(self, api: Api, catalog: Catalog, relations: Relations) -> None:
        self._api = api
        self._catalog = catalog
        self._relations = relations

    def route(self, event: Event) -> Iterator[Work]:
        obj = event.stored.obj
        if event.type == "DELETED":
            for key in self._relations.dependents(obj["metadata"]["uid"]):
                yield Work(COLLECT, key)
            for uid in owner_uids(obj):
                if owner := self._relations.key_of(uid):
                    yield Work(FINALIZE, owner)
            return
        if owner_uids(obj):
            yield Work(COLLECT, event.key)
        if obj["metadata"].get("deletionTimestamp"):
            yield Work(FINALIZE, event.key)

    def _target(self, key: Key) -> Target | None:
        resource = self._catalog.of_bucket(key.bucket)
        return Target(resource, key.namespace, key.name) if resource else None

    def _look(self, key: Key) -> tuple[Target, Stored] | None:
        target, stored = self._target(key), self._api.store.get(key)
        return (target, stored) if target and stored else None

    def collect(self, key: Key) -> None:
        """Deletes an object of which no owner exists any more; a reference to one of several is only removed."""
        if (found := self._look(key)) is None:
            return
        target, stored = found
        references = items(stored.obj, "metadata", "ownerReferences")
        living = [reference for reference in references if self._exists(reference, key)]
        if not references or len(living) == len(references):
            return
        if living:
            self._rewrite(target, "ownerReferences", living)
        elif not stored.obj["metadata"].get("deletionTimestamp"):
            self._api.delete(target, Deletion(uid=stored.obj["metadata"]["uid"], policy="Background"))

    def _exists(self, reference: JsonObject, dependent: Key) -> bool:
        """Owners are cluster-wide, or in the namespace of their dependents."""
        owner = self._relations.key_of(reference.get("uid", ""))
        return owner is not None and owner.namespace in {"", dependent.namespace}

    def finalize(self, key: Key) -> None:
        """Lets an owner go when its dependents are gone, or are its dependents no longer."""
        if (found := self._look(key)) is None:
            return
        target, stored = found
        metadata = stored.obj["metadata"]
        if not metadata.get("deletionTimestamp"):
            return
        finalizers = items(metadata, "finalizers")
        dependents = self._relations.dependents(metadata["uid"])
        if ORPHAN in finalizers:
            for dependent in dependents:
                self._disown(dependent, metadata["uid"])
            self._rewrite(target, "finalizers", [name for name in finalizers if name != ORPHAN])
        elif FOREGROUND in finalizers and not self._delete_all(dependents, metadata["uid"]):
            self._rewrite(target, "finalizers", [name for name in finalizers if name != FOREGROUND])

    def _delete_all(self, dependents: list[Key], uid: str) -> bool:
        """Asks for the deletion of all dependents; whether one that blocks its owner is still there."""
        blocked = False
        for dependent in dependents:
            if (found := self._look(dependent)) is None:
                continue
            target, stored = found
            blocked |= any(
                reference.get("uid") == uid and reference.get("blockOwnerDeletion")
                for reference in items(stored.obj, "metadata", "ownerReferences")
            )
            if not stored.obj["metadata"].get("deletionTimestamp"):
                self._api.delete(target, Deletion(policy="Foreground"))
        return blocked

    def _disown(self, dependent: Key, uid: str) -> None:
        if found := self._look(dependent):
            references = items(found[1].obj, "metadata", "ownerReferences")
            self._rewrite(found[0], "ownerReferences", [each for each in references if each.get("uid") != uid])

    def _rewrite(self, target: Target, key: str, value: list[object]) -> None:
        def patch(obj: JsonObject) -> JsonObject:
            obj["metadata"][key] = copy_json(value)
            return obj

        self._api.patch(target, patch)
