"""DaemonSets on one node: what the API makes of them, and what their controller does, as Serin sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.paths import edit
from tests.support.waiting import eventually
from tests.support.wire import Wire, daemon_set

if TYPE_CHECKING:
    from shared.json_types import JsonObject
    from tests.support.cluster import Cluster

READY = "local.serin.dev/ready"
GENERATION = "deprecated.daemonset.template.generation"
NOWHERE = {"no-node": "has-this"}


class Agents:
    """One DaemonSet of a test."""

    def __init__(self, wire: Wire, namespace: str) -> None:
        self.wire = wire
        self.root = f"/apis/apps/v1/namespaces/{namespace}/daemonsets"
        self.path = f"{self.root}/a"
        self._pods = f"/api/v1/namespaces/{namespace}/pods"

    def create(self, changes: JsonObject | None = None) -> None:
        made = self.wire.post(self.root, edit(daemon_set("a"), changes or {}))
        assert made.code == 201, made.body

    def change(self, template: JsonObject) -> None:
        answer = self.wire.patch(self.path, {"spec": {"template": template}})
        assert answer.code == 200, answer.body

    def read(self) -> JsonObject:
        return self.wire.get(self.path).body

    def counts(self) -> dict[str, int]:
        """The status, once it is about the newest spec."""
        found = self.read()
        eventually(
            "the newest spec was seen",
            lambda: self.read().get("status", {}).get("observedGeneration") == found["metadata"]["generation"],
        )
        status: dict[str, int] = self.read()["status"]
        return {name: number for name, number in status.items() if name != "observedGeneration"}

    def pods(self) -> list[JsonObject]:
        found: list[JsonObject] = self.wire.get(self._pods, labelSelector="app=a").body["items"]
        return [each for each in found if "deletionTimestamp" not in each["metadata"]]

    def images(self) -> list[str]:
        return sorted(pod["spec"]["containers"][0]["image"] for pod in self.pods())


@pytest.fixture
def agents(cluster: Cluster, namespace: str) -> Agents:
    return Agents(Wire(cluster), namespace)


UP = {
    "currentNumberScheduled": 1,
    "desiredNumberScheduled": 1,
    "numberAvailable": 1,
    "numberMisscheduled": 0,
    "numberReady": 1,
    "updatedNumberScheduled": 1,
}
GONE = {"currentNumberScheduled": 0, "desiredNumberScheduled": 0, "numberMisscheduled": 0, "numberReady": 0}
NEWER = {"spec": {"containers": [{"name": "app", "image": "app:2"}]}}
NEWER_UNREADY = {**NEWER, "metadata": {"annotations": {READY: "false"}}}


def test_a_small_one_is_completed(agents: Agents) -> None:
    made = agents.wire.post(agents.root, daemon_set("a"), dryRun="All").body
    assert made["spec"]["updateStrategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0},
    }
    assert made["spec"]["revisionHistoryLimit"] == 10
    assert made["spec"]["template"]["spec"]["restartPolicy"] == "Always"
    assert (made["metadata"]["generation"], made["metadata"]["annotations"]) == (1, {GENERATION: "1"})
    assert made["status"] == GONE


def test_only_the_spec_makes_a_new_generation_and_only_the_template_one_of_its_own(agents: Agents) -> None:
    def generations(change: JsonObject) -> tuple[int, str]:
        metadata = agents.wire.patch(agents.path, change).body["metadata"]
        return metadata["generation"], metadata["annotations"][GENERATION]

    agents.create()
    assert generations({"metadata": {"labels": {"a": "b"}}}) == (1, "1")
    assert generations({"spec": {"minReadySeconds": 1}}) == (2, "1")
    assert generations({"spec": {"template": NEWER}}) == (3, "2")
    assert generations({"metadata": {"annotations": {GENERATION: "9"}}}) == (3, "2")


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"spec.selector": None}, {"spec.template.metadata.labels"}),
        ({"spec.selector.matchLabels": {"app": "b"}}, {"spec.template.metadata.labels"}),
        ({"spec.selector": {}}, {"spec.selector"}),
        ({"spec.template.spec.restartPolicy": "Never"}, {"spec.template.spec.restartPolicy"}),
        ({"spec.updateStrategy": {"type": "Never"}}, {"spec.updateStrategy"}),
        (
            {"spec.updateStrategy": {"rollingUpdate": {"maxUnavailable": 0}}},
            {"spec.updateStrategy.rollingUpdate.maxUnavailable"},
        ),
        (
            {"spec.updateStrategy": {"rollingUpdate": {"maxSurge": 1}}},
            {"spec.updateStrategy.rollingUpdate.maxSurge"},
        ),
        ({"spec.minReadySeconds": -1}, {"spec.minReadySeconds"}),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_field(agents: Agents, changes: JsonObject, fields: set[str]) -> None:
    answer = agents.wire.post(agents.root, edit(daemon_set("a"), changes))
    assert (answer.code, {cause["field"] for cause in answer.body["details"]["causes"]}) == (422, fields)


def test_a_selector_is_for_ever_and_there_is_no_scale(agents: Agents) -> None:
    agents.create()
    labels = {"app": "b"}
    change = {"spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}}}}
    assert agents.wire.patch(agents.path, change).code == 422
    assert agents.wire.get(f"{agents.path}/scale").code == 404


def test_the_node_gets_a_pod_that_says_which_template_it_has(agents: Agents) -> None:
    agents.create()
    eventually("the pod is available", lambda: agents.counts() == UP)
    (pod,) = agents.pods()
    assert {"app", "controller-revision-hash", "pod-template-generation"} == set(pod["metadata"]["labels"])
    assert pod["metadata"]["ownerReferences"][0]["kind"] == "DaemonSet"
    assert pod["spec"]["nodeName"]
    assert "node.kubernetes.io/not-ready" in {entry["key"] for entry in pod["spec"]["tolerations"]}


def test_a_label_that_no_node_has_takes_its_pods_away_and_without_it_they_come_again(agents: Agents) -> None:
    agents.create({"spec.template.spec.nodeSelector": {"kubernetes.io/os": "linux"}})
    eventually("the pod is available", lambda: agents.counts() == UP)
    agents.change({"spec": {"nodeSelector": NOWHERE}})
    eventually("the pod is gone", lambda: agents.counts() == GONE and not agents.pods())
    agents.change({"spec": {"nodeSelector": {"no-node": None}}})
    eventually("a pod is there again", lambda: agents.counts() == UP)
    assert agents.read()["spec"]["template"]["spec"]["nodeSelector"] == {"kubernetes.io/os": "linux"}


def test_a_selector_that_is_emptied_is_none(agents: Agents) -> None:
    agents.create({"spec.template.spec.nodeSelector": NOWHERE})
    agents.change({"spec": {"nodeSelector": {"no-node": None}}})
    assert "nodeSelector" not in agents.read()["spec"]["template"]["spec"]


def test_a_new_template_takes_the_old_pod_away_first(agents: Agents) -> None:
    agents.create()
    eventually("the pod is available", lambda: agents.counts() == UP)
    agents.change(NEWER_UNREADY)
    waiting = {**UP, "numberReady": 0, "numberUnavailable": 1}
    del waiting["numberAvailable"]
    eventually("the new pod is there, and not ready", lambda: agents.counts() == waiting)
    assert agents.images() == ["app:2"]


def test_with_a_surge_the_old_pod_stays_until_the_new_one_is_available(agents: Agents) -> None:
    agents.create({"spec.updateStrategy": {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}})
    eventually("the pod is available", lambda: agents.counts() == UP)
    agents.change(NEWER_UNREADY)
    eventually("both pods are there", lambda: agents.images() == ["app:1", "app:2"])
    agents.change({"metadata": {"annotations": {READY: None}}})
    eventually("only the new one is left", lambda: agents.images() == ["app:2"] and agents.counts() == UP)


def test_a_pod_that_is_replaced_by_hand_gets_the_new_template_only_then(agents: Agents) -> None:
    agents.create({"spec.updateStrategy": {"type": "OnDelete"}})
    eventually("the pod is available", lambda: agents.counts() == UP)
    agents.change(NEWER)
    eventually("the pod is an old one", lambda: "updatedNumberScheduled" not in agents.counts())
    assert agents.images() == ["app:1"]
    (pod,) = agents.pods()
    agents.wire.delete(f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}")
    eventually("its successor is new", lambda: agents.images() == ["app:2"] and agents.counts() == UP)


def test_its_pods_go_with_it(agents: Agents) -> None:
    agents.create()
    eventually("the pod is there", lambda: bool(agents.pods()))
    agents.wire.delete(agents.path)
    eventually("its pods are gone", lambda: not agents.pods())


def test_a_table_shows_what_kubectl_prints(agents: Agents) -> None:
    agents.create({"spec.template.spec.nodeSelector": NOWHERE})
    agents.counts()
    table = agents.wire.get(agents.path, accept="application/json;as=Table;v=v1;g=meta.k8s.io").body
    shown: dict[str, Any] = dict(
        zip((column["name"] for column in table["columnDefinitions"]), table["rows"][0]["cells"], strict=True)
    )
    del shown["Age"]
    assert shown == {
        "Name": "a",
        "Desired": 0,
        "Current": 0,
        "Ready": 0,
        "Up-to-date": 0,
        "Available": 0,
        "Node Selector": "no-node=has-this",
        "Containers": "app",
        "Images": "app:1",
        "Selector": "app=a",
    }
