"""What the API server makes of the built-in kinds: defaults, one form for each amount, and what it refuses."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.paths import REMOVED, edit
from tests.support.wire import STRATEGIC, Wire, deployment

if TYPE_CHECKING:
    from shared.json_types import JsonObject
    from tests.support.cluster import Cluster

CONTAINER = "spec.template.spec.containers[0]"
RESOURCES = f"{CONTAINER}.resources"
ROLLING = "spec.strategy.rollingUpdate"


@pytest.fixture
def wire(cluster: Cluster) -> Wire:
    return Wire(cluster)


@pytest.fixture
def deployments(namespace: str) -> str:
    return f"/apis/apps/v1/namespaces/{namespace}/deployments"


@pytest.fixture
def services(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/services"


@pytest.fixture
def autoscalers(namespace: str) -> str:
    return f"/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers"


class TestDeployments:
    def test_a_small_one_is_completed(self, wire: Wire, deployments: str) -> None:
        ports = [{"containerPort": 80}]
        volumes = [{"name": "config", "configMap": {"name": "a"}}, {"name": "secret", "secret": {"secretName": "a"}}]
        probe = {"httpGet": {"port": 80}}
        body = edit(
            deployment("a"),
            {
                "spec.replicas": REMOVED,
                f"{CONTAINER}.ports": ports,
                f"{CONTAINER}.readinessProbe": probe,
                "spec.template.spec.volumes": volumes,
            },
        )
        spec = wire.post(deployments, body, dryRun="All").body["spec"]
        assert spec == {
            "replicas": 1,
            "selector": {"matchLabels": {"app": "a"}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
            "revisionHistoryLimit": 10,
            "progressDeadlineSeconds": 600,
            "template": {
                "metadata": {"labels": {"app": "a"}},
                "spec": {
                    "containers": [
                        {
                            "name": "app",
                            "image": "app:1",
                            "imagePullPolicy": "IfNotPresent",
                            "ports": [{"containerPort": 80, "protocol": "TCP"}],
                            "readinessProbe": {
                                "httpGet": {"port": 80, "path": "/", "scheme": "HTTP"},
                                "timeoutSeconds": 1,
                                "periodSeconds": 10,
                                "successThreshold": 1,
                                "failureThreshold": 3,
                            },
                            "resources": {},
                            "terminationMessagePath": "/dev/termination-log",
                            "terminationMessagePolicy": "File",
                        }
                    ],
                    "volumes": [
                        {"name": "config", "configMap": {"name": "a", "defaultMode": 420}},
                        {"name": "secret", "secret": {"secretName": "a", "defaultMode": 420}},
                    ],
                    "restartPolicy": "Always",
                    "dnsPolicy": "ClusterFirst",
                    "schedulerName": "default-scheduler",
                    "securityContext": {},
                    "terminationGracePeriodSeconds": 30,
                },
            },
        }

    @pytest.mark.parametrize(
        ("given", "kept"),
        [
            ("1000m", "1"),
            (0.5, "500m"),
            (2, "2"),
            ("1024Mi", "1Gi"),
            ("1.5Gi", "1536Mi"),
            ("1000", "1k"),
            ("0.1m", "1m"),
            ("1e3", "1e3"),
        ],
    )
    def test_an_amount_has_one_form(self, wire: Wire, deployments: str, given: Any, kept: str) -> None:
        body = edit(deployment("a"), {f"{CONTAINER}.resources": {"requests": {"memory": given}}})
        spec = wire.post(deployments, body, dryRun="All").body["spec"]["template"]["spec"]
        assert spec["containers"][0]["resources"] == {"requests": {"memory": kept}}

    @pytest.mark.parametrize(
        ("image", "policy"), [("a:1", "IfNotPresent"), ("a", "Always"), ("h:80/a:latest", "Always")]
    )
    def test_an_image_without_version_is_pulled_always(
        self, wire: Wire, deployments: str, image: str, policy: str
    ) -> None:
        body = edit(deployment("a"), {f"{CONTAINER}.image": image})
        spec = wire.post(deployments, body, dryRun="All").body["spec"]["template"]["spec"]
        assert spec["containers"][0]["imagePullPolicy"] == policy

    def test_what_is_empty_is_dropped_and_what_is_given_as_zero_is_kept(self, wire: Wire, deployments: str) -> None:
        empty: JsonObject = {"env": [], "args": None, "stdin": False, "securityContext": {}, "workingDir": ""}
        changes = {f"{CONTAINER}.{key}": value for key, value in empty.items()}
        spec = wire.post(deployments, edit(deployment("a"), changes), dryRun="All").body["spec"]
        container = spec["template"]["spec"]["containers"][0]
        assert spec["replicas"] == 0
        assert container["securityContext"] == {}
        assert not {"env", "args", "stdin", "workingDir"} & set(container)

    @pytest.mark.parametrize(
        ("changes", "fields"),
        [
            ({"spec.selector": REMOVED}, {"spec.selector", "spec.template.metadata.labels"}),
            ({"spec.selector": {}}, {"spec.selector"}),
            ({"spec.template.metadata.labels": {"app": "b"}}, {"spec.template.metadata.labels"}),
            ({"spec.template.spec.containers": []}, {"spec.template.spec.containers"}),
            ({"spec.replicas": -1}, {"spec.replicas"}),
            ({"spec.minReadySeconds": 601}, {"spec.progressDeadlineSeconds"}),
            ({"spec.strategy.type": "Blue"}, {"spec.strategy"}),
            ({ROLLING: {"maxSurge": 0, "maxUnavailable": 0}}, {f"{ROLLING}.maxUnavailable"}),
            ({"spec.template.spec.restartPolicy": "Never"}, {"spec.template.spec.restartPolicy"}),
            ({f"{CONTAINER}.name": "A_"}, {f"{CONTAINER}.name"}),
            ({f"{CONTAINER}.image": ""}, {f"{CONTAINER}.image"}),
            ({f"{CONTAINER}.ports": [{"containerPort": 0}]}, {f"{CONTAINER}.ports[0].containerPort"}),
            ({f"{CONTAINER}.env": [{"name": ""}]}, {f"{CONTAINER}.env[0].name"}),
            ({f"{CONTAINER}.volumeMounts": [{"name": "v", "mountPath": "/v"}]}, {f"{CONTAINER}.volumeMounts[0].name"}),
            ({RESOURCES: {"requests": {"cpu": 2}, "limits": {"cpu": 1}}}, {f"{RESOURCES}.requests"}),
            ({f"{CONTAINER}.livenessProbe": {}}, {f"{CONTAINER}.livenessProbe"}),
        ],
    )  # fmt: skip
    def test_nonsense_is_refused_by_field(
        self, wire: Wire, deployments: str, changes: JsonObject, fields: set[str]
    ) -> None:
        answer = wire.post(deployments, edit(deployment("a"), changes))
        assert answer.code == 422
        assert {field for field, _ in answer.causes} == fields

    def test_a_selector_is_for_ever(self, wire: Wire, deployments: str) -> None:
        wire.post(deployments, deployment("a"))
        labels = {"app": "a", "new": "yes"}
        change = {"spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}}}}
        answer = wire.patch(f"{deployments}/a", change)
        assert answer.code == 422
        assert answer.sentences == {
            'spec.selector: Invalid value: {"matchLabels":{"app":"a","new":"yes"}}: field is immutable'
        }

    @pytest.mark.parametrize("method", ["PUT", "PATCH"])
    def test_the_scale_is_a_view_of_the_replicas(self, wire: Wire, deployments: str, method: str) -> None:
        made = wire.post(deployments, deployment("a", paused=True))
        scale = wire.get(f"{deployments}/a/scale").body
        assert (scale["kind"], scale["apiVersion"]) == ("Scale", "autoscaling/v1")
        assert scale["metadata"]["uid"] == made.body["metadata"]["uid"]
        assert (scale["spec"], scale["status"]["selector"]) == ({}, "app=a")
        path, body = f"{deployments}/a/scale", {"metadata": {"name": "a"}, "spec": {"replicas": 3}}
        answer = wire.put(path, body) if method == "PUT" else wire.patch(path, {"spec": {"replicas": 3}})
        assert (answer.body["kind"], answer.body["spec"]) == ("Scale", {"replicas": 3})
        assert wire.get(f"{deployments}/a").body["spec"]["replicas"] == 3
        stale = edit(body, {"metadata.resourceVersion": "1"})
        assert wire.put(path, stale).code == 409
        assert wire.patch(path, {"spec": {"replicas": -1}}).code == 422


class TestServices:
    def service(self, **spec: Any) -> JsonObject:
        return {"metadata": {"name": "a"}, "spec": {"selector": {"app": "a"}, "ports": [{"port": 80}], **spec}}

    def test_one_gets_an_address_and_keeps_it(self, wire: Wire, services: str) -> None:
        spec = wire.post(services, self.service()).body["spec"]
        address = spec.pop("clusterIP")
        assert spec == {
            "clusterIPs": [address],
            "internalTrafficPolicy": "Cluster",
            "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack",
            "ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}],
            "selector": {"app": "a"},
            "sessionAffinity": "None",
            "type": "ClusterIP",
        }
        replaced = wire.put(f"{services}/a", self.service(ports=[{"port": 81}]))
        assert replaced.body["spec"]["clusterIP"] == address
        changed = wire.patch(f"{services}/a", {"spec": {"clusterIP": "None"}})
        assert (changed.code, {field for field, _ in changed.causes}) == (422, {"spec.clusterIPs[0]"})

    def test_two_have_two_addresses(self, wire: Wire, services: str) -> None:
        addresses = {
            wire.post(services, edit(self.service(), {"metadata.name": name})).body["spec"]["clusterIP"]
            for name in ("a", "b")
        }
        assert len(addresses) == 2
        taken = edit(self.service(clusterIP=addresses.pop()), {"metadata.name": "c"})
        assert {field for field, _ in wire.post(services, taken).causes} == {"spec.clusterIPs"}

    def test_a_headless_one_has_none(self, wire: Wire, services: str) -> None:
        spec = wire.post(services, self.service(clusterIP="None")).body["spec"]
        assert (spec["clusterIP"], spec["clusterIPs"]) == ("None", ["None"])

    def test_one_becomes_a_name_and_comes_back(self, wire: Wire, services: str) -> None:
        made = wire.post(services, self.service(type="NodePort")).body
        outside = {"type": "ExternalName", "externalName": "a.example.com", "sessionAffinity": "None"}
        kept = {"clusterIP": made["spec"]["clusterIP"], "clusterIPs": made["spec"]["clusterIPs"]}
        answer = wire.put(f"{services}/a", {**made, "spec": {**outside, **kept}})
        assert (answer.code, answer.body["spec"]) == (200, outside)
        headless = self.service(clusterIP="None")["spec"]
        back = wire.put(f"{services}/a", {**answer.body, "spec": headless}).body["spec"]
        assert (back["type"], back["clusterIP"], back["clusterIPs"]) == ("ClusterIP", "None", ["None"])

    def test_one_that_was_reached_from_outside_is_not_any_more(self, wire: Wire, services: str) -> None:
        made = wire.post(services, self.service(type="LoadBalancer", sessionAffinity="ClientIP")).body
        ports = [{key: value for key, value in port.items() if key != "nodePort"} for port in made["spec"]["ports"]]
        spec = wire.put(f"{services}/a", {**made, "spec": {**made["spec"], "type": "ClusterIP", "ports": ports}}).body[
            "spec"
        ]
        assert spec == {
            "clusterIP": made["spec"]["clusterIP"],
            "clusterIPs": made["spec"]["clusterIPs"],
            "internalTrafficPolicy": "Cluster",
            "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack",
            "ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}],
            "selector": {"app": "a"},
            "sessionAffinity": "ClientIP",
            "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 10800}},
            "type": "ClusterIP",
        }

    def test_ports_are_known_by_their_number(self, wire: Wire, services: str) -> None:
        wire.post(services, self.service(ports=[{"port": 80, "name": "web"}]))
        change = {"spec": {"ports": [{"port": 81, "name": "admin"}]}}
        ports = wire.patch(f"{services}/a", change, STRATEGIC).body["spec"]["ports"]
        assert {port["port"]: port["name"] for port in ports} == {80: "web", 81: "admin"}

    @pytest.mark.parametrize(
        ("changes", "fields"),
        [
            ({"spec.ports": REMOVED}, {"spec.ports"}),
            ({"spec.ports[0].port": 0}, {"spec.ports[0].port", "spec.ports[0].targetPort"}),
            ({"spec.ports": [{"port": 1}, {"port": 2}]}, {"spec.ports[0].name", "spec.ports[1].name"}),
            ({"spec.type": "Cloud"}, {"spec.type"}),
            ({"spec.ports[0].nodePort": 30001}, {"spec.ports[0].nodePort"}),
            ({"metadata.name": "1a"}, {"metadata.name"}),
        ],
    )
    def test_nonsense_is_refused_by_field(
        self, wire: Wire, services: str, changes: JsonObject, fields: set[str]
    ) -> None:
        answer = wire.post(services, edit(self.service(), changes))
        assert answer.code == 422
        assert {field for field, _ in answer.causes} == fields


class TestConfigs:
    def test_clear_text_becomes_the_data_of_a_secret(self, wire: Wire, namespace: str) -> None:
        path = f"/api/v1/namespaces/{namespace}/secrets"
        body = {"metadata": {"name": "a"}, "data": {"x": "b2xk", "y": "eQ=="}, "stringData": {"x": "new"}}
        made = wire.post(path, body).body
        assert made["data"] == {"x": base64.b64encode(b"new").decode(), "y": "eQ=="}
        assert ("stringData" in made, made["type"]) == (False, "Opaque")
        assert wire.patch(f"{path}/a", {"type": "other"}).causes == {("type", "FieldValueInvalid")}
        assert wire.post(path, {"metadata": {"name": "b"}, "data": {"x": "?"}}).code == 400

    @pytest.mark.parametrize("kind", ["configmaps", "secrets"])
    def test_a_sealed_one_does_not_change(self, wire: Wire, namespace: str, kind: str) -> None:
        path = f"/api/v1/namespaces/{namespace}/{kind}"
        wire.post(path, {"metadata": {"name": "a"}, "data": {"x": "eA=="}, "immutable": True})
        assert wire.patch(f"{path}/a", {"data": {"x": "eQ=="}}).causes == {("data", "FieldValueForbidden")}
        assert wire.patch(f"{path}/a", {"metadata": {"labels": {"x": "y"}}}).code == 200


class TestAutoscalers:
    def autoscaler(self, **spec: Any) -> JsonObject:
        target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "a"}
        return {"metadata": {"name": "a"}, "spec": {"scaleTargetRef": target, "maxReplicas": 3, **spec}}

    def test_a_small_one_is_completed(self, wire: Wire, autoscalers: str) -> None:
        spec = wire.post(autoscalers, self.autoscaler()).body["spec"]
        cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}
        assert (spec["minReplicas"], spec["metrics"]) == (1, [{"type": "Resource", "resource": cpu}])
        old = wire.get(autoscalers.replace("/v2/", "/v1/") + "/a").body
        assert (old["apiVersion"], old["spec"]["targetCPUUtilizationPercentage"]) == ("autoscaling/v1", 80)

    def test_behaviour_is_completed_where_there_is_some(self, wire: Wire, autoscalers: str) -> None:
        behaviour = {"scaleDown": {"stabilizationWindowSeconds": 5}}
        spec = wire.post(autoscalers, self.autoscaler(behavior=behaviour)).body["spec"]
        assert spec["behavior"]["scaleDown"]["selectPolicy"] == "Max"
        assert [policy["type"] for policy in spec["behavior"]["scaleUp"]["policies"]] == ["Pods", "Percent"]

    @pytest.mark.parametrize(
        ("changes", "fields"),
        [
            ({"spec.maxReplicas": 0}, {"spec.maxReplicas"}),
            ({"spec.minReplicas": 5}, {"spec.maxReplicas"}),
            ({"spec.scaleTargetRef.name": ""}, {"spec.scaleTargetRef.name"}),
            ({"spec.scaleTargetRef.apiVersion": "v1"}, {"spec.scaleTargetRef.apiVersion"}),
            ({"spec.metrics": [{"type": "Resource"}]}, {"spec.metrics[0].resource"}),
        ],
    )
    def test_nonsense_is_refused_by_field(
        self, wire: Wire, autoscalers: str, changes: JsonObject, fields: set[str]
    ) -> None:
        answer = wire.post(autoscalers, edit(self.autoscaler(), changes))
        assert answer.code == 422
        assert {field for field, _ in answer.causes} == fields
