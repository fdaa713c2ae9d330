"""The arithmetic of rolling out, driven to its end by pods that become available as they like."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from infra.local.kubernetes.controllers.progress import Condition, find, with_condition
from infra.local.kubernetes.controllers.rollout import (
    Limits,
    Replicas,
    is_scaled,
    limits,
    recreate,
    roll,
    scale,
    superfluous,
)

if TYPE_CHECKING:
    from infra.local.kubernetes.objects import JsonObject

SHARES = st.integers(0, 5) | st.integers(0, 100).map(lambda percent: f"{percent}%")


def resized(sets: list[Replicas], sizes: dict[str, int]) -> list[Replicas]:
    """The ReplicaSets after a step: pods that are gone are not available any more."""
    return [
        replace(each, wanted=size, actual=size, available=min(each.available, size))
        for each in sets
        for size in [sizes.get(each.name, each.wanted)]
    ]


@settings(deadline=None)
@given(st.integers(0, 8), SHARES, SHARES, st.data())
def test_a_rolling_update_ends_and_never_leaves_its_limits(
    replicas: int, surge: int | str, unavailable: int | str, data: st.DataObject
) -> None:
    allowed = limits(replicas, surge, unavailable)
    sets = [Replicas("old", 1, replicas, replicas, replicas), Replicas("new", 2, 0)]
    for _ in range(200):
        old, new = sets
        sizes = roll(new, [old], allowed)
        sets = resized(sets, sizes)
        assert sum(each.wanted for each in sets) <= replicas + allowed.surge
        assert sum(each.available for each in sets) >= replicas - allowed.unavailable
        if not sizes:
            waiting = sets[1].wanted - sets[1].available
            if waiting == 0:
                break
            ready = data.draw(st.integers(1, waiting), label="pods that become available")
            sets[1] = replace(sets[1], available=sets[1].available + ready)
    assert [each.wanted for each in sets] == [0, replicas]


@settings(deadline=None)
@given(st.integers(0, 20), st.lists(st.integers(1, 10), min_size=2, max_size=4))
def test_scaling_in_the_middle_of_a_rollout_shares_in_proportion(replicas: int, sizes: list[int]) -> None:
    before = sum(sizes)
    sets = [Replicas(f"r{n}", n, size, size, size, before, before) for n, size in enumerate(sizes)]
    allowed = Limits(replicas, surge=0, unavailable=1)
    scaled = scale(sets[-1], sets[:-1], allowed)
    assert all(size >= 0 for size in scaled.values())
    assert sum(scaled.values()) >= replicas, "what is too much goes with the next steps of the rollout"
    if replicas >= before:
        assert sum(scaled.values()) == replicas
        assert all(scaled[each.name] >= each.wanted for each in sets)


def test_one_active_replica_set_is_scaled_alone() -> None:
    old, new = Replicas("old", 1, 0), Replicas("new", 2, 3, 3, 3, 3, 4)
    assert is_scaled([old, new], Limits(5))
    assert scale(new, [old], Limits(5)) == {"new": 5}
    assert scale(None, [old], Limits(5)) == {"old": 5}


def test_recreate_waits_for_the_last_old_pod() -> None:
    old, new, allowed = Replicas("old", 1, 2, 2, 2), Replicas("new", 2, 0), Limits(2, rolling=False)
    assert recreate(new, [old], allowed, old_pods=2) == {"old": 0}
    assert recreate(new, [replace(old, wanted=0)], allowed, old_pods=1) == {}
    assert recreate(new, [replace(old, wanted=0)], allowed, old_pods=0) == {"new": 2}


def test_shares_round_in_favour_of_availability() -> None:
    assert limits(3, "25%", "25%") == Limits(3, surge=1, unavailable=0)
    assert limits(10, "25%", "25%") == Limits(10, surge=3, unavailable=2)
    assert limits(1, "0%", "10%") == Limits(1, surge=0, unavailable=1)


def test_only_idle_replica_sets_are_forgotten_the_oldest_first() -> None:
    sets = [Replicas("a", 1, 0), Replicas("b", 2, 0, 1), Replicas("c", 3, 0), Replicas("d", 4, 0)]
    assert superfluous(sets, 2) == ["a", "c"]
    assert superfluous(sets, 9) == []


def test_a_condition_keeps_the_time_of_its_transition() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    conditions: list[JsonObject] = with_condition([], Condition("Progressing", "True", "A", ""), start)
    later = with_condition(conditions, Condition("Progressing", "True", "B", ""), start + timedelta(seconds=5))
    changed = with_condition(later, Condition("Progressing", "False", "C", ""), start + timedelta(seconds=9))
    same = with_condition(changed, Condition("Progressing", "False", "C", "other"), start + timedelta(seconds=20))
    times = [
        (found["lastTransitionTime"][-3:-1], found["lastUpdateTime"][-3:-1])
        for step in (conditions, later, changed, same)
        if (found := find(step, "Progressing"))
    ]
    assert times == [("00", "00"), ("00", "05"), ("09", "09"), ("09", "09")]
