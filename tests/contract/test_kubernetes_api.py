"""The verbs of the Kubernetes API, as the real server and the embedded one both have to do them.

What passes on both is a fact about Kubernetes that Serin may build on; what the embedded server does beside that is
nobody's to rely on. Reading, custom resources, workloads and kubectl have files of their own beside this one.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

import pytest

from tests.support.paths import edit
from tests.support.waiting import eventually
from tests.support.wire import APPLY, JSON_PATCH, STRATEGIC, Wire, config_map, deployment

if TYPE_CHECKING:
    from shared.json_types import JsonObject
    from tests.support.cluster import Cluster


@pytest.fixture
def wire(cluster: Cluster) -> Wire:
    return Wire(cluster)


@pytest.fixture
def maps(namespace: str) -> str:
    """The path of the ConfigMaps of the test's namespace."""
    return f"/api/v1/namespaces/{namespace}/configmaps"


@pytest.fixture
def deployments(namespace: str) -> str:
    return f"/apis/apps/v1/namespaces/{namespace}/deployments"


class TestCreate:
    def test_a_new_object_gets_its_identity_from_the_server(self, wire: Wire, maps: str, namespace: str) -> None:
        body = edit(config_map("a", x="1"), {"metadata.uid": "mine", "metadata.creationTimestamp": None})
        made = wire.post(maps, body)
        assert made.code == 201
        metadata = made.body["metadata"]
        assert (metadata["name"], metadata["namespace"]) == ("a", namespace)
        assert metadata["uid"] != "mine"
        assert "labels" not in metadata, "what is empty is not kept"
        assert datetime.datetime.fromisoformat(metadata["creationTimestamp"]).tzinfo is not None
        assert (made.body["kind"], made.body["apiVersion"], made.body["data"]) == ("ConfigMap", "v1", {"x": "1"})
        assert wire.get(f"{maps}/a").body == made.body

    def test_a_name_is_made_from_its_beginning(self, wire: Wire, maps: str) -> None:
        names = {wire.post(maps, {"metadata": {"generateName": "a-"}}).body["metadata"]["name"] for _ in range(2)}
        assert len(names) == 2
        assert all(name.startswith("a-") and len(name) == 7 for name in names)

    def test_an_object_is_made_once(self, wire: Wire, maps: str) -> None:
        wire.post(maps, config_map("a"))
        again = wire.post(maps, config_map("a"))
        assert (again.code, again.body["kind"], again.body["status"]) == (409, "Status", "Failure")
        assert (again.body["reason"], again.body["message"]) == ("AlreadyExists", 'configmaps "a" already exists')
        assert again.body["details"] == {"name": "a", "kind": "configmaps"}

    def test_nothing_is_made_in_a_namespace_that_does_not_exist(self, wire: Wire) -> None:
        answer = wire.post("/apis/apps/v1/namespaces/nowhere/deployments", deployment("a"))
        assert (answer.code, answer.body["message"]) == (404, 'namespaces "nowhere" not found')

    def test_the_namespace_of_the_path_counts(self, wire: Wire, maps: str) -> None:
        answer = wire.post(maps, edit(config_map("a"), {"metadata.namespace": "other"}))
        assert (answer.code, answer.body["reason"]) == (400, "BadRequest")

    def test_a_dry_run_checks_everything_and_stores_nothing(self, wire: Wire, maps: str) -> None:
        assert wire.post(maps, config_map("a"), dryRun="All").code == 201
        assert wire.get(f"{maps}/a").code == 404
        assert wire.post(maps, config_map("A_"), dryRun="All").code == 422

    @pytest.mark.parametrize(
        ("validation", "code", "warnings"),
        [("Strict", 400, 0), ("Warn", 201, 1), ("Ignore", 201, 0), ("Loud", 422, 0)],
    )
    def test_unknown_fields_are_refused_told_or_dropped(
        self, wire: Wire, deployments: str, validation: str, code: int, warnings: int
    ) -> None:
        body = edit(deployment("a"), {"spec.template.spec.containers[0].colour": "red"})
        answer = wire.post(deployments, body, fieldValidation=validation)
        assert (answer.code, len(answer.warnings)) == (code, warnings)
        assert all('unknown field \\"spec.template.spec.containers[0].colour\\"' in text for text in answer.warnings)
        if code == 201:
            assert "colour" not in answer.body["spec"]["template"]["spec"]["containers"][0]

    def test_yaml_is_read_too(self, wire: Wire, maps: str) -> None:
        answer = wire.send("POST", maps, "metadata: {name: a}\ndata: {x: '1'}", content_type="application/yaml")
        assert (answer.code, answer.body["data"]) == (201, {"x": "1"})


class TestRefusals:
    @pytest.mark.parametrize(
        ("method", "path", "code", "reason"),
        [
            ("GET", "/configmaps/none", 404, "NotFound"),
            ("DELETE", "/configmaps/none", 404, "NotFound"),
            ("GET", "/nothings", 404, "NotFound"),
            ("PUT", "/configmaps", 405, "MethodNotAllowed"),
            ("GET", "/configmaps?limit=many", 400, "BadRequest"),
            ("GET", "/configmaps?fieldSelector=data.x%3D1", 400, "BadRequest"),
            ("GET", "/configmaps?labelSelector=a+in", 400, "BadRequest"),
        ],
    )
    def test_every_refusal_is_a_status(
        self, wire: Wire, namespace: str, method: str, path: str, code: int, reason: str
    ) -> None:
        place, _, query = f"/api/v1/namespaces/{namespace}{path}".partition("?")
        answer = wire.send(method, place + (f"?{query}&" if query else ""))
        assert (answer.code, answer.body["kind"]) == (code, "Status")
        assert (answer.body["code"], answer.body["reason"]) == (code, reason)

    def test_a_missing_object_is_named_with_its_group(self, wire: Wire, deployments: str) -> None:
        assert wire.get(f"{deployments}/none").body["message"] == 'deployments.apps "none" not found'

    def test_media_types_that_cannot_be_read_or_sent_are_told(self, wire: Wire, maps: str) -> None:
        assert wire.send("POST", maps, "<a/>", content_type="application/xml").code == 415
        assert wire.get(maps, accept="text/html").code == 406

    @pytest.mark.parametrize(
        "text", ["", "{", "[]", '{"metadata": 5}', '{"metadata": {"name": "a"}, "data": {"x": 1}}']
    )
    def test_a_body_that_is_no_such_object_is_a_bad_request(self, wire: Wire, maps: str, text: str) -> None:
        assert wire.send("POST", maps, text).code == 400

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"metadata.name": "A_b"}, "metadata.name"),
            ({"metadata.name": ""}, "metadata.name"),
            ({"metadata.labels": {"a/b/c": "1"}}, "metadata.labels"),
            ({"metadata.labels": {"a": "-"}}, "metadata.labels"),
            ({"metadata.annotations": {"a": "x" * 2**18}}, "metadata.annotations"),
            ({"metadata.finalizers": ["unqualified"]}, "metadata.finalizers[0]"),
            ({"data": {"a/b": "1"}}, "data[a/b]"),
            ({"binaryData": {"x": "AA=="}}, "data[x]"),
        ],
    )
    def test_wrong_fields_are_named(self, wire: Wire, maps: str, changes: JsonObject, field: str) -> None:
        answer = wire.post(maps, edit(config_map("a", x="1"), changes))
        assert (answer.code, answer.body["reason"]) == (422, "Invalid")
        assert [place for place, _ in answer.causes] == [field]


class TestVersions:
    def test_every_change_makes_a_higher_version_and_an_equal_object_makes_none(self, wire: Wire, maps: str) -> None:
        first = wire.post(maps, config_map("a", x="1"))
        same = wire.put(f"{maps}/a", config_map("a", x="1"))
        unpatched = wire.patch(f"{maps}/a", {"data": {"x": "1", "y": None}})
        changed = wire.put(f"{maps}/a", config_map("a", x="2"))
        other = wire.post(maps, config_map("b"))
        assert first.version == same.version == unpatched.version
        assert int(first.version) < int(changed.version) < int(other.version)

    def test_a_stale_version_is_a_conflict(self, wire: Wire, maps: str) -> None:
        stale = wire.post(maps, config_map("a", x="1")).body
        wire.patch(f"{maps}/a", {"data": {"x": "2"}})
        answer = wire.put(f"{maps}/a", edit(stale, {"data.x": "3"}))
        assert (answer.code, answer.body["reason"]) == (409, "Conflict")
        assert answer.body["message"] == (
            'Operation cannot be fulfilled on configmaps "a": the object has been modified; '
            "please apply your changes to the latest version and try again"
        )
        assert answer.body["details"] == {"name": "a", "kind": "configmaps"}

    @pytest.mark.parametrize("kind", ["configmaps", "secrets", "services", "deployments", "horizontalpodautoscalers"])
    def test_built_in_kinds_take_an_update_without_version(self, wire: Wire, namespace: str, kind: str) -> None:
        path, body = built_in(namespace, kind)
        wire.post(path, body)
        answer = wire.put(f"{path}/a", edit(body, {"metadata.labels": {"x": "y"}}))
        assert (answer.code, answer.body["metadata"]["labels"]) == (200, {"x": "y"})

    def test_a_version_in_a_patch_is_a_condition(self, wire: Wire, maps: str) -> None:
        version = wire.post(maps, config_map("a", x="1")).version
        good = wire.patch(f"{maps}/a", {"metadata": {"resourceVersion": version}, "data": {"x": "2"}})
        stale = wire.patch(f"{maps}/a", {"metadata": {"resourceVersion": version}, "data": {"x": "3"}})
        assert (good.code, stale.code, stale.body["reason"]) == (200, 409, "Conflict")

    def test_another_uid_is_refused(self, wire: Wire, maps: str) -> None:
        wire.post(maps, config_map("a"))
        body = edit(config_map("a"), {"metadata.uid": "of-somebody-else"})
        assert wire.put(f"{maps}/a", body).code == 409
        assert wire.patch(f"{maps}/a", {"metadata": {"uid": "of-somebody-else"}}).code == 422

    def test_the_generation_of_a_deployment_counts_its_spec_and_its_annotations(
        self, wire: Wire, deployments: str
    ) -> None:
        wire.post(deployments, deployment("a", paused=True))
        path = f"{deployments}/a"

        def generation(change: JsonObject, place: str = path) -> int:
            return int(wire.patch(place, change).body["metadata"]["generation"])

        assert generation({"metadata": {"labels": {"x": "y"}}}) == 1
        assert generation({"status": {"replicas": 3}}) == 1
        assert generation({"status": {"replicas": 3}}, f"{path}/status") == 1
        assert generation({"spec": {"minReadySeconds": 1}}) == 2
        assert generation({"spec": {"minReadySeconds": 1}}) == 2
        assert generation({"metadata": {"annotations": {"x": "y"}}}) == 3

    def test_a_status_is_written_at_its_own_path_only(self, wire: Wire, deployments: str) -> None:
        wire.post(deployments, deployment("a", paused=True))
        path, condition = f"{deployments}/a", {"type": "Odd", "status": "True"}
        wire.patch(path, {"status": {"conditions": [condition]}})
        assert "Odd" not in conditions_of(wire, path)
        change = {"spec": {"replicas": 9}, "status": {"conditions": [condition]}}
        answer = wire.patch(f"{path}/status", change, STRATEGIC)
        assert answer.body["spec"]["replicas"] == 0
        assert "Odd" in [each["type"] for each in answer.body["status"]["conditions"]]


def conditions_of(wire: Wire, path: str) -> list[str]:
    return [each["type"] for each in wire.get(path).body["status"].get("conditions", [])]


def built_in(namespace: str, kind: str) -> tuple[str, JsonObject]:
    """The path of a built-in kind, and a small object of it."""
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "a"}
    roots = {"deployments": "/apis/apps/v1", "horizontalpodautoscalers": "/apis/autoscaling/v2"}
    bodies: dict[str, JsonObject] = {
        "configmaps": config_map("a"),
        "secrets": {"metadata": {"name": "a"}, "stringData": {"x": "1"}},
        "services": {"metadata": {"name": "a"}, "spec": {"ports": [{"port": 80}], "selector": {"app": "a"}}},
        "deployments": deployment("a"),
        "horizontalpodautoscalers": {"metadata": {"name": "a"}, "spec": {"scaleTargetRef": target, "maxReplicas": 2}},
    }
    return f"{roots.get(kind, '/api/v1')}/namespaces/{namespace}/{kind}", bodies[kind]


class TestPatches:
    def test_a_merge_patch_merges_objects_replaces_lists_and_removes_with_null(
        self, wire: Wire, deployments: str
    ) -> None:
        wire.post(deployments, edit(deployment("a"), {"metadata.labels": {"x": "1", "y": "2"}}))
        containers = [{"name": "other", "image": "other:1"}]
        change = {
            "metadata": {"labels": {"x": None, "z": "3"}},
            "spec": {"template": {"spec": {"containers": containers}}},
        }
        answer = wire.patch(f"{deployments}/a", change)
        assert answer.body["metadata"]["labels"] == {"y": "2", "z": "3"}
        assert [each["name"] for each in answer.body["spec"]["template"]["spec"]["containers"]] == ["other"]

    def test_a_strategic_patch_knows_what_names_the_members_of_a_list(self, wire: Wire, deployments: str) -> None:
        wire.post(deployments, deployment("a"))

        def containers(*changes: JsonObject) -> list[JsonObject]:
            change = {"spec": {"template": {"spec": {"containers": changes}}}}
            answer = wire.patch(f"{deployments}/a", change, STRATEGIC)
            assert answer.code == 200, answer.body
            found: list[JsonObject] = answer.body["spec"]["template"]["spec"]["containers"]
            return found

        ports = [{"containerPort": 80}, {"containerPort": 81, "name": "admin"}]
        merged = containers({"name": "app", "env": [{"name": "A", "value": "1"}], "ports": ports})
        assert (merged[0]["image"], merged[0]["env"]) == ("app:1", [{"name": "A", "value": "1"}])
        changed = containers(
            {"name": "app", "env": [{"name": "A", "$patch": "delete"}], "ports": [{"containerPort": 80, "name": "web"}]}
        )
        assert "env" not in changed[0]
        assert [port.get("name") for port in changed[0]["ports"]] == ["web", "admin"]
        assert [each["name"] for each in containers({"name": "side", "image": "side:1"})] == ["side", "app"]
        replaced = containers({"$patch": "replace"}, {"name": "new", "image": "new:1"})
        assert [each["name"] for each in replaced] == ["new"]

    def test_a_json_patch_does_all_or_nothing(self, wire: Wire, maps: str) -> None:
        first = wire.post(maps, config_map("a", x="1"))
        test = {"op": "test", "path": "/data/x", "value": "1"}
        fine = wire.patch(f"{maps}/a", [test, {"op": "add", "path": "/data/y", "value": "2"}], JSON_PATCH)
        assert fine.body["data"] == {"x": "1", "y": "2"}
        wrong = {"op": "test", "path": "/data/x", "value": "9"}
        bad = wire.patch(f"{maps}/a", [{"op": "remove", "path": "/data/y"}, wrong], JSON_PATCH)
        assert (bad.code, bad.body["reason"]) == (422, "Invalid")
        assert wire.get(f"{maps}/a").version == fine.version != first.version

    def test_a_patch_makes_no_object(self, wire: Wire, maps: str) -> None:
        assert wire.patch(f"{maps}/none", {"data": {"x": "1"}}).code == 404

    def test_a_patched_object_is_checked_like_any_other(self, wire: Wire, deployments: str) -> None:
        wire.post(deployments, deployment("a"))
        answer = wire.patch(f"{deployments}/a", {"spec": {"replicas": -1}})
        assert answer.causes == {("spec.replicas", "FieldValueInvalid")}
        untyped = wire.patch(f"{deployments}/a", {"spec": {"replicas": "many"}})
        assert (untyped.code, untyped.causes) == (422, {("patch", "FieldValueInvalid")})
        strict = wire.patch(f"{deployments}/a", {"spec": {"colour": 1}}, fieldValidation="Strict")
        assert (strict.code, 'unknown field "spec.colour"' in strict.body["message"]) == (422, True)

    def test_only_the_formats_of_patches_are_taken(self, wire: Wire, maps: str) -> None:
        wire.post(maps, config_map("a"))
        assert wire.patch(f"{maps}/a", {}, "application/json").code == 415

    def test_server_side_apply_is_done_properly_or_clearly_refused(
        self, wire: Wire, cluster: Cluster, maps: str
    ) -> None:
        body = {"apiVersion": "v1", "kind": "ConfigMap", **config_map("a", x="1")}
        answer = wire.patch(f"{maps}/a", body, APPLY, fieldManager="test")
        assert (answer.code, answer.body["kind"]) == {"real": (201, "ConfigMap"), "embedded": (415, "Status")}[
            cluster.kind
        ]


class TestDelete:
    def test_a_deleted_object_is_gone(self, wire: Wire, maps: str) -> None:
        uid = wire.post(maps, config_map("a")).body["metadata"]["uid"]
        answer = wire.delete(f"{maps}/a")
        assert (answer.code, answer.body["kind"], answer.body["status"]) == (200, "Status", "Success")
        assert answer.body["details"] == {"name": "a", "kind": "configmaps", "uid": uid}
        assert wire.get(f"{maps}/a").code == 404

    @pytest.mark.parametrize("condition", ["uid", "resourceVersion"])
    def test_conditions_protect_from_deleting_another(self, wire: Wire, maps: str, condition: str) -> None:
        metadata = wire.post(maps, config_map("a")).body["metadata"]
        stale = wire.delete(f"{maps}/a", {"preconditions": {condition: "1"}})
        assert (stale.code, stale.body["reason"]) == (409, "Conflict")
        assert wire.delete(f"{maps}/a", {"preconditions": {condition: metadata[condition]}}).code == 200

    def test_finalizers_hold_an_object_until_they_are_gone(self, wire: Wire, maps: str) -> None:
        wire.post(maps, edit(config_map("a", x="1"), {"metadata.finalizers": ["test.serin.dev/hold"]}))
        path = f"{maps}/a"
        marked = wire.delete(path)
        assert (marked.code, marked.body["kind"]) == (200, "ConfigMap")
        assert "deletionTimestamp" in marked.body["metadata"]
        assert wire.delete(path).version == marked.version
        assert wire.patch(path, {"data": {"x": "2"}}).code == 200, "it lives on, and can be written"
        added = wire.patch(path, {"metadata": {"finalizers": ["test.serin.dev/hold", "test.serin.dev/more"]}})
        assert added.causes == {("metadata.finalizers", "FieldValueForbidden")}
        assert wire.patch(path, {"metadata": {"finalizers": None}}).code == 200
        assert wire.get(path).code == 404

    def test_a_collection_is_deleted_by_its_labels(self, wire: Wire, maps: str) -> None:
        for name, tier in (("a", "x"), ("b", "y"), ("c", "x")):
            wire.post(maps, config_map(name, {"tier": tier}))
        wire.send("DELETE", maps, query={"labelSelector": "tier=x"})
        left = wire.get(maps, labelSelector="tier").body
        assert names(left) == ["b"]

    @pytest.mark.parametrize("policy", ["Background", "Foreground"])
    def test_dependents_go_with_their_owner(self, wire: Wire, maps: str, policy: str) -> None:
        owner = wire.post(maps, config_map("owner")).body
        for name in ("a", "b"):
            wire.post(maps, owned(name, owner))
        wire.delete(f"{maps}/owner", {"propagationPolicy": policy})
        left = {"a", "b", "owner"}
        eventually("all three are gone", lambda: not left & set(names(wire.get(maps).body)))

    def test_orphans_stay_without_their_owner(self, wire: Wire, maps: str) -> None:
        owner = wire.post(maps, config_map("owner")).body
        wire.post(maps, owned("a", owner))
        wire.delete(f"{maps}/owner", {"propagationPolicy": "Orphan"})
        eventually("the owner is gone", lambda: wire.get(f"{maps}/owner").code == 404)
        assert "ownerReferences" not in wire.get(f"{maps}/a").body["metadata"]

    def test_one_living_owner_is_enough(self, wire: Wire, maps: str) -> None:
        first, second = (wire.post(maps, config_map(name)).body for name in ("first", "second"))
        references = [reference(owner) for owner in (first, second)]
        wire.post(maps, edit(config_map("a"), {"metadata.ownerReferences": references}))
        wire.delete(f"{maps}/first")

        def owners() -> list[str]:
            return [each["name"] for each in wire.get(f"{maps}/a").body["metadata"]["ownerReferences"]]

        eventually("the reference to the first is removed", lambda: owners() == ["second"])

    def test_a_namespace_takes_its_contents_with_it_and_takes_nothing_new(self, wire: Wire, cluster: Cluster) -> None:
        name = cluster.create_namespace()
        path = f"/api/v1/namespaces/{name}"
        wire.post(f"{path}/configmaps", edit(config_map("held"), {"metadata.finalizers": ["test.serin.dev/hold"]}))
        wire.delete(path)
        assert wire.get(path).body["status"]["phase"] == "Terminating"
        refused = wire.post(f"{path}/configmaps", config_map("late"))
        assert (refused.code, refused.body["details"]["causes"][0]["reason"]) == (403, "NamespaceTerminating")
        wire.patch(f"{path}/configmaps/held", {"metadata": {"finalizers": None}})
        eventually("the namespace is gone", lambda: wire.get(path).code == 404)


def names(body: JsonObject) -> list[str]:
    return [each["metadata"]["name"] for each in body["items"]]


def reference(owner: JsonObject) -> JsonObject:
    metadata = owner["metadata"]
    return {"apiVersion": "v1", "kind": "ConfigMap", "name": metadata["name"], "uid": metadata["uid"]}


def owned(name: str, owner: JsonObject) -> JsonObject:
    return edit(config_map(name), {"metadata.ownerReferences": [{**reference(owner), "blockOwnerDeletion": True}]})
