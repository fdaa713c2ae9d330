"""The three formats of patches, as pure functions."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.local.kubernetes.errors import ApiError
from infra.local.kubernetes.gotypes import struct
from infra.local.kubernetes.patch import apply_operations, merge
from infra.local.kubernetes.strategic import merge as merge_strategically

if TYPE_CHECKING:
    from infra.local.kubernetes.objects import JsonObject

POD_SPEC = struct("io.k8s.api.core.v1.PodSpec")
METADATA = struct("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from("abc"), JSON, max_size=3)


def without_nulls(value: Any) -> Any:
    """What RFC 7396 makes of a value that is merged into nothing."""
    if not isinstance(value, dict):
        return value
    return {key: without_nulls(item) for key, item in value.items() if item is not None}


class TestMergePatch:
    @settings(deadline=None)
    @given(OBJECTS, OBJECTS)
    def test_a_patch_holds_afterwards_and_leaves_the_rest_and_its_arguments_alone(
        self, original: JsonObject, patch: JsonObject
    ) -> None:
        before = copy.deepcopy((original, patch))
        merged = merge(original, patch)
        assert (original, patch) == before
        assert {key: merged[key] for key in original if key not in patch} == {
            key: value for key, value in original.items() if key not in patch
        }
        assert all((key in merged) == (value is not None) for key, value in patch.items())
        assert merge(merged, patch) == merged

    @settings(deadline=None)
    @given(OBJECTS)
    def test_merged_into_nothing_a_patch_is_itself_without_nulls(self, patch: JsonObject) -> None:
        assert merge({}, patch) == without_nulls(patch)


class TestJsonPatch:
    @pytest.mark.parametrize(
        ("operation", "result"),
        [
            ({"op": "add", "path": "/a/1", "value": 9}, {"a": [1, 9, 2], "b": {"c/d": 3}}),
            ({"op": "add", "path": "/a/-", "value": 9}, {"a": [1, 2, 9], "b": {"c/d": 3}}),
            ({"op": "add", "path": "", "value": 9}, 9),
            ({"op": "remove", "path": "/a/0"}, {"a": [2], "b": {"c/d": 3}}),
            ({"op": "replace", "path": "/b/c~1d", "value": None}, {"a": [1, 2], "b": {"c/d": None}}),
            ({"op": "move", "from": "/a/0", "path": "/b/e"}, {"a": [2], "b": {"c/d": 3, "e": 1}}),
            ({"op": "copy", "from": "/b", "path": "/b/e"}, {"a": [1, 2], "b": {"c/d": 3, "e": {"c/d": 3}}}),
            ({"op": "test", "path": "/a/1", "value": 2}, {"a": [1, 2], "b": {"c/d": 3}}),
            ({"op": "test", "path": "/none", "value": None}, {"a": [1, 2], "b": {"c/d": 3}}),
        ],
    )
    def test_each_operation(self, operation: JsonObject, result: Any) -> None:
        original = {"a": [1, 2], "b": {"c/d": 3}}
        assert apply_operations(original, [operation]) == result
        assert original == {"a": [1, 2], "b": {"c/d": 3}}

    @pytest.mark.parametrize(
        "operation",
        [
            {"op": "add", "path": "/none/x", "value": 1},
            {"op": "add", "path": "/a/7", "value": 1},
            {"op": "add", "path": "a", "value": 1},
            {"op": "add", "path": "/b"},
            {"op": "remove", "path": "/none"},
            {"op": "replace", "path": "/none", "value": 1},
            {"op": "test", "path": "/a/0", "value": True},
            {"op": "multiply", "path": "/a/0", "value": 2},
            {"path": "/a"},
        ],
    )
    def test_what_cannot_be_done_is_refused(self, operation: JsonObject) -> None:
        with pytest.raises(ApiError) as error:
            apply_operations({"a": [1], "b": {}}, [{"op": "add", "path": "/c", "value": 1}, operation])
        assert error.value.code == 422


def containers(*named: str) -> list[JsonObject]:
    return [{"name": name} for name in named]


class TestStrategicPatch:
    @pytest.mark.parametrize(
        ("original", "patch", "order", "merged"),
        [
            ("ab", "c", None, "cab"),
            ("ab", "b", None, "ab"),
            ("abc", "", "cb", "acb"),
            ("ab", "c", "acb", "acb"),
            ("axb", "c", "bca", "xbca"),
        ],
    )
    def test_members_follow_the_order_of_the_patch_and_the_others_stay_where_they_were(
        self, original: str, patch: str, order: str | None, merged: str
    ) -> None:
        change: JsonObject = {"containers": containers(*patch)}
        if order is not None:
            change["$setElementOrder/containers"] = containers(*order)
        result = merge_strategically({"containers": containers(*original)}, change, POD_SPEC)
        assert "".join(each["name"] for each in result["containers"]) == merged

    def test_directives_delete_replace_and_retain(self) -> None:
        original = {"volumes": [{"name": "v", "secret": {"secretName": "s"}}, {"name": "w", "emptyDir": {}}]}
        retained = {"volumes": [{"name": "v", "$retainKeys": ["name", "emptyDir"], "emptyDir": {}}]}
        assert merge_strategically(original, retained, POD_SPEC)["volumes"][0] == {"name": "v", "emptyDir": {}}
        deleted = {"volumes": [{"name": "v", "$patch": "delete"}]}
        assert [each["name"] for each in merge_strategically(original, deleted, POD_SPEC)["volumes"]] == ["w"]
        replaced = {"volumes": [{"$patch": "replace"}, {"name": "x"}]}
        assert merge_strategically(original, replaced, POD_SPEC)["volumes"] == [{"name": "x"}]
        labels = merge_strategically({"labels": {"a": "1"}}, {"labels": {"$patch": "replace", "b": "2"}}, METADATA)
        assert labels == {"labels": {"b": "2"}}

    def test_lists_of_words_are_sets_where_they_merge_and_replaced_elsewhere(self) -> None:
        finalizers = merge_strategically({"finalizers": ["a", "b"]}, {"finalizers": ["c", "a"]}, METADATA)
        assert set(finalizers["finalizers"]) == {"a", "b", "c"}
        deleted = merge_strategically(
            {"finalizers": ["a", "b"]}, {"$deleteFromPrimitiveList/finalizers": ["a"]}, METADATA
        )
        assert deleted["finalizers"] == ["b"]
        container = {"containers": [{"name": "c", "args": ["x"]}]}
        patched = merge_strategically(container, {"containers": [{"name": "c", "args": ["y"]}]}, POD_SPEC)
        assert patched["containers"][0]["args"] == ["y"]

    @pytest.mark.parametrize(
        "patch",
        [
            {"containers": [{"image": "a"}]},
            {"containers": [{"name": "c", "$patch": "twist"}]},
            {"containers": containers("b", "a"), "$setElementOrder/containers": containers("a", "b")},
            {"volumes": [{"name": "v", "$retainKeys": ["name"], "emptyDir": {}}]},
        ],
    )
    def test_a_patch_that_contradicts_itself_is_refused(self, patch: JsonObject) -> None:
        original = {"containers": containers("c"), "volumes": [{"name": "v"}]}
        with pytest.raises(ApiError):
            merge_strategically(original, patch, POD_SPEC)
        assert original == {"containers": containers("c"), "volumes": [{"name": "v"}]}
