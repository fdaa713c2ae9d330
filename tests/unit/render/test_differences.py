"""Comparing live objects with desired ones, and bringing them up to date."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.canary.model import Service
from shared.plan import Route
from shared.render.differences import covers, same, up_to_date
from shared.render.istio import destination_rules, virtual_service
from shared.render.overlay import overlay
from tests.unit.render.samples import canary

if TYPE_CHECKING:
    from shared.json_types import JsonObject

_LEAVES = st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.sampled_from(["", "a", "b"]), st.floats(-9, 9))
JSON = st.recursive(
    _LEAVES, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abc"), inner))
)


@pytest.mark.parametrize(
    ("live", "desired", "covered"),
    [
        ({"a": 1, "b": 2}, {"a": 1}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ({"a": {"b": {"c": 1, "d": 2}}}, {"a": {"b": {"c": 1}}}, True),
        ({"a": 1}, {"a": 1.0}, True),
        ({"a": 1}, {"a": True}, False),
        ({"a": True}, {"a": 1}, False),
        ({"a": "1"}, {"a": 1}, False),
        ({"a": [1, 2]}, {"a": [1, 2]}, True),
        ({"a": [1, 2]}, {"a": [1]}, False),
        ({"a": [1, 2]}, {"a": [2, 1]}, False),
        ({"a": [{"b": 1, "c": 2}]}, {"a": [{"b": 1}]}, True),
        ({"a": 1}, {"b": None}, True),
        ({"a": 1}, {"a": None}, False),
        ({}, {"a": {}}, False),
        ({"a": "x"}, {"a": ["x"]}, False),
        ({"a": []}, {"a": {}}, False),
    ],
)
def test_covers(live: JsonObject, desired: JsonObject, covered: bool) -> None:
    assert covers(live, desired) is covered


@given(JSON)
def test_everything_covers_and_is_the_same_as_itself(value: object) -> None:
    assert covers(value, value)
    assert same(value, deepcopy(value))


@given(JSON, JSON)
def test_what_covers_each_other_is_the_same(one: object, other: object) -> None:
    assert same(one, other) == (covers(one, other) and covers(other, one)) == same(other, one)


def _live() -> JsonObject:
    live: dict[str, Any] = deepcopy(virtual_service(canary(), Route(canary=30), 7))
    live["metadata"].update(resourceVersion="12", managedFields=[{}], labels={"team": "a"}, generation=3)
    live["spec"]["exportTo"] = ["."]
    return live


def test_an_overlay_takes_serins_fields_and_leaves_the_rest() -> None:
    live, desired = _live(), virtual_service(canary(Service("podinfo", 9898, app_protocol="tcp")), Route(canary=0), 8)
    written = overlay(live, desired)
    assert written["spec"] == {**desired["spec"], "exportTo": ["."]}
    assert written["metadata"]["resourceVersion"] == "12"
    assert written["metadata"]["labels"] == {"team": "a"}
    assert written["metadata"]["annotations"]["serin.dev/version"] == "8"
    assert "managedFields" not in written["metadata"]
    assert up_to_date(written, desired)


def test_an_overlay_changes_neither_of_the_two() -> None:
    live, desired = _live(), virtual_service(canary(), Route(canary=0), 8)
    before = deepcopy((live, desired))
    overlay(live, desired)["spec"]["http"][0]["route"].clear()
    assert (live, desired) == before


def test_the_version_that_wrote_a_route_is_no_reason_to_write_it_again() -> None:
    assert up_to_date(_live(), virtual_service(canary(), Route(canary=30), 8))
    assert not up_to_date(_live(), virtual_service(canary(), Route(canary=40), 8))


def test_an_owner_reference_to_the_canary_is_a_reason_to_write() -> None:
    live, desired = _live(), virtual_service(canary(), Route(canary=30), 7)
    live["metadata"]["ownerReferences"] = [{"apiVersion": "v1", "kind": "Secret", "name": "s", "uid": "1"}]
    assert up_to_date(live, desired)
    live["metadata"]["ownerReferences"].append(
        {"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "name": "podinfo", "uid": "2"}
    )
    assert not up_to_date(live, desired)
    assert up_to_date(overlay(live, desired), desired)


def test_a_traffic_policy_that_was_taken_back_goes() -> None:
    policy = {"loadBalancer": {"simple": "LEAST_REQUEST"}, "tls": {"mode": "DISABLE"}}
    rich, _ = destination_rules(canary(Service("podinfo", 9898, traffic_policy=policy)))
    less, _ = destination_rules(canary(Service("podinfo", 9898, traffic_policy={"tls": {"mode": "DISABLE"}})))
    none, _ = destination_rules(canary())
    for desired in (less, none):
        assert not up_to_date(rich, desired)
        assert overlay(rich, desired) == desired
