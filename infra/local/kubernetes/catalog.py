"""Which resources are served right now: the built-in ones, and those of every established CRD."""

import re
from collections.abc import Iterator
from threading import Lock

from infra.local.kubernetes.objects import JsonObject, items
from infra.local.kubernetes.resources import ALL_VERBS, BUILT_IN, DEFINITIONS, Resource, defined_resources
from infra.local.kubernetes.store import Event


class Catalog:
    """A listener of the store that keeps up with its CRDs. Lookups may come from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._built_in = {(each.group, each.version, each.plural): each for each in BUILT_IN}
        self._defined: dict[str, list[Resource]] = {}
        self._index = dict(self._built_in)

    def notice(self, event: Event) -> None:
        """Serves what an established CRD defines, and no longer what a deleted one did."""
        if event.key.bucket != DEFINITIONS.bucket:
            return
        with self._lock:
            gone = event.type == "DELETED" or not _established(event.stored.obj)
            self._defined[event.key.name] = [] if gone else defined_resources(event.stored.obj)
            custom = [resource for served in self._defined.values() for resource in served]
            self._index = self._built_in | {(each.group, each.version, each.plural): each for each in custom}

    def find(self, group: str, version: str, plural: str) -> Resource | None:
        return self._index.get((group, version, plural))

    def resources(self) -> Iterator[Resource]:
        """All resources, in the order of discovery."""
        yield from self._index.values()

    def serves(self, group: str, version: str) -> bool:
        """Whether there is such a version of such a group."""
        return any(each[:2] == (group, version) for each in self._index)

    def groups(self) -> dict[str, list[str]]:
        """The API groups, each with its versions, the preferred one first."""
        found: dict[str, set[str]] = {}
        for resource in self.resources():
            found.setdefault(resource.group, set()).add(resource.version)
        return {group: sorted(versions, key=_maturity, reverse=True) for group, versions in found.items()}

    def namespaced_buckets(self) -> dict[str, Resource]:
        """A writable resource for each bucket of namespaced objects."""
        return {bucket: each for bucket, each in self._buckets().items() if each.namespaced}

    def of_bucket(self, bucket: str) -> Resource | None:
        """A writable resource whose objects are kept in a bucket; for custom resources, the first served version."""
        return self._buckets().get(bucket)

    def _buckets(self) -> dict[str, Resource]:
        return {each.bucket: each for each in reversed(list(self.resources())) if each.verbs == ALL_VERBS}


def _maturity(version: str) -> tuple[int, int, int]:
    """Orders versions as Kubernetes does: general availability over beta over alpha, then the higher number."""
    match = re.fullmatch(r"v(\d+)(?:(alpha|beta)(\d+))?", version)
    if match is None:
        return (-1, 0, 0)
    return ({"alpha": 0, "beta": 1}.get(match[2], 2), int(match[1]), int(match[3] or 0))


def _established(definition: JsonObject) -> bool:
    return any(
        condition.get("type") == "Established" and condition.get("status") == "True"
        for condition in items(definition, "status", "conditions")
    )
