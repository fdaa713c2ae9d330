"""Deployments that run: what the controllers and the kubelet of a cluster do, as Serin sees it in their status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.paths import edit
from tests.support.waiting import eventually
from tests.support.wire import STRATEGIC, Wire, deployment

if TYPE_CHECKING:
    from shared.json_types import JsonObject
    from tests.support.cluster import Cluster

READY, READY_AFTER = "local.serin.dev/ready", "local.serin.dev/ready-after"
REVISION = "deployment.kubernetes.io/revision"


class Workload:
    """One Deployment of a test."""

    def __init__(self, wire: Wire, namespace: str) -> None:
        self._wire = wire
        self._root = f"/apis/apps/v1/namespaces/{namespace}"
        self._pods = f"/api/v1/namespaces/{namespace}/pods"
        self.path = f"{self._root}/deployments/a"

    def create(self, annotations: dict[str, str] | None = None, **spec: Any) -> None:
        body = edit(deployment("a", **spec), {"spec.template.metadata.annotations": annotations or {}})
        made = self._wire.post(f"{self._root}/deployments", body)
        assert made.code == 201, made.body

    def change(self, image: str = "app:2", annotations: dict[str, str] | None = None, **spec: Any) -> JsonObject:
        """A new template, by the kind of patch that `kubectl set image` sends."""
        containers = [{"name": "app", "image": image}]
        template = {"metadata": {"annotations": annotations or {}}, "spec": {"containers": containers}}
        answer = self._wire.patch(self.path, {"spec": {"template": template, **spec}}, STRATEGIC)
        assert answer.code == 200, answer.body
        return answer.body

    def read(self) -> JsonObject:
        return self._wire.get(self.path).body

    def status(self) -> JsonObject:
        found: JsonObject = self.read().get("status", {})
        return found

    def condition(self, kind: str) -> tuple[str, str]:
        """Status and reason."""
        found = (each for each in self.status().get("conditions", []) if each["type"] == kind)
        return next(((each["status"], each["reason"]) for each in found), ("", ""))

    def complete(self) -> bool:
        found = self.read()
        counts = [found["status"].get(name, 0) for name in ("replicas", "updatedReplicas", "availableReplicas")]
        seen = found["status"].get("observedGeneration") == found["metadata"]["generation"]
        return seen and counts == [found["spec"]["replicas"]] * 3

    def sets(self) -> list[JsonObject]:
        """The ReplicaSets, the newest revision first."""
        found: list[JsonObject] = self._wire.get(f"{self._root}/replicasets").body["items"]
        return sorted(found, key=lambda each: -int(each["metadata"]["annotations"][REVISION]))

    def pods(self) -> list[JsonObject]:
        found: list[JsonObject] = self._wire.get(self._pods, labelSelector="app=a").body["items"]
        return [each for each in found if "deletionTimestamp" not in each["metadata"]]

    def heal_pods(self) -> None:
        """Lets all pods get ready, whatever their template says."""
        for pod in self.pods():
            name = pod["metadata"]["name"]
            self._wire.patch(f"{self._pods}/{name}", {"metadata": {"annotations": {READY: None}}})

    def delete(self) -> None:
        self._wire.delete(self.path)


@pytest.fixture
def workload(cluster: Cluster, namespace: str) -> Workload:
    return Workload(Wire(cluster), namespace)


def test_a_new_deployment_becomes_available(workload: Workload) -> None:
    workload.create(replicas=2)
    eventually("both pods are available", workload.complete)
    found = workload.read()
    assert found["metadata"]["annotations"] == {REVISION: "1"}
    status = found["status"]
    assert {name: status[name] for name in ("replicas", "readyReplicas", "availableReplicas", "updatedReplicas")} == {
        "replicas": 2,
        "readyReplicas": 2,
        "availableReplicas": 2,
        "updatedReplicas": 2,
    }
    assert status["observedGeneration"] == 1
    assert "unavailableReplicas" not in status
    assert workload.condition("Available") == ("True", "MinimumReplicasAvailable")
    eventually("progress has ended", lambda: workload.condition("Progressing") == ("True", "NewReplicaSetAvailable"))


def test_its_replica_set_and_pods_are_its_dependents(workload: Workload) -> None:
    workload.create(replicas=1)
    eventually("the pod is available", workload.complete)
    owner, replica_set, pod = workload.read(), workload.sets()[0], workload.pods()[0]
    name_hash = replica_set["metadata"]["labels"]["pod-template-hash"]
    assert replica_set["metadata"]["name"] == f"a-{name_hash}"
    assert replica_set["spec"]["selector"]["matchLabels"] == {"app": "a", "pod-template-hash": name_hash}
    assert pod["metadata"]["labels"] == {"app": "a", "pod-template-hash": name_hash}
    for dependent, kind, name in ((replica_set, "Deployment", "a"), (pod, "ReplicaSet", f"a-{name_hash}")):
        reference = dependent["metadata"]["ownerReferences"][0]
        assert (reference["kind"], reference["name"], reference["controller"]) == (kind, name, True)
    assert replica_set["metadata"]["ownerReferences"][0]["uid"] == owner["metadata"]["uid"]
    conditions = {each["type"]: each["status"] for each in pod["status"]["conditions"]}
    assert (pod["status"]["phase"], conditions["Ready"]) == ("Running", "True")
    workload.delete()
    eventually("they are collected", lambda: not workload.sets() and not workload.pods())


def test_a_new_template_rolls_within_its_limits(workload: Workload, cluster: Cluster, namespace: str) -> None:
    limits = {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    workload.create(replicas=3, strategy=limits)
    eventually("all pods are available", workload.complete)
    version = workload.change()["metadata"]["resourceVersion"]
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    for event in Wire(cluster).watch(path, resourceVersion=version, timeoutSeconds=20):
        status = event["object"]["status"]
        assert status.get("availableReplicas", 0) >= 3
        assert status["replicas"] <= 4
        if status["observedGeneration"] == 2 and status.get("updatedReplicas") == 3 == status["replicas"]:
            break
    eventually("the new template is everywhere", workload.complete)
    assert [each["spec"]["replicas"] for each in workload.sets()] == [3, 0]
    assert {pod["spec"]["containers"][0]["image"] for pod in workload.pods()} == {"app:2"}
    assert workload.read()["metadata"]["annotations"][REVISION] == "2"


def test_recreate_ends_the_old_before_it_begins_the_new(workload: Workload) -> None:
    workload.create(replicas=2, strategy={"type": "Recreate"})
    eventually("all pods are available", workload.complete)
    workload.change()
    eventually("the new template is everywhere", workload.complete)
    assert [each["spec"]["replicas"] for each in workload.sets()] == [2, 0]


def test_an_earlier_template_comes_back_as_a_new_revision(workload: Workload) -> None:
    workload.create(replicas=1)
    eventually("the first is available", workload.complete)
    first = workload.sets()[0]["metadata"]["name"]
    workload.change("app:2")
    eventually("the second is available", workload.complete)
    workload.change("app:1")
    eventually("the first is back", workload.complete)
    assert [each["metadata"]["annotations"][REVISION] for each in workload.sets()] == ["3", "2"]
    assert workload.sets()[0]["metadata"]["name"] == first


def test_the_same_template_again_rolls_nothing(workload: Workload) -> None:
    workload.create(replicas=1)
    eventually("it is available", workload.complete)
    pods = [pod["metadata"]["uid"] for pod in workload.pods()]
    workload.change("app:1", revisionHistoryLimit=5)
    eventually("the change is observed", workload.complete)
    assert (len(workload.sets()), [pod["metadata"]["uid"] for pod in workload.pods()]) == (1, pods)


def test_pods_that_do_not_get_ready_are_reported(workload: Workload) -> None:
    workload.create({READY: "false"}, replicas=1, progressDeadlineSeconds=1)
    eventually(
        "the deadline passes",
        lambda: workload.condition("Progressing") == ("False", "ProgressDeadlineExceeded"),
        seconds=15,
    )
    assert workload.condition("Available") == ("False", "MinimumReplicasUnavailable")
    status = workload.status()
    assert (status["replicas"], status["unavailableReplicas"]) == (1, 1)
    assert "readyReplicas" not in status


def test_a_bad_template_leaves_the_good_pods_alone(workload: Workload) -> None:
    workload.create(replicas=2)
    eventually("all pods are available", workload.complete)
    workload.change(annotations={READY: "false"})
    eventually("the new pods are there", lambda: workload.status().get("updatedReplicas") == 1)
    assert workload.status()["availableReplicas"] == 2
    assert workload.condition("Available") == ("True", "MinimumReplicasAvailable")
    assert not workload.complete()


def test_readiness_can_be_late(workload: Workload) -> None:
    workload.create({READY_AFTER: "1s"}, replicas=1)
    eventually("the pod runs", lambda: [pod["status"].get("phase") for pod in workload.pods()] == ["Running"])
    assert workload.status().get("readyReplicas", 0) == 0
    eventually("it is available", workload.complete)


def test_a_ready_pod_counts_as_available_only_after_a_while(workload: Workload) -> None:
    workload.create(replicas=1, minReadySeconds=2)
    eventually("it is ready", lambda: workload.status().get("readyReplicas") == 1)
    assert workload.status().get("availableReplicas", 0) == 0
    eventually("it is available", workload.complete)


def test_a_paused_deployment_does_not_roll_but_scales(workload: Workload) -> None:
    workload.create(replicas=1)
    eventually("it is available", workload.complete)
    workload.change(paused=True, replicas=2)
    eventually("it has scaled", lambda: workload.status().get("availableReplicas") == 2)
    assert len(workload.sets()) == 1
    assert workload.condition("Progressing") == ("Unknown", "DeploymentPaused")
    workload.change(paused=False)
    eventually("it has rolled", workload.complete)
    assert [each["spec"]["replicas"] for each in workload.sets()] == [2, 0]


def test_a_pause_holds_a_rollout_where_it_is(workload: Workload) -> None:
    workload.create(replicas=3)
    eventually("all pods are available", workload.complete)
    workload.change(annotations={READY: "false"})
    eventually("one new pod is there", lambda: workload.status().get("updatedReplicas") == 1)
    workload.change(annotations={READY: "false"}, paused=True)
    eventually("the pause is seen", lambda: workload.condition("Progressing") == ("Unknown", "DeploymentPaused"))
    workload.heal_pods()
    eventually("the new pod is available", lambda: workload.status().get("availableReplicas") == 4)
    generation = workload.change(annotations={READY: "false"}, revisionHistoryLimit=5)["metadata"]["generation"]
    eventually("a later change is seen", lambda: workload.status()["observedGeneration"] == generation)
    assert [each["spec"]["replicas"] for each in workload.sets()] == [1, 3]


def test_scaling_to_zero_and_back_keeps_the_revision(workload: Workload, cluster: Cluster) -> None:
    workload.create(replicas=2)
    eventually("it is available", workload.complete)
    wire = Wire(cluster)
    wire.patch(f"{workload.path}/scale", {"spec": {"replicas": 0}})
    eventually("no pod is left", lambda: not workload.pods() and workload.complete())
    assert "replicas" not in workload.status()
    wire.patch(f"{workload.path}/scale", {"spec": {"replicas": 1}})
    eventually("it is back", workload.complete)
    assert (len(workload.sets()), workload.read()["metadata"]["annotations"][REVISION]) == (1, "1")
    assert workload.condition("Progressing") == ("True", "NewReplicaSetAvailable")


def test_a_lost_pod_is_replaced(workload: Workload, cluster: Cluster, namespace: str) -> None:
    workload.create(replicas=1)
    eventually("it is available", workload.complete)
    lost = workload.pods()[0]["metadata"]["name"]
    Wire(cluster).delete(f"/api/v1/namespaces/{namespace}/pods/{lost}")
    eventually("there is another", lambda: [pod["metadata"]["name"] for pod in workload.pods()] not in ([], [lost]))
    eventually("it is available", workload.complete)


def test_old_revisions_are_forgotten(workload: Workload) -> None:
    workload.create(replicas=1, revisionHistoryLimit=1)
    for number in range(2, 5):
        eventually("it is available", workload.complete)
        workload.change(f"app:{number}")
    eventually("two revisions are left", lambda: len(workload.sets()) == 2)
    eventually("it is available", workload.complete)
