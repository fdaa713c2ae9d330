"""The one label that tells the primary's pods from the target's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shared.errors import Refused
from shared.render.pods import PodLabel, primary_pods, selector_label
from tests.unit.render.samples import deployment

if TYPE_CHECKING:
    from shared.json_types import JsonObject


def _target(labels: dict[str, str]) -> JsonObject:
    target = deployment()
    target["spec"]["selector"]["matchLabels"] = labels
    return target


@pytest.mark.parametrize(
    ("labels", "label"),
    [
        ({"app": "podinfo"}, PodLabel("app", "podinfo")),
        ({"app.kubernetes.io/name": "a", "name": "b", "app": "c"}, PodLabel("app", "c")),
        ({"app.kubernetes.io/name": "a", "name": "b"}, PodLabel("name", "b")),
        ({"app.kubernetes.io/name": "a", "release": "r"}, PodLabel("app.kubernetes.io/name", "a")),
        ({"app": "x" * 55}, PodLabel("app", "x" * 55)),
    ],
)
def test_the_usual_labels_in_their_order(labels: dict[str, str], label: PodLabel) -> None:
    assert selector_label(_target(labels), None) == label
    assert label.primary == f"{label.value}-primary"


@pytest.mark.parametrize(
    ("labels", "problem"),
    [
        ({"release": "r"}, "must contain one of app, name, app.kubernetes.io/name"),
        ({}, "must contain one of app, name, app.kubernetes.io/name"),
        ({"app": "x" * 56}, "app must have at most 55 characters"),
    ],
)
def test_a_target_that_cannot_be_told_apart_is_refused_by_name(labels: dict[str, str], problem: str) -> None:
    with pytest.raises(Refused, match=problem) as refused:
        selector_label(_target(labels), None)
    assert str(refused.value).startswith("deployment podinfo.test spec.selector.matchLabels ")


def test_a_target_that_selects_by_expressions_only_is_refused() -> None:
    target = deployment()
    target["spec"]["selector"] = {"matchExpressions": [{"key": "app", "operator": "In", "values": ["podinfo"]}]}
    with pytest.raises(Refused):
        selector_label(target, None)


def test_the_label_of_a_live_primary_wins_only_if_the_target_has_it_too() -> None:
    target = _target({"app": "podinfo", "tier": "web"})
    taken = {"spec": {"selector": {"matchLabels": {"tier": "web-primary"}}}}
    other = {"spec": {"selector": {"matchLabels": {"release": "r-primary"}}}}
    assert selector_label(target, taken) == PodLabel("tier", "web")
    assert selector_label(target, other) == PodLabel("app", "podinfo")


def test_rewriting_leaves_the_targets_template_alone() -> None:
    target = deployment()
    primary_pods(target["spec"]["template"], PodLabel("app", "podinfo"))
    assert target == deployment()
