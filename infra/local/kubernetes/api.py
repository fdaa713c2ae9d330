"""The verbs of the API on one object: what create, update, patch and delete do, in the order in which the API server
does it.

Mirrors k8s.io/apiserver/pkg/registry (rest.BeforeCreate, rest.BeforeUpdate, rest.BeforeDelete and the generic store).
Every write holds the store's lock from reading to writing, so that none is lost; the controllers use the same verbs as
the clients.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from infra.local.kubernetes import errors
from infra.local.kubernetes.bodies import read_body
from infra.local.kubernetes.errors import ApiError
from infra.local.kubernetes.kinds.kind import has_finalizers
from infra.local.kubernetes.metadata import (
    FOREGROUND,
    ORPHAN,
    check_changed,
    check_new,
    check_qualified_finalizers,
    generated_name,
    new_uid,
)
from infra.local.kubernetes.objects import JsonObject, copy_json, dig, items, mapping, timestamp
from infra.local.kubernetes.problems import Problem, invalid
from infra.local.kubernetes.resources import NAMESPACES, Resource
from infra.local.kubernetes.store import Key, Store, Stored, encode

Patch: TypeAlias = Callable[[JsonObject], JsonObject]

_WIPED = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink")


@dataclass(frozen=True, slots=True)
class Target:
    """What a request is about. Without a name it is a collection."""

    resource: Resource
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    @property
    def key(self) -> Key:
        return Key(self.resource.bucket, self.namespace, self.name)

    def not_found(self) -> ApiError:
        return errors.not_found(self.resource.group, self.resource.plural, self.name)

    def invalid(self, name: str, problems: list[Problem]) -> ApiError:
        return errors.invalid(self.resource.group, self.resource.kind, name, problems)


@dataclass(slots=True)
class Write:
    """How to write, and what there is to say about it besides the result."""

    dry_run: bool = False
    field_validation: str = "Warn"
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Deletion:
    """The options of a DELETE. `policy` is Background, Foreground, Orphan, or empty for the kind's own way."""

    uid: str | None = None
    resource_version: str | None = None
    policy: str = ""
    grace_seconds: int | None = None


class Api:
    """The verbs. Objects that come in are not kept; objects that go out are shared and must not be changed."""

    def __init__(self, store: Store, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.store = store
        self.now = clock

    def get(self, target: Target) -> Stored:
        stored = self.store.get(target.key)
        if stored is None:
            raise target.not_found()
        return stored

    def create(self, target: Target, body: JsonObject, write: Write | None = None) -> JsonObject:
        """Stores a new object; 409 if there is one of that name."""
        write = write or Write()
        obj = read_body(target.resource, body, write)
        with self.store.lock:
            return self._create(target, obj, write)

    def _create(self, target: Target, obj: JsonObject, write: Write) -> JsonObject:
        rules, metadata = target.resource.rules, obj["metadata"]
        _match_namespace(metadata, target)
        self._admit(target, metadata.get("name", ""))
        if metadata.get("resourceVersion"):
            raise ApiError(500, "", "resourceVersion should not be set on objects to be created")
        for key in _WIPED:
            metadata.pop(key, None)
        if metadata.get("generateName") and not metadata.get("name"):
            metadata["name"] = generated_name(metadata["generateName"])
        metadata |= {"uid": new_uid(), "creationTimestamp": timestamp(self.now())}
        if rules.counted is not None:
            metadata["generation"] = 1
        rules.begin(obj)
        problems = check_new(metadata, rules.check_name, namespaced=target.resource.namespaced)
        problems += self._check_finalizers(target.resource, metadata) + rules.check(obj)
        place = Key(target.resource.bucket, target.namespace, metadata.get("name", ""))
        problems = problems or self._allocate(target.resource, place, obj)
        if problems:
            raise target.invalid(place.name, problems)
        if self.store.get(place) is not None:
            raise errors.already_exists(target.resource.group, target.resource.plural, place.name)
        return obj if write.dry_run else self.store.put(place, obj).obj

    def _admit(self, target: Target, name: str) -> None:
        """The NamespaceLifecycle admission plugin."""
        if not target.resource.namespaced:
            return
        namespace = self.store.get(Key(NAMESPACES.bucket, "", target.namespace))
        if namespace is None:
            raise errors.not_found("", "namespaces", target.namespace)
        if namespace.obj["metadata"].get("deletionTimestamp"):
            why = f"unable to create new content in namespace {target.namespace} because it is being terminated"
            cause = {
                "reason": "NamespaceTerminating",
                "message": f"namespace {target.namespace} is being terminated",
                "field": "metadata.namespace",
            }
            raise errors.forbidden(target.resource.group, target.resource.plural, name, why, [cause])

    def _check_finalizers(self, resource: Resource, metadata: JsonObject) -> list[Problem]:
        return [] if resource.custom else check_qualified_finalizers(metadata)

    def _allocate(self, resource: Resource, key: Key, obj: JsonObject) -> list[Problem]:
        others = (stored.obj for other, stored in self.store.every(resource.bucket) if other != key)
        return resource.rules.allocate(obj, others)

    def replace(self, target: Target, body: JsonObject, write: Write | None = None) -> tuple[JsonObject, bool]:
        """Stores a new version of an object; with it goes whether there was none before, which some kinds allow."""
        write = write or Write()
        obj = read_body(target.resource, body, write)
        _match_name(obj, target)
        with self.store.lock:
            stored = self.store.get(target.key)
            if stored is None:
                if target.resource.rules.created_by_put and not target.subresource:
                    return self._create(target, obj, write), True
                raise target.not_found()
            _require_uid(obj, stored, target)
            return self._update(target, stored, obj, write), False

    def patch(self, target: Target, patch: Patch, write: Write | None = None) -> JsonObject:
        """Stores what the patch makes of the present version, which it gets as a copy of its own."""
        write = write or Write()
        with self.store.lock:
            stored = self.get(target)
            body = patch(target.resource.from_storage(copy_json(stored.obj)))
            obj = read_body(target.resource, body, write, patched=True)
            _match_name(obj, target)
            return self._update(target, stored, obj, write)

    def _update(self, target: Target, stored: Stored, obj: JsonObject, write: Write) -> JsonObject:
        rules, old, metadata = target.resource.rules, stored.obj, obj["metadata"]
        _match_namespace(metadata, target)
        self._match_version(target, stored, metadata)
        _inherit_metadata(metadata, old["metadata"])
        inherit = rules.subresources[target.subresource] if target.subresource else rules.inherit
        inherit(obj, old)
        metadata = obj["metadata"]
        if rules.counted is not None and not target.subresource and rules.counted(obj) != rules.counted(old):
            metadata["generation"] = old["metadata"].get("generation", 0) + 1
        problems = check_changed(metadata, old["metadata"]) + self._check_finalizers(target.resource, metadata)
        problems += self._check_update(target, obj, old)
        if problems:
            raise target.invalid(target.name, problems)
        if write.dry_run or encode(obj) == stored.bare:
            return obj
        if old["metadata"].get("deletionTimestamp") and not rules.lingers(obj) and not _graceful(metadata):
            return self.store.delete(target.key, obj).obj
        return self.store.put(target.key, obj).obj

    def _match_version(self, target: Target, stored: Stored, metadata: JsonObject) -> None:
        """Refuses a version that is not the present one; without a version, most built-in kinds take any."""
        resource, present = target.resource, stored.obj["metadata"]["resourceVersion"]
        given = metadata.get("resourceVersion", "")
        if given in {"", "0"}:
            if not resource.rules.unconditional:
                problem = invalid("metadata.resourceVersion", 0, "must be specified for an update")
                raise errors.invalid(resource.group, resource.plural, target.name, [problem])
            metadata["resourceVersion"] = present
        elif not given.isdecimal():
            raise ApiError(500, "", f'strconv.ParseUint: parsing "{given}": invalid syntax')
        elif given != present:
            raise errors.conflict(resource.group, resource.plural, target.name)

    def _check_update(self, target: Target, obj: JsonObject, old: JsonObject) -> list[Problem]:
        rules = target.resource.rules
        if target.subresource:
            return rules.check_status(obj, old) if target.subresource == "status" else []
        check = [] if target.resource.custom else rules.check(obj)
        return check + rules.check_change(obj, old) or self._allocate(target.resource, target.key, obj)

    def delete(
        self, target: Target, options: Deletion | None = None, *, dry_run: bool = False
    ) -> tuple[JsonObject, bool]:
        """Deletes an object, or marks it when it has to wait for its end; with it goes whether it is gone."""
        options = options or Deletion()
        with self.store.lock:
            stored = self.get(target)
            _require(options, stored, target)
            obj: JsonObject = copy_json(stored.obj)
            wait = self._mark(target.resource, obj, options)
            if dry_run:
                return obj, not wait
            if not wait:
                return self.store.delete(target.key).obj, True
            return (obj if encode(obj) == stored.bare else self.store.put(target.key, obj).obj), False

    def _mark(self, resource: Resource, obj: JsonObject, options: Deletion) -> bool:
        """Marks an object as being deleted, in place; whether it has to wait for its end."""
        rules, metadata = resource.rules, obj["metadata"]
        grace = rules.grace(obj) if rules.grace else 0
        if options.grace_seconds is not None:
            grace = min(grace, options.grace_seconds) if grace else 0
        if rules.has_dependents:
            _propagate(metadata, options.policy)
        held = has_finalizers(obj) or grace > 0
        rules.terminate(obj)
        wait = rules.lingers(obj) or grace > 0
        if wait:
            if not metadata.get("deletionTimestamp"):
                metadata["deletionTimestamp"] = timestamp(self.now() + timedelta(seconds=grace))
                if rules.counted is not None and held:
                    metadata["generation"] = metadata.get("generation", 0) + 1
            if held:
                metadata["deletionGracePeriodSeconds"] = min(grace, metadata.get("deletionGracePeriodSeconds", grace))
        return wait


def _match_namespace(metadata: JsonObject, target: Target) -> None:
    given = metadata.get("namespace", "")
    if given and given != target.namespace:
        raise errors.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    if target.namespace:
        metadata["namespace"] = target.namespace


def _match_name(obj: JsonObject, target: Target) -> None:
    given, wanted = obj["metadata"].get("name", ""), target.name
    if not given:
        subject = f"the name of the object ({wanted} based on URL) was undeterminable"
        raise errors.bad_request(f"{subject}: name must be provided")
    if given != wanted:
        raise errors.bad_request(f"the name of the object ({given}) does not match the name on the URL ({wanted})")


def _require_uid(obj: JsonObject, stored: Stored, target: Target) -> None:
    wanted, actual = obj["metadata"].get("uid"), stored.obj["metadata"]["uid"]
    if wanted and wanted != actual:
        why = f"Precondition failed: UID in precondition: {wanted}, UID in object meta: {actual}"
        raise errors.conflict(target.resource.group, target.resource.plural, target.name, why)


def _require(options: Deletion, stored: Stored, target: Target) -> None:
    """The preconditions of a DELETE."""
    metadata = stored.obj["metadata"]
    for title, wanted, actual, end in (
        ("UID", options.uid, metadata["uid"], "The object might have been deleted and then recreated"),
        (
            "ResourceVersion",
            options.resource_version,
            metadata["resourceVersion"],
            "The object might have been modified",
        ),
    ):
        if wanted is not None and wanted != actual:
            why = f"the {title} in the precondition ({wanted}) does not match the {title} in record ({actual}). {end}"
            raise errors.conflict(target.resource.group, target.resource.kind, target.name, why)


def _inherit_metadata(metadata: JsonObject, old: JsonObject) -> None:
    """What no update can change is taken from the present version; a different uid or a new deletion is left to be
    refused.
    """
    for key in ("creationTimestamp", "generation"):
        metadata.pop(key, None)
    for key in ("creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds"):
        if key in old:
            metadata[key] = old[key]
    metadata.setdefault("uid", old["uid"])


def _graceful(metadata: JsonObject) -> bool:
    return bool(metadata.get("deletionGracePeriodSeconds"))


def _propagate(metadata: JsonObject, policy: str) -> None:
    """Sets the finalizer that makes the garbage collector delete or orphan dependents before the object goes."""
    if not policy:
        return
    kept = [name for name in items(metadata, "finalizers") if name not in {FOREGROUND, ORPHAN}]
    wanted = {"Foreground": [FOREGROUND], "Orphan": [ORPHAN]}.get(policy, [])
    metadata.pop("finalizers", None)
    if kept or wanted:
        metadata["finalizers"] = kept + wanted


def scaled(target: Target, api: Api, change: Patch, write: Write) -> JsonObject:
    """Reads the Scale of an object, changes it, and writes its replicas back; the new Scale."""
    scale = target.resource.scale
    assert scale is not None  # noqa: S101 - the router only lets existing subresources through
    whole = Target(target.resource, target.namespace, target.name)

    def patch(obj: JsonObject) -> JsonObject:
        before = scale.read(obj)
        after = change(copy_json(before))
        if (replicas := dig(after, "spec", "replicas") or 0) < 0:
            problem = invalid("spec.replicas", replicas, "must be greater than or equal to 0")
            raise errors.invalid("autoscaling", "Scale", target.name, [problem])
        given = mapping(after, "metadata").get("resourceVersion") or before["metadata"]["resourceVersion"]
        obj["metadata"]["resourceVersion"] = given
        scale.write(obj, after)
        return obj

    return scale.read(api.patch(whole, patch, write))
