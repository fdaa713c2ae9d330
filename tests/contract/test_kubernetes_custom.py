"""Custom resources: what a CustomResourceDefinition makes of its objects, on both API servers."""

from __future__ import annotations

import copy
import secrets
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.paths import REMOVED, edit
from tests.support.waiting import eventually
from tests.support.wire import JSON_PATCH, STRATEGIC, TABLE, Wire

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.json_types import JsonObject
    from tests.support.cluster import Cluster

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

SPEC: JsonObject = {
    "type": "object",
    "required": ["size"],
    "properties": {
        "size": {"type": "integer", "minimum": 1, "maximum": 9},
        "replicas": {"type": "integer"},
        "share": {"type": "number", "multipleOf": 0.5},
        "name": {"type": "string", "minLength": 2, "maxLength": 4},
        "interval": {"type": "string", "pattern": "^[0-9]+(m|s)$", "default": "1m"},
        "colour": {"type": "string", "enum": ["red", "blue"]},
        "note": {"type": "string", "nullable": True},
        "since": {"type": "string", "format": "date-time"},
        "port": {"x-kubernetes-int-or-string": True},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "either": {
            "type": "object",
            "properties": {"x": {"type": "string"}, "y": {"type": "string"}},
            "oneOf": [{"required": ["x"]}, {"required": ["y"]}],
        },
        "steps": {
            "type": "array",
            "minItems": 1,
            "maxItems": 2,
            "items": {
                "type": "object",
                "required": ["weight"],
                "properties": {"weight": {"type": "integer"}, "wait": {"type": "boolean", "default": True}},
            },
        },
        "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
    },
}
STATUS: JsonObject = {
    "type": "object",
    "properties": {
        "phase": {"type": "string"},
        "replicas": {"type": "integer"},
        "conditions": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["type"],
                "properties": {"type": {"type": "string"}, "status": {"type": "string"}},
            },
        },
    },
}
COLUMNS = [
    {"name": "Phase", "type": "string", "jsonPath": ".status.phase"},
    {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
    {"name": "Ready", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].status'},
    {"name": "Since", "type": "date", "jsonPath": ".spec.since", "priority": 1},
]


def definition(group: str) -> JsonObject:
    """Widgets: v1 is stored; v1beta1 is served beside it, without notes; v1alpha1 is not served any more."""
    schema = {"type": "object", "required": ["spec"], "properties": {"spec": SPEC, "status": STATUS}}
    scale = {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}
    version: JsonObject = {
        "storage": False,
        "served": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}, "scale": scale},
        "additionalPrinterColumns": COLUMNS,
    }
    older = edit(version, {"schema.openAPIV3Schema.properties.spec.properties.note": REMOVED})
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"widgets.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": "widgets", "kind": "Widget", "shortNames": ["wd"]},
            "versions": [
                copy.deepcopy({**version, "name": "v1", "storage": True}),
                {**older, "name": "v1beta1"},
                copy.deepcopy({**version, "name": "v1alpha1", "served": False}),
            ],
        },
    }


@pytest.fixture(scope="module")
def group(cluster: Cluster) -> Iterator[str]:
    """The API group of a CRD of this module alone."""
    wire, name = Wire(cluster), f"g{secrets.token_hex(3)}.test.serin.dev"
    made = wire.post(CRDS, definition(name))
    assert made.code == 201, made.body
    eventually("the CRD is served", lambda: wire.get(f"/apis/{name}/v1/widgets").code == 200)
    yield name
    wire.delete(f"{CRDS}/widgets.{name}")


@pytest.fixture
def wire(cluster: Cluster) -> Wire:
    return Wire(cluster)


@pytest.fixture
def widgets(group: str, namespace: str) -> str:
    return f"/apis/{group}/v1/namespaces/{namespace}/widgets"


@pytest.fixture
def widget(group: str) -> JsonObject:
    return {"apiVersion": f"{group}/v1", "kind": "Widget", "metadata": {"name": "a"}, "spec": {"size": 3}}


def mistyped(actual: str, wanted: str) -> str:
    return f'Invalid value: "{actual}": FIELD in body must be of type {wanted}: "{actual}"'


class TestSchemas:
    def test_defaults_are_filled_in_and_unknown_fields_pruned(
        self, wire: Wire, widgets: str, widget: JsonObject
    ) -> None:
        changes = {
            "metadata.bogus": 1,
            "bogus": 1,
            "spec.bogus": 1,
            "spec.free": {"any": {"thing": [None]}},
            "spec.steps": [{"weight": 5, "bogus": 1}],
            "spec.labels": {"a": "b"},
            "spec.port": "http",
            "status": {"phase": "Done"},
        }
        made = wire.post(widgets, edit(widget, changes))
        assert made.code == 201
        assert made.body["spec"] == {
            "size": 3,
            "interval": "1m",
            "free": {"any": {"thing": [None]}},
            "steps": [{"weight": 5, "wait": True}],
            "labels": {"a": "b"},
            "port": "http",
        }
        assert not {"bogus", "status"} & set(made.body)
        told = " ".join(made.warnings)
        assert all(f'\\"{path}\\"' in told for path in ("metadata.bogus", "bogus", "spec.bogus", "spec.steps[0].bogus"))

    @pytest.mark.parametrize(
        ("validation", "code", "warnings"), [("Strict", 400, 0), ("Warn", 201, 1), ("Ignore", 201, 0)]
    )
    def test_unknown_fields_are_refused_told_or_dropped(
        self, wire: Wire, widgets: str, widget: JsonObject, validation: str, code: int, warnings: int
    ) -> None:
        answer = wire.post(widgets, edit(widget, {"spec.bogus": 1}), fieldValidation=validation)
        assert (answer.code, len(answer.warnings)) == (code, warnings)

    def test_nulls_give_way_to_defaults_or_vanish_unless_allowed(
        self, wire: Wire, widgets: str, widget: JsonObject
    ) -> None:
        changes = {"spec.interval": None, "spec.name": None, "spec.note": None}
        assert wire.post(widgets, edit(widget, changes)).body["spec"] == {"size": 3, "interval": "1m", "note": None}

    @pytest.mark.parametrize(
        ("field", "value", "said"),
        [
            ("size", REMOVED, "Required value"),
            ("size", 0, "Invalid value: 0: FIELD in body should be greater than or equal to 1"),
            ("size", 10, "Invalid value: 10: FIELD in body should be less than or equal to 9"),
            ("size", "3", mistyped("string", "integer")),
            ("size", 2.5, mistyped("number", "integer")),
            ("share", 0.7, "Invalid value: 0.7: FIELD in body should be a multiple of 0.5"),
            ("name", "a", 'Invalid value: "a": FIELD in body should be at least 2 chars long'),
            ("name", "abcde", "Too long: may not be more than 4 bytes"),
            ("interval", "1h", "Invalid value: \"1h\": FIELD in body should match '^[0-9]+(m|s)$'"),
            ("interval", "1m\n", "Invalid value: \"1m\\n\": FIELD in body should match '^[0-9]+(m|s)$'"),
            ("colour", "green", 'Unsupported value: "green": supported values: "red", "blue"'),
            ("since", "now", mistyped("now", "date-time")),
            ("port", True, mistyped("boolean", "integer,string")),
            ("free", [], mistyped("array", "object")),
            ("labels.a", 1, mistyped("integer", "string")),
            ("steps", [], "Invalid value: 0: FIELD in body should have at least 1 items"),
            ("steps", [{"weight": 1}] * 3, "Too many: 3: must have at most 2 items"),
            ("steps[0].weight", REMOVED, "Required value"),
            ("tags[1]", "x", 'Duplicate value: "x"'),
        ],
    )
    def test_an_invalid_field_is_named_and_told_what_it_should_be(
        self, wire: Wire, widgets: str, widget: JsonObject, field: str, value: Any, said: str
    ) -> None:
        path = f"spec.{field}"
        valid = edit(widget, {"spec.steps": [{"weight": 1}], "spec.tags": ["x", "y"]})
        answer = wire.post(widgets, edit(valid, {path: value}))
        assert (answer.code, answer.body["reason"]) == (422, "Invalid")
        assert answer.sentences == {f"{path}: {said.replace('FIELD', path)}"}
        assert answer.body["details"]["kind"] == "Widget"

    def test_alternatives_exclude_each_other(self, wire: Wire, widgets: str, widget: JsonObject) -> None:
        said = '"spec.either" must validate one and only one schema (oneOf). Found 2 valid alternatives'
        answer = wire.post(widgets, edit(widget, {"spec.either": {"x": "1", "y": "2"}}))
        assert answer.sentences == {f'<nil>: Invalid value: "": {said}'}
        assert wire.post(widgets, edit(widget, {"spec.either": {"x": "1"}})).code == 201

    def test_every_problem_is_named(self, wire: Wire, widgets: str, widget: JsonObject) -> None:
        answer = wire.post(widgets, edit(widget, {"spec.size": 0, "spec.colour": "green", "metadata.name": "A_"}))
        assert {field for field, _ in answer.causes} == {"spec.size", "spec.colour", "metadata.name"}

    def test_a_whole_number_may_be_written_with_a_point(self, wire: Wire, widgets: str, widget: JsonObject) -> None:
        made = wire.post(widgets, edit(widget, {"spec.size": 3.0, "spec.share": 1.5}))
        assert (made.code, str(made.body["spec"]["size"])) == (201, "3")

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"kind": REMOVED}, 400),
            ({"apiVersion": REMOVED}, 400),
            ({"kind": "Gadget"}, 422),
            ({"apiVersion": "x/v1"}, 400),
        ],
    )
    def test_an_object_has_to_say_what_it_is(
        self, wire: Wire, widgets: str, widget: JsonObject, changes: JsonObject, code: int
    ) -> None:
        assert wire.post(widgets, edit(widget, changes)).code == code

    def test_what_was_invalid_before_is_not_held_against_another_change(self, wire: Wire, namespace: str) -> None:
        group = f"r{secrets.token_hex(3)}.test.serin.dev"
        crd = definition(group)
        bounds = "spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.size.maximum"
        wire.post(CRDS, crd)
        path = f"/apis/{group}/v1/namespaces/{namespace}/widgets"
        eventually("the CRD is served", lambda: wire.get(path).code == 200)
        body = {"apiVersion": f"{group}/v1", "kind": "Widget", "metadata": {"name": "a"}, "spec": {"size": 9}}
        wire.post(path, body)
        change = [{"op": "replace", "path": "/" + bounds.replace("[0]", "/0").replace(".", "/"), "value": 5}]
        assert wire.patch(f"{CRDS}/widgets.{group}", change, JSON_PATCH).code == 200
        probe = edit(body, {"metadata.name": "b"})
        eventually("the new bound holds", lambda: wire.post(path, probe, dryRun="All").code == 422)
        assert wire.patch(f"{path}/a", {"spec": {"size": 8}}).code == 422
        assert wire.patch(f"{path}/a", {"spec": {"colour": "red"}}).code == 200
        wire.delete(f"{CRDS}/widgets.{group}")


class TestWrites:
    def test_an_update_needs_the_version_it_is_based_on(self, wire: Wire, widgets: str, widget: JsonObject) -> None:
        made = wire.post(widgets, widget).body
        blind = wire.put(f"{widgets}/a", widget)
        assert (blind.code, blind.body["reason"]) == (422, "Invalid")
        assert blind.sentences == {"metadata.resourceVersion: Invalid value: 0: must be specified for an update"}
        assert wire.put(f"{widgets}/a", edit(made, {"spec.size": 4})).code == 200
        stale = wire.put(f"{widgets}/a", edit(made, {"spec.size": 5}))
        assert (stale.code, stale.body["reason"]) == (409, "Conflict")
        assert stale.body["details"]["kind"] == "widgets"

    def test_a_strategic_patch_is_for_built_in_kinds(self, wire: Wire, widgets: str, widget: JsonObject) -> None:
        wire.post(widgets, widget)
        assert wire.patch(f"{widgets}/a", {"spec": {"size": 4}}, STRATEGIC).code == 415
        assert wire.patch(f"{widgets}/a", {"spec": {"size": 4}}).body["spec"]["size"] == 4
        change = [{"op": "test", "path": "/spec/size", "value": 4}, {"op": "replace", "path": "/spec/size", "value": 5}]
        assert wire.patch(f"{widgets}/a", change, JSON_PATCH).body["spec"]["size"] == 5

    def test_the_generation_counts_changes_of_the_spec(self, wire: Wire, widgets: str, widget: JsonObject) -> None:
        made = wire.post(widgets, widget)
        assert made.body["metadata"]["generation"] == 1
        steps: list[tuple[str, JsonObject, int]] = [
            ("", {"metadata": {"labels": {"x": "y"}, "annotations": {"x": "y"}}}, 1),
            ("/status", {"status": {"phase": "Done"}}, 1),
            ("", {"spec": {"size": 4}}, 2),
            ("", {"spec": {"size": 4}}, 2),
        ]
        for place, change, generation in steps:
            assert wire.patch(f"{widgets}/a{place}", change).body["metadata"]["generation"] == generation

    def test_an_equal_object_makes_no_version(self, wire: Wire, widgets: str, widget: JsonObject) -> None:
        made = wire.post(widgets, widget)
        assert wire.patch(f"{widgets}/a", {"spec": {"size": 3, "bogus": 1}}).version == made.version
        assert wire.put(f"{widgets}/a", made.body).version == made.version

    def test_status_and_the_rest_are_written_apart(self, wire: Wire, widgets: str, widget: JsonObject) -> None:
        made = wire.post(widgets, widget).body
        changes = {"spec.size": 4, "metadata.labels": {"x": "y"}, "status": {"phase": "Done", "bogus": 1}}
        of_status = wire.put(f"{widgets}/a/status", edit(made, changes)).body
        assert (of_status["status"], of_status["spec"]["size"]) == ({"phase": "Done"}, 3)
        assert "labels" not in of_status["metadata"]
        whole = wire.put(f"{widgets}/a", edit(of_status, {"spec.size": 5, "status.phase": "Undone"})).body
        assert (whole["status"], whole["spec"]["size"]) == ({"phase": "Done"}, 5)
        assert wire.get(f"{widgets}/a/status").body == whole

    def test_a_status_is_checked_alone(self, wire: Wire, widgets: str, widget: JsonObject) -> None:
        wire.post(widgets, widget)
        answer = wire.patch(f"{widgets}/a/status", {"status": {"phase": 5, "conditions": [{}]}})
        assert answer.sentences == {
            'status.phase: Invalid value: "integer": phase in body must be of type string: "integer"',
            "status.conditions[0].type: Required value",
        }

    def test_the_scale_is_where_the_definition_says(self, wire: Wire, widgets: str, widget: JsonObject) -> None:
        wire.post(widgets, edit(widget, {"spec.replicas": 2}))
        wire.patch(f"{widgets}/a/status", {"status": {"replicas": 1}})
        scale = wire.get(f"{widgets}/a/scale").body
        assert (scale["kind"], scale["spec"], scale["status"]) == ("Scale", {"replicas": 2}, {"replicas": 1})
        assert wire.patch(f"{widgets}/a/scale", {"spec": {"replicas": 5}}).body["spec"] == {"replicas": 5}
        assert wire.get(f"{widgets}/a").body["spec"]["replicas"] == 5


class TestDefinitions:
    def test_every_served_version_shows_the_same_objects(
        self, wire: Wire, group: str, widgets: str, widget: JsonObject
    ) -> None:
        made = wire.post(widgets, widget).body
        other = widgets.replace("/v1/", "/v1beta1/")
        assert wire.get(f"{other}/a").body == {**made, "apiVersion": f"{group}/v1beta1"}
        wire.patch(f"{other}/a", {"spec": {"size": 4}})
        assert wire.get(f"{widgets}/a").body["spec"]["size"] == 4
        assert [each["apiVersion"] for each in wire.get(other).body["items"]] == [f"{group}/v1beta1"]
        assert wire.get(widgets.replace("/v1/", "/v1alpha1/")).code == 404

    def test_a_version_shows_only_the_fields_that_it_has(self, wire: Wire, widgets: str, widget: JsonObject) -> None:
        wire.post(widgets, edit(widget, {"spec.note": "kept"}))
        assert "note" not in wire.get(f"{widgets.replace('/v1/', '/v1beta1/')}/a").body["spec"]
        assert wire.get(f"{widgets}/a").body["spec"]["note"] == "kept"

    def test_it_is_announced(self, wire: Wire, group: str) -> None:
        assert wire.get(f"/apis/{group}").body["preferredVersion"]["version"] == "v1"
        found = {each["name"]: each for each in wire.get(f"/apis/{group}/v1").body["resources"]}
        assert set(found) == {"widgets", "widgets/status", "widgets/scale"}
        assert (found["widgets"]["singularName"], found["widgets"]["shortNames"]) == ("widget", ["wd"])

    def test_columns_are_what_it_asks_for(self, wire: Wire, widgets: str, widget: JsonObject) -> None:
        wire.post(widgets, edit(widget, {"spec.since": "2020-01-01T00:00:00Z"}))
        ready = {"type": "Ready", "status": "True"}
        wire.patch(f"{widgets}/a/status", {"status": {"phase": "Done", "conditions": [ready]}})
        wire.post(widgets, edit(widget, {"metadata.name": "b"}))
        table = wire.get(widgets, accept=TABLE).body
        shown = [(column["name"], column["priority"]) for column in table["columnDefinitions"]]
        assert shown == [("Name", 0), ("Phase", 0), ("Size", 0), ("Ready", 0), ("Since", 1)]
        cells = [row["cells"] for row in table["rows"]]
        assert cells[0][:4] == ["a", "Done", 3, "True"]
        assert cells[0][4].endswith("d"), "a date is shown as an age"
        assert cells[1] == ["b", None, 3, None, None]

    def test_conditions_tell_when_it_is_established(self, wire: Wire, group: str) -> None:
        status = wire.get(f"{CRDS}/widgets.{group}").body["status"]
        assert {each["type"]: each["status"] for each in status["conditions"]} == {
            "NamesAccepted": "True",
            "Established": "True",
        }
        assert status["acceptedNames"]["listKind"] == "WidgetList"
        assert status["storedVersions"] == ["v1"]

    @pytest.mark.parametrize(
        ("changes", "fields"),
        [
            ({"metadata.name": "gadgets.other.dev"}, {"metadata.name"}),
            ({"spec.scope": "Universal"}, {"spec.scope"}),
            ({"spec.versions[0].schema": REMOVED}, {"spec.versions[0].schema.openAPIV3Schema"}),
            (
                {"spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.bad": {}},
                {"spec.versions[0].schema.openAPIV3Schema.properties[spec].properties[bad].type"},
            ),
            (
                {"spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.bad": {"type": "array"}},
                {"spec.versions[0].schema.openAPIV3Schema.properties[spec].properties[bad].items"},
            ),
            (
                {"spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.size.default": "many"},
                {"spec.versions[0].schema.openAPIV3Schema.properties[spec].properties[size].default"},
            ),
        ],
    )
    def test_a_broken_one_is_refused_by_field(self, wire: Wire, changes: dict[str, Any], fields: set[str]) -> None:
        answer = wire.post(CRDS, edit(definition("other.test.serin.dev"), changes), dryRun="All")
        assert answer.code == 422
        assert {field for field, _ in answer.causes} == fields

    def test_its_objects_go_with_it(self, wire: Wire, namespace: str) -> None:
        group = f"d{secrets.token_hex(3)}.test.serin.dev"
        wire.post(CRDS, definition(group))
        path = f"/apis/{group}/v1/namespaces/{namespace}/widgets"
        eventually("the CRD is served", lambda: wire.get(path).code == 200)
        wire.post(path, {"apiVersion": f"{group}/v1", "kind": "Widget", "metadata": {"name": "a"}, "spec": {"size": 1}})
        wire.delete(f"{CRDS}/widgets.{group}")
        eventually("the definition is gone", lambda: wire.get(f"{CRDS}/widgets.{group}").code == 404)
        eventually("it is not served any more", lambda: wire.get(path).code == 404)
