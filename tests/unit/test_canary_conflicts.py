"""Which of several Canaries has to give way."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

import pytest

from shared.canary import conflicts, parse_canary
from shared.errors import Problem
from tests.support.manifests import good
from tests.support.paths import edit

if TYPE_CHECKING:
    from shared.canary.model import Canary

NOON = "2026-11-23T12:00:00Z"


def canary(name: str, created: str = NOON, /, **changes: object) -> Canary:
    """A Canary for a Deployment of its own name; keywords are paths with ``__`` for the dots."""
    spots = {key.replace("__", "."): value for key, value in changes.items()}
    own: dict[str, object] = {
        "metadata.name": name,
        "metadata.creationTimestamp": created,
        "spec.targetRef.name": name,
        "spec.autoscalerRef": None,
    }
    return parse_canary(edit(good("podinfo"), own | spots))


def test_canaries_for_different_objects_live_side_by_side() -> None:
    other_namespace = canary("api", metadata__namespace="prod")
    assert conflicts([canary("web"), canary("api"), other_namespace]) == {}


def test_the_older_keeps_the_target_and_every_younger_one_is_told_its_name() -> None:
    old = canary("old", "2026-11-23T11:59:59Z", spec__targetRef__name="web")
    young = canary("a-young", spec__targetRef__name="web")
    younger = canary("b-young", spec__targetRef__name="web")
    problem = Problem(
        "spec.targetRef.name", "Deployment web belongs to the older Canary old.test: change or delete one of the two"
    )
    for order in permutations([old, young, younger]):
        assert conflicts(order) == {("test", "a-young"): (problem,), ("test", "b-young"): (problem,)}


def test_of_two_made_in_one_second_the_first_in_the_alphabet_is_the_older() -> None:
    pair = [canary("b", spec__targetRef__name="web"), canary("a", spec__targetRef__name="web")]
    assert list(conflicts(pair)) == [("test", "b")]


def test_a_canary_that_does_not_exist_yet_is_the_youngest() -> None:
    pair = [canary("a", "", spec__targetRef__name="web"), canary("b", spec__targetRef__name="web")]
    assert list(conflicts(pair)) == [("test", "a")]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (
            {"spec__service__name": "web"},
            Problem("spec.service.name", "Service web belongs to"),
        ),
        (
            {"spec__service__name": "web-canary"},
            Problem("spec.service.name", "Service web-canary belongs to"),
        ),
        (
            {"spec__targetRef__name": "web-primary", "spec__service__name": "other"},
            Problem("spec.targetRef.name", "Deployment web-primary belongs to"),
        ),
        (
            {
                "spec__autoscalerRef": {
                    "apiVersion": "autoscaling/v2",
                    "kind": "HorizontalPodAutoscaler",
                    "name": "web-primary",
                }
            },
            Problem("spec.autoscalerRef.name", "HorizontalPodAutoscaler web-primary belongs to"),
        ),
    ],
    ids=["apex", "generated service", "generated deployment", "generated autoscaler"],
)
def test_what_another_canary_uses_or_generates_is_taken(changes: dict[str, object], problem: Problem) -> None:
    scaler = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": "web"}
    web = canary("web", "2026-11-23T11:59:59Z", spec__autoscalerRef=scaler)
    (found,) = conflicts([canary("other", NOON, **changes), web])["test", "other"]
    assert found.path == problem.path
    assert found.message.startswith(f"{problem.message} the older Canary web.test")
