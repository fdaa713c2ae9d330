"""The rules of one kind, as values: what Kubernetes calls a REST strategy."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from infra.local.kubernetes import names
from infra.local.kubernetes.objects import JsonObject, copy_json, items, mapping
from infra.local.kubernetes.problems import Problem

Change: TypeAlias = Callable[[JsonObject], None]
Check: TypeAlias = Callable[[JsonObject], list[Problem]]
Comparison: TypeAlias = Callable[[JsonObject, JsonObject], list[Problem]]
Inheritance: TypeAlias = Callable[[JsonObject, JsonObject], None]
Allocation: TypeAlias = Callable[[JsonObject, Iterable[JsonObject]], list[Problem]]


@dataclass(frozen=True, slots=True)
class Reading:
    """A body that was read: the object as it would be written again, and the paths that its type does not have."""

    obj: JsonObject
    unknown: list[str]


def leave(_: JsonObject) -> None:
    """Changes nothing."""


def accept(_: JsonObject) -> list[Problem]:
    """Finds nothing wrong."""
    return []


def agree(_: JsonObject, __: JsonObject) -> list[Problem]:
    """Finds no change that is not allowed."""
    return []


def inherit_nothing(_: JsonObject, __: JsonObject) -> None:
    """Takes nothing over from the old version."""


def allocate_nothing(_: JsonObject, __: Iterable[JsonObject]) -> list[Problem]:
    """Needs nothing that is scarce."""
    return []


def keep_status(new: JsonObject, old: JsonObject) -> None:
    """A write to the object itself does not change its status."""
    new["status"] = copy_json(mapping(old, "status"))


def keep_spec(new: JsonObject, old: JsonObject) -> None:
    """A write to the status does not change the specification."""
    new["spec"] = copy_json(mapping(old, "spec"))


def has_finalizers(obj: JsonObject) -> bool:
    return bool(items(obj, "metadata", "finalizers"))


@dataclass(frozen=True, slots=True)
class Kind:
    """The rules of one kind. Those that change something do it in place, on objects that nobody shares. `read` raises
    `WrongTypeError` for a value that its type cannot hold.

    Metadata is left alone by all of them: it is checked for every kind alike. `counted` is the part of an object of
    which a change raises `metadata.generation`; kinds without it have no generation.
    """

    read: Callable[[JsonObject], Reading]
    complete: Change = leave  # defaults
    begin: Change = leave  # what a new object gets before it is checked, such as its first status
    inherit: Inheritance = inherit_nothing  # what a new version takes over before it is checked
    subresources: Mapping[str, Inheritance] = field(
        default_factory=dict
    )  # the same for writes to `status` and its like
    allocate: Allocation = allocate_nothing  # what it gets of what the cluster has only once, given its neighbours
    counted: Callable[[JsonObject], Any] | None = None

    check_name: names.Check = names.dns_subdomain
    check: Check = accept
    check_change: Comparison = agree  # new, old
    check_status: Comparison = agree  # new, old

    terminate: Change = leave  # what a deletion changes in an object that has to wait for its end
    lingers: Callable[[JsonObject], bool] = has_finalizers  # whether an object has to wait for its end
    grace: Callable[[JsonObject], int] | None = None  # seconds between the deletion and the end, for pods
    has_dependents: bool = True  # whether deletion propagates; Events own nothing

    unconditional: bool = True  # whether a PUT may leave resourceVersion out
    created_by_put: bool = False
    returns_deleted: bool = False  # whether DELETE answers with the object, and not with a Status
