"""Whose an object is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from shared.render.ownership import (
    belongs,
    copied_annotations,
    copied_labels,
    is_flaggers,
    owned_metadata,
    owner_name,
    take_over,
)
from tests.unit.render.samples import OWNED, UID, canary, deployment

if TYPE_CHECKING:
    from shared.json_types import JsonObject


def _owned_by(kind: str, api_version: str = "flagger.app/v1beta1", name: str = "podinfo") -> JsonObject:
    return {"metadata": {"ownerReferences": [{"apiVersion": api_version, "kind": kind, "name": name, "uid": UID}]}}


@pytest.mark.parametrize(
    ("obj", "ours"),
    [
        ({"metadata": {"annotations": OWNED}}, True),
        ({"metadata": {"annotations": {**OWNED, "serin.dev/canary-uid": "of a deleted one"}}}, True),
        ({"metadata": {"annotations": {**OWNED, "serin.dev/canary": "other"}}}, False),
        (_owned_by("Canary"), True),
        (_owned_by("Canary", "flagger.app/v1alpha3"), True),
        (_owned_by("Canary", name="other"), False),
        (_owned_by("Canary", "birds.example/v1"), False),
        (_owned_by("ReplicaSet"), False),
        ({"metadata": {"name": "podinfo"}}, False),
    ],
)
def test_an_object_belongs_by_annotation_or_by_flaggers_reference(obj: JsonObject, ours: bool) -> None:
    assert belongs(obj, canary()) is ours


def test_a_canary_that_is_made_again_gets_what_its_predecessor_left() -> None:
    left = {"metadata": owned_metadata(canary(), "podinfo-primary", {}, {})}
    assert belongs(left, replace(canary(), uid="a new one"))
    assert owner_name(left) == "podinfo"


def test_nothing_that_is_made_dies_with_its_canary() -> None:
    assert "ownerReferences" not in owned_metadata(canary(), "podinfo-primary", {"a": "b"}, {})


def test_a_copy_inherits_no_claims_of_deployment_tools() -> None:
    assert copied_labels(deployment()) == {"app": "podinfo", "tier": "web"}
    assert copied_annotations(deployment()) == {"team": "checkout"}
    assert copied_labels({"metadata": {}}) == {}


def test_what_flagger_made_is_taken_over_without_the_reference_that_would_delete_it() -> None:
    flaggers = {"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "name": "podinfo", "uid": UID}
    others = {"apiVersion": "v1", "kind": "ConfigMap", "name": "keeper", "uid": "k"}
    metadata = {"name": "podinfo-primary", "annotations": {"note": "n"}, "ownerReferences": [flaggers, others]}
    live = {"kind": "Deployment", "metadata": {**metadata, "managedFields": [{}]}, "spec": {"replicas": 2}}
    assert is_flaggers(live)
    taken = take_over(live, canary())
    assert taken == {
        "kind": "Deployment",
        "metadata": {**metadata, "annotations": {"note": "n", **OWNED}, "ownerReferences": [others]},
        "spec": {"replicas": 2},
    }
    assert not is_flaggers(taken)
    assert not is_flaggers({"metadata": {}})
    assert take_over({"metadata": {"name": "bare"}}, canary())["metadata"]["annotations"] == OWNED
