"""Reading the Kubernetes API: lists, selectors, pages, watches, views, discovery, and the official client."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from kubernetes import client, watch

from infra.local.kubernetes.gotypes import type_names
from tests.support.paths import edit
from tests.support.waiting import eventually
from tests.support.wire import METADATA, METADATA_LIST, TABLE, Wire, config_map, deployment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.json_types import JsonObject
    from tests.support.cluster import Cluster


@pytest.fixture
def wire(cluster: Cluster) -> Wire:
    return Wire(cluster)


@pytest.fixture
def maps(wire: Wire, namespace: str) -> str:
    """The path of the ConfigMaps of a namespace that has three."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    for name, labels in (("a", {"tier": "web", "blue": ""}), ("b", {"tier": "data"}), ("c", {})):
        wire.post(path, config_map(name, labels))
    return path


def names(body: JsonObject) -> list[str]:
    return [each["metadata"]["name"] for each in body["items"] if each["metadata"]["name"] != "kube-root-ca.crt"]


class TestSelectors:
    @pytest.mark.parametrize(
        ("selector", "selected"),
        [
            ("", "abc"),
            ("tier=web", "a"),
            ("tier==web", "a"),
            ("tier!=web", "bc"),
            ("tier", "ab"),
            ("!tier", "c"),
            ("tier in (web, data)", "ab"),
            ("tier notin (web)", "bc"),
            ("tier,!blue", "b"),
            ("blue=", "a"),
            ("tier=web,tier=data", ""),
        ],
    )
    def test_labels_select(self, wire: Wire, maps: str, selector: str, selected: str) -> None:
        assert names(wire.get(maps, labelSelector=selector).body) == list(selected)

    @pytest.mark.parametrize(
        ("selector", "selected"), [("metadata.name=b", "b"), ("metadata.name!=b", "ac"), ("metadata.name=none", "")]
    )
    def test_names_select(self, wire: Wire, maps: str, selector: str, selected: str) -> None:
        assert names(wire.get(maps, fieldSelector=selector).body) == list(selected)

    def test_events_are_selected_by_what_they_are_about(self, wire: Wire, namespace: str) -> None:
        path = f"/api/v1/namespaces/{namespace}/events"
        for name, about in (("one", "a"), ("two", "b")):
            subject = {"kind": "Canary", "name": about, "namespace": namespace}
            answer = wire.post(path, {"metadata": {"name": name}, "involvedObject": subject, "reason": "Synced"})
            assert answer.code == 201
        selector = "involvedObject.kind=Canary,involvedObject.name=b,reason=Synced"
        assert names(wire.get(path, fieldSelector=selector).body) == ["two"]
        again = wire.get(f"/apis/events.k8s.io/v1/namespaces/{namespace}/events/two").body
        assert (again["regarding"]["name"], again["kind"]) == ("b", "Event")

    def test_an_event_belongs_to_the_namespace_of_its_subject(self, wire: Wire, namespace: str) -> None:
        event = {"metadata": {"name": "a"}, "involvedObject": {"namespace": "elsewhere"}}
        answer = wire.post(f"/api/v1/namespaces/{namespace}/events", event)
        assert answer.causes == {("involvedObject.namespace", "FieldValueInvalid")}


class TestLists:
    def test_a_list_has_a_version_and_says_its_kind_once(self, wire: Wire, maps: str) -> None:
        body = wire.get(maps).body
        assert (body["kind"], body["apiVersion"]) == ("ConfigMapList", "v1")
        assert all("kind" not in each and "apiVersion" not in each for each in body["items"])
        assert int(body["metadata"]["resourceVersion"]) >= max(
            int(each["metadata"]["resourceVersion"]) for each in body["items"]
        )

    def test_an_empty_list_is_a_list(self, wire: Wire, namespace: str) -> None:
        assert wire.get(f"/apis/apps/v1/namespaces/{namespace}/deployments").body["items"] == []

    def test_one_list_spans_all_namespaces(self, wire: Wire, cluster: Cluster, maps: str) -> None:
        other = cluster.create_namespace()
        wire.post(f"/api/v1/namespaces/{other}/configmaps", config_map("d", {"tier": "web"}))
        found = wire.get("/api/v1/configmaps", labelSelector="tier=web").body["items"]
        places = {(each["metadata"]["namespace"], each["metadata"]["name"]) for each in found}
        assert {(maps.split("/")[4], "a"), (other, "d")} <= places

    def test_pages_show_the_state_of_the_first_one(self, wire: Wire, maps: str) -> None:
        first = wire.get(maps, limit=2, labelSelector="!none").body
        assert names(first) == ["a", "b"]
        wire.post(maps, config_map("bb"))
        wire.delete(f"{maps}/c")
        token = first["metadata"]["continue"]
        second = wire.get(maps, limit=2, labelSelector="!none", **{"continue": token}).body
        assert names(second) == ["c"]
        assert not second["metadata"].get("continue")
        assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]

    def test_a_page_tells_how_many_are_left(self, wire: Wire, maps: str) -> None:
        assert wire.get(maps, limit=1).body["metadata"]["remainingItemCount"] >= 2
        assert "remainingItemCount" not in wire.get(maps, limit=1, labelSelector="tier").body["metadata"]

    def test_a_broken_token_is_a_bad_request(self, wire: Wire, maps: str) -> None:
        assert wire.get(maps, limit=1, **{"continue": "broken"}).code == 400


class TestWatches:
    def test_a_watch_tells_every_change_after_a_version(self, wire: Wire, maps: str) -> None:
        version = wire.get(maps).version
        wire.post(maps, config_map("d"))
        wire.patch(f"{maps}/d", {"data": {"x": "1"}})
        events = wire.watch(maps, resourceVersion=version)
        seen = [next(events), next(events)]
        deleted = wire.delete(f"{maps}/d")
        seen.append(next(events))
        events.close()
        assert [event["type"] for event in seen] == ["ADDED", "MODIFIED", "DELETED"]
        assert [event["object"]["metadata"]["name"] for event in seen] == ["d"] * 3
        assert seen[0]["object"]["kind"] == "ConfigMap"
        versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in seen]
        assert versions == sorted(set(versions))
        assert deleted.code == 200

    def test_a_watch_without_version_begins_with_what_is_there(self, wire: Wire, maps: str) -> None:
        events = wire.watch(maps, labelSelector="tier", timeoutSeconds=1)
        assert [(event["type"], event["object"]["metadata"]["name"]) for event in events] == [
            ("ADDED", "a"),
            ("ADDED", "b"),
        ]

    def test_objects_come_into_a_selection_and_leave_it(self, wire: Wire, maps: str) -> None:
        events = wire.watch(maps, resourceVersion=wire.get(maps).version, labelSelector="tier=web")
        for tier in ("web", "web2", None):
            wire.patch(f"{maps}/c", {"metadata": {"labels": {"tier": tier}}})
        wire.patch(f"{maps}/b", {"metadata": {"labels": {"tier": "web"}}})
        seen = [next(events) for _ in range(3)]
        events.close()
        assert [(event["type"], event["object"]["metadata"]["name"]) for event in seen] == [
            ("ADDED", "c"),
            ("DELETED", "c"),
            ("ADDED", "b"),
        ]

    def test_one_object_can_be_watched(self, wire: Wire, maps: str) -> None:
        events = wire.watch(maps, resourceVersion=wire.get(maps).version, fieldSelector="metadata.name=a")
        wire.patch(f"{maps}/b", {"data": {"x": "1"}})
        wire.patch(f"{maps}/a", {"data": {"x": "1"}})
        assert next(events)["object"]["metadata"]["name"] == "a"
        events.close()


class TestViews:
    def test_a_table_has_the_columns_that_kubectl_shows(self, wire: Wire, namespace: str) -> None:
        path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
        wire.post(path, deployment("a", paused=True))
        body = wire.get(path, accept=TABLE).body
        assert body["kind"] == "Table"
        shown = [column["name"] for column in body["columnDefinitions"] if not column["priority"]]
        assert shown == ["Name", "Ready", "Up-to-date", "Available", "Age"]
        assert body["rows"][0]["cells"][:4] == ["a", "0/0", 0, 0]
        assert body["rows"][0]["object"]["kind"] == "PartialObjectMetadata"

    def test_a_watched_table_has_headers_once(self, wire: Wire, maps: str) -> None:
        events = wire.watch(maps, accept=TABLE, labelSelector="tier", timeoutSeconds=1)
        tables = [event["object"] for event in events]
        assert [table["rows"][0]["cells"][0] for table in tables] == ["a", "b"]
        assert [bool(table.get("columnDefinitions")) for table in tables] == [True, False]

    def test_metadata_alone_is_enough_for_some(self, wire: Wire, maps: str) -> None:
        one = wire.get(f"{maps}/a", accept=METADATA).body
        assert (one["kind"], "data" in one, one["metadata"]["labels"]["tier"]) == (
            "PartialObjectMetadata",
            False,
            "web",
        )
        many = wire.get(maps, accept=METADATA_LIST, labelSelector="tier").body
        assert (many["kind"], names(many)) == ("PartialObjectMetadataList", ["a", "b"])


class TestDiscovery:
    @pytest.mark.parametrize(
        ("path", "resource", "kind", "short"),
        [
            ("/api/v1", "configmaps", "ConfigMap", "cm"),
            ("/api/v1", "services", "Service", "svc"),
            ("/apis/apps/v1", "deployments", "Deployment", "deploy"),
            ("/apis/autoscaling/v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", "hpa"),
        ],
    )
    def test_resources_are_announced(self, wire: Wire, path: str, resource: str, kind: str, short: str) -> None:
        body = wire.get(path).body
        found = next(each for each in body["resources"] if each["name"] == resource)
        assert (found["kind"], found["namespaced"], found["shortNames"]) == (kind, True, [short])
        assert {"create", "delete", "get", "list", "patch", "update", "watch"} <= set(found["verbs"])

    def test_scale_and_status_are_announced(self, wire: Wire) -> None:
        found = {each["name"]: each for each in wire.get("/apis/apps/v1").body["resources"]}
        assert found["deployments/scale"]["kind"] == "Scale"
        assert set(found["deployments/status"]["verbs"]) == {"get", "patch", "update"}

    def test_groups_name_their_preferred_version(self, wire: Wire) -> None:
        groups = {each["name"]: each for each in wire.get("/apis").body["groups"]}
        assert groups["apps"]["preferredVersion"] == {"groupVersion": "apps/v1", "version": "v1"}
        assert groups["autoscaling"]["preferredVersion"]["version"] == "v2"
        assert wire.get("/apis/nothing").code == 404

    @pytest.mark.parametrize(
        "version",
        [
            "api/v1",
            "apis/apiextensions.k8s.io/v1",
            "apis/apps/v1",
            "apis/autoscaling/v1",
            "apis/autoscaling/v2",
            "apis/events.k8s.io/v1",
        ],
    )
    def test_every_type_has_the_fields_that_the_embedded_cluster_knows(self, wire: Wire, version: str) -> None:
        schemas = wire.get(f"/openapi/v3/{version}").body["components"]["schemas"]
        known = {name: set(fields) for name, fields in type_names().items() if name in schemas}
        assert known
        assert {name: set(schemas[name].get("properties", {})) for name in known} == known

    def test_the_server_says_its_version_and_that_it_is_ready(self, wire: Wire) -> None:
        version = wire.get("/version").body
        assert (version["major"], version["minor"]) == ("1", "35")
        assert [wire.get(path).code for path in ("/readyz", "/healthz", "/livez")] == [200] * 3


@pytest.fixture
def official(cluster: Cluster) -> Iterator[client.ApiClient]:
    """The official client, as Serin uses it."""
    configuration = client.Configuration()
    configuration.host = cluster.url
    configuration.ssl_ca_cert = cluster.ca_file
    configuration.api_key = {"authorization": f"Bearer {cluster.token}"}
    with client.ApiClient(configuration) as made:
        yield made


def _seen(apps: Any, namespace: str) -> bool:
    status = apps.read_namespaced_deployment("a", namespace).status
    return any(each.reason == "NewReplicaSetAvailable" for each in status.conditions or [])


class TestOfficialClient:
    def test_typed_objects_make_the_round_trip(self, official: client.ApiClient, namespace: str) -> None:
        apps: Any = client.AppsV1Api(official)
        apps.create_namespaced_deployment(namespace, deployment("a"))
        eventually("the controller has seen it", lambda: _seen(apps, namespace))
        read = apps.read_namespaced_deployment("a", namespace)
        read.spec.template.spec.containers[0].image = "app:2"
        replaced = apps.replace_namespaced_deployment("a", namespace, read)
        assert replaced.spec.template.spec.containers[0].image == "app:2"
        assert replaced.metadata.resource_version != read.metadata.resource_version
        scaled = apps.patch_namespaced_deployment_scale("a", namespace, {"spec": {"replicas": 2}})
        assert scaled.spec.replicas == 2

    def test_an_error_carries_its_status(self, official: client.ApiClient, namespace: str) -> None:
        with pytest.raises(client.ApiException) as error:
            client.CoreV1Api(official).read_namespaced_config_map("none", namespace)
        assert (error.value.status, '"reason":"NotFound"' in str(error.value.body)) == (404, True)

    def test_a_watch_follows_an_object(self, official: client.ApiClient, wire: Wire, maps: str) -> None:
        core: Any = client.CoreV1Api(official)
        place = maps.split("/")[4]
        version = core.list_namespaced_config_map(place).metadata.resource_version
        threading.Timer(0.1, wire.patch, (f"{maps}/a", {"data": {"x": "1"}})).start()
        follow = watch.Watch()
        for event in follow.stream(
            core.list_namespaced_config_map, place, resource_version=version, timeout_seconds=10
        ):
            assert (event["type"], event["object"].data) == ("MODIFIED", {"x": "1"})
            follow.stop()


class TestAudit:
    def test_requests_are_counted_as_the_audit_log_has_them(self, cluster: Cluster, namespace: str) -> None:
        api, mark = cluster.api_of_serin, cluster.mark()
        path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
        api.create(path, deployment("a"))
        api.get(f"{path}/a")
        api.items(path)
        api.items("/apis/apps/v1/deployments", limit=1)
        api.patch(f"{path}/a/scale", {"spec": {"replicas": 1}})
        api.find(f"{path}/none")
        api.replace(f"{path}/a", edit(deployment("a"), {"metadata.labels": {"x": "y"}}))
        api.delete(f"{path}/a")
        seen = [
            (entry.verb, entry.resource, entry.subresource, entry.namespace, entry.name, entry.code)
            for entry in cluster.requests_by("serin", mark)
        ]
        assert seen == [
            ("create", "deployments", "", namespace, "a", 201),
            ("get", "deployments", "", namespace, "a", 200),
            ("list", "deployments", "", namespace, "", 200),
            ("list", "deployments", "", "", "", 200),
            ("patch", "deployments", "scale", namespace, "a", 200),
            ("get", "deployments", "", namespace, "none", 404),
            ("update", "deployments", "", namespace, "a", 200),
            ("delete", "deployments", "", namespace, "a", 200),
        ]
