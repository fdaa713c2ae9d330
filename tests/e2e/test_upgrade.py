"""Serin is replaced: by another release, in the middle of a run or at rest, with old and new side by side, and by one
with another key. The release of the app goes the same way, and no canary starts.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from shared import revision
from shared.rollout import Phase
from tests.support.releases import Earlier, InTurn, Later
from tests.support.serin import SECRET, Serin, passing_serin

if TYPE_CHECKING:
    from shared.json_types import Json
    from shared.state.store import Store
    from tests.support.app import Release
    from tests.support.cluster import Cluster

NEW_KEY = b"another key for tests"
V1 = revision.RECIPES["v1"]


def v2(obj: Json) -> bytes:
    """The recipe of the next release."""
    return b"v2" + V1(obj)


@pytest.fixture
def serin(cluster: Cluster, namespace: str, store: Store) -> Serin:
    return passing_serin(cluster, store, namespace)


def way(serin: Serin, release: Release) -> list[str]:
    """What was said of the run, without what only tells how long pods took."""
    begun = serin.messages.index(f"New revision detected! Scaling up frontend.{release.namespace}")
    return [text for text in serin.messages[begun:] if not text.startswith("Halt advancement")]


def initialized(serin: Serin, release: Release) -> None:
    release.install(interval="1s", stepWeight=10)
    serin.run_until(lambda rollout: rollout.phase is Phase.INITIALIZED and rollout.replicas is None)


def finished(serin: Serin) -> None:
    serin.run_until(lambda rollout: rollout.phase is Phase.SUCCEEDED and not rollout.active)


@pytest.mark.parametrize("other", ["earlier", "later"])
def test_a_release_goes_the_same_way_when_two_releases_of_serin_take_turns(
    serin: Serin, release: Release, store: Store, other: str
) -> None:
    neighbour = Earlier(store) if other == "earlier" else Later(store)
    both = InTurn(serin, serin.parts, replace(serin.parts, store=neighbour, keys=(SECRET, NEW_KEY)))
    initialized(both, release)
    release.upgrade("app:2")
    both.hint()
    finished(both)
    name = f"frontend.{release.namespace}"
    assert way(both, release) == [
        f"New revision detected! Scaling up {name}",
        f"Starting canary analysis for {name}",
        *[f"Advance {name} canary weight {weight}" for weight in (10, 20, 30, 40, 50)],
        f"Copying {name} template spec to frontend-primary.{release.namespace}",
        "Routing all traffic to primary",
        f"Promotion completed! Scaling down {name}",
    ]
    assert release.image("frontend-primary") == "app:2"
    assert release.weights() == (100, 0)
    if isinstance(neighbour, Later):
        assert neighbour.seen[0] is None
        assert all(neighbour.seen[2:]), "a field of the later release was lost"


def test_half_a_run_with_the_release_before_and_half_with_this_one(
    serin: Serin, release: Release, store: Store
) -> None:
    initialized(serin, release)
    today, serin.parts = serin.parts, replace(serin.parts, store=Earlier(store))
    release.upgrade("app:2")
    serin.hint()
    serin.run_until(lambda rollout: rollout.weight == 30)
    serin.parts = today
    finished(serin)
    weights = [text for text in way(serin, release) if text.startswith("Advance")]
    assert weights == [
        f"Advance frontend.{release.namespace} canary weight {weight}" for weight in (10, 20, 30, 40, 50)
    ]


def upgraded(serin: Serin, monkeypatch: pytest.MonkeyPatch, release: int) -> None:
    """Become the release that knows the next recipe and key, the one that records them, or the one without the old."""
    recipes = ({"v1": V1, "v2": v2}, {"v2": v2, "v1": V1}, {"v2": v2})
    keys = ((SECRET, NEW_KEY), (NEW_KEY, SECRET), (NEW_KEY,))
    monkeypatch.setattr(revision, "RECIPES", recipes[release])
    serin.parts = replace(serin.parts, keys=keys[release])


def looked(serin: Serin) -> None:
    """A sweep, and what it wakes."""
    serin.sweep()
    serin.run_until(lambda rollout: not rollout.active)


def test_neither_a_new_recipe_nor_a_new_key_starts_a_canary_and_the_next_change_does(
    serin: Serin, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    initialized(serin, release)
    said = list(serin.messages)
    for step in range(3):
        upgraded(serin, monkeypatch, step)
        looked(serin)
    assert serin.messages == said
    recorded = serin.rollout.applied
    assert recorded == serin.rollout.promoted
    assert {recorded.template[:3], *(digest[:3] for digest in recorded.configs.values())} == {"v2-"}
    release.patch("secret", {"stringData": {"token": "another"}})
    serin.sweep()
    finished(serin)
    assert "Secret frontend has changed" in serin.messages


@pytest.mark.parametrize("step", [0, 1])
def test_a_change_that_comes_with_the_upgrade_is_seen(
    serin: Serin, release: Release, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    initialized(serin, release)
    for earlier in range(step):
        upgraded(serin, monkeypatch, earlier)
        looked(serin)
    release.patch("secret", {"stringData": {"token": "another"}})
    release.upgrade("app:2")
    upgraded(serin, monkeypatch, step)
    serin.sweep()
    finished(serin)
    assert "Secret frontend has changed" in serin.messages
    assert release.image("frontend-primary") == "app:2"
