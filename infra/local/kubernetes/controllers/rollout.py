"""The arithmetic of rolling out: how many pods each ReplicaSet of a Deployment should have next
(pkg/controller/deployment). Pure.
"""

from dataclasses import dataclass, replace
from math import ceil, floor, inf


@dataclass(frozen=True, slots=True)
class Replicas:
    """One ReplicaSet in numbers. `age` orders them, the oldest first; the marks are what past work left on it."""

    name: str
    age: int
    wanted: int
    actual: int = 0
    available: int = 0
    desired_mark: int | None = None  # the Deployment's replicas when this one was last scaled
    max_mark: int | None = None  # the same, with the surge


@dataclass(frozen=True, slots=True)
class Limits:
    """What a Deployment allows while it rolls."""

    replicas: int
    surge: int = 0
    unavailable: int = 0
    rolling: bool = True


def limits(replicas: int, surge: int | str, unavailable: int | str) -> Limits:
    """The limits of a rolling update in pods: surges round up, unavailability down, and one of them is not 0."""
    most = _share(surge, replicas, up=True)
    least = min(_share(unavailable, replicas, up=False), replicas)
    if most == 0 and least == 0:
        least = 1
    return Limits(replicas, most, least)


def _share(value: int | str, total: int, *, up: bool) -> int:
    if isinstance(value, int):
        return value
    part = int(value.removesuffix("%")) * total / 100
    return ceil(part) if up else floor(part)


def is_scaled(sets: list[Replicas], allowed: Limits) -> bool:
    """Whether the Deployment was scaled since its active ReplicaSets were."""
    return any(each.wanted > 0 and each.desired_mark not in {None, allowed.replicas} for each in sets)


def scale(new: Replicas | None, old: list[Replicas], allowed: Limits) -> dict[str, int]:
    """The sizes after the Deployment itself was scaled, or while it is paused: in proportion, without rolling on."""
    everyone = [*old, new] if new else list(old)
    active = [each for each in everyone if each.wanted > 0]
    if not everyone:
        return {}
    if len(active) <= 1:
        chosen = active[0] if active else new or max(old, key=lambda each: each.age)
        return {chosen.name: allowed.replicas}
    if new and new.wanted == new.available == new.desired_mark == allowed.replicas:
        return {each.name: 0 for each in old if each.wanted > 0}
    return _in_proportion(active, allowed) if allowed.rolling else {}


def _in_proportion(active: list[Replicas], allowed: Limits) -> dict[str, int]:
    size = allowed.replicas + allowed.surge if allowed.replicas > 0 else 0
    missing = size - sum(each.wanted for each in active)
    ordered = sorted(active, key=lambda each: (-each.wanted, -each.age if missing > 0 else each.age))
    sizes: dict[str, int] = {}
    given = 0
    for each in ordered:
        part = _proportion(each, allowed, missing, given)
        sizes[each.name] = each.wanted + part
        given += part
    if missing:
        sizes[ordered[0].name] = max(sizes[ordered[0].name] + missing - given, 0)
    return sizes


def _proportion(each: Replicas, allowed: Limits, missing: int, given: int) -> int:
    if missing in {0, given}:
        return 0
    if allowed.replicas == 0:
        fraction = -each.wanted
    else:
        before = each.max_mark or allowed.replicas + allowed.surge
        fraction = floor(each.wanted * (allowed.replicas + allowed.surge) / before + 0.5) - each.wanted
    return min(fraction, missing - given) if missing > 0 else max(fraction, missing - given)


def roll(new: Replicas, old: list[Replicas], allowed: Limits) -> dict[str, int]:
    """The next step of a rolling update: the new ReplicaSet first, and when it has what it may have, the old ones."""
    size = first_size(new, old, allowed)
    if size != new.wanted:
        return {new.name: size}
    return _shrink(new, sorted(old, key=lambda each: each.age), allowed)


def first_size(new: Replicas, old: list[Replicas], allowed: Limits) -> int:
    """How many pods the new ReplicaSet may have beside the old ones."""
    if new.wanted > allowed.replicas or not allowed.rolling:
        return allowed.replicas
    room = allowed.replicas + allowed.surge - new.wanted - sum(each.wanted for each in old)
    return new.wanted if room <= 0 else new.wanted + min(room, allowed.replicas - new.wanted)


def _shrink(new: Replicas, old: list[Replicas], allowed: Limits) -> dict[str, int]:
    least = allowed.replicas - allowed.unavailable
    spare = new.wanted + sum(each.wanted for each in old) - least - (new.wanted - new.available)
    if spare <= 0:
        return {}
    sizes = {each.name: each.wanted for each in old}
    for each in old:  # pods that are not available are no loss
        broken = min(spare, each.wanted - each.available)
        if broken > 0:
            sizes[each.name] -= broken
            spare -= broken
    left = [replace(each, wanted=sizes[each.name]) for each in old]
    extra = new.available + sum(each.available for each in left) - least
    for each in left:
        count = max(min(each.wanted, extra), 0)
        sizes[each.name] -= count
        extra -= count
    return {each.name: sizes[each.name] for each in old if sizes[each.name] != each.wanted}


def recreate(new: Replicas, old: list[Replicas], allowed: Limits, *, old_pods: int) -> dict[str, int]:
    """The next step of the Recreate strategy: nothing new before everything old is gone."""
    if any(each.wanted > 0 for each in old):
        return {each.name: 0 for each in old if each.wanted > 0}
    if old_pods or new.wanted == allowed.replicas:
        return {}
    return {new.name: allowed.replicas}


def superfluous(old: list[Replicas], keep: float = inf) -> list[str]:
    """The old ReplicaSets beyond those kept as history, the oldest first."""
    idle = sorted((each for each in old if each.wanted == each.actual == 0), key=lambda each: each.age)
    excess = len(old) - keep
    return [each.name for each in idle[: int(max(excess, 0))]] if excess < inf else []
