"""Two Canaries that would write the same objects.

Flagger runs both and logs "Bad things will happen!". Here the older one keeps working and every younger one is told who
has what it wants. Not only equal targets collide: a Canary for ``web-primary`` wants the Deployment that the Canary for
``web`` generates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from shared.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from shared.canary.model import Canary

    Claim: TypeAlias = tuple[str, str, str]
    """Namespace, kind and name of an object that only one Canary may write."""


def conflicts(canaries: Sequence[Canary]) -> Mapping[tuple[str, str], tuple[Problem, ...]]:
    """What keeps Canaries from working beside others of their cluster, by namespace and name of who has to give way.

    One problem for each field that has to change. It is always the younger one by ``creationTimestamp`` that gives way,
    and of two made in one second the later in the alphabet. A Canary without that time does not exist yet: it is the
    youngest. Canaries with nothing to complain of are not in the answer.
    """
    owners: dict[Claim, Canary] = {}
    found: dict[tuple[str, str], tuple[Problem, ...]] = {}
    for canary in sorted(canaries, key=_age):
        taken: dict[str, Problem] = {}
        for claim, path in _claim(canary):
            owner = owners.setdefault(claim, canary)
            if owner is not canary:
                taken.setdefault(path, _complain(claim, path, owner))
        if taken:
            found[canary.namespace, canary.name] = tuple(taken.values())
    return found


def _age(canary: Canary) -> tuple[bool, str, str, str]:
    return (not canary.created, canary.created, canary.namespace, canary.name)


def _claim(canary: Canary) -> Iterator[tuple[Claim, str]]:
    target, service = canary.target.name, canary.service
    for name in (target, canary.primary_name):
        yield (canary.namespace, canary.target.kind, name), "spec.targetRef.name"
    path = "spec.targetRef.name" if service.name == target else "spec.service.name"
    for name in (service.name, service.primary_name, service.canary_name):
        yield (canary.namespace, "Service", name), path
    if canary.autoscaler:
        for name in (canary.autoscaler.ref.name, canary.autoscaler.primary_name):
            yield (canary.namespace, canary.autoscaler.ref.kind, name), "spec.autoscalerRef.name"


def _complain(claim: Claim, path: str, owner: Canary) -> Problem:
    _, kind, name = claim
    return Problem(path, f"{kind} {name} belongs to the older Canary {owner}: change or delete one of the two")
