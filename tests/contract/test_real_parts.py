"""The real parts of the test suite are there, are what they say, and break and heal as the fault tests need."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import kubernetes
import pytest
from google.api_core.exceptions import AlreadyExists, FailedPrecondition, ServiceUnavailable
from google.cloud import firestore

from tests.support.api import Api, ApiDownError, ApiError
from tests.support.helm import HelmError
from tests.support.kubelet import READY, READY_AFTER
from tests.support.podinfo import deployment, deployments, pods, virtual_service, virtual_services
from tests.support.processes import answers
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.cluster import Cluster
    from tests.support.firestore import FirestoreEmulator
    from tests.support.helm import Helm
    from tests.support.prometheus import Prometheus
    from tests.support.real_cluster import RealCluster


def names(cluster: Cluster, namespace: str) -> set[str]:
    """Of every pod."""
    return {pod["metadata"]["name"] for pod in cluster.api.items(pods(namespace))}


class TestControlPlane:
    def test_is_kubernetes_1_35_and_soon_ready(self, real_cluster: RealCluster) -> None:
        assert real_cluster.api.get("/version")["minor"] == "35"
        assert real_cluster.api_server.seconds_to_ready < 20  # two to three on an idle machine of two cores

    def test_rolls_a_deployment_out_and_again(self, cluster: Cluster, namespace: str) -> None:
        cluster.api.create(deployments(namespace), deployment("podinfo", replicas=2))
        eventually("the rollout is complete", lambda: cluster.rollout_complete(namespace, "podinfo"))
        first = names(cluster, namespace)
        containers = [{"name": "app", "image": "app:2"}]
        change = {"spec": {"template": {"spec": {"containers": containers}}}}
        cluster.api.patch(f"{deployments(namespace)}/podinfo", change)
        eventually("the second rollout is complete", lambda: cluster.rollout_complete(namespace, "podinfo"))
        eventually("the first pods are gone", lambda: not first & names(cluster, namespace))
        assert len(first) == len(names(cluster, namespace)) == 2

    def test_removes_what_the_deployment_owns(self, real_cluster: RealCluster, real_namespace: str) -> None:
        api = real_cluster.api
        api.create(deployments(real_namespace), deployment("podinfo"))
        eventually("it rolls out", lambda: real_cluster.rollout_complete(real_namespace, "podinfo"))
        api.delete(f"{deployments(real_namespace)}/podinfo", propagationPolicy="Background")
        eventually("its pods are gone", lambda: not api.items(pods(real_namespace)))

    def test_kubelet_keeps_unready_pods_unready(self, cluster: Cluster, namespace: str) -> None:
        cluster.api.create(deployments(namespace), deployment("sick", annotations={READY: "false"}))
        cluster.api.create(deployments(namespace), deployment("well"))
        eventually("the healthy one is there", lambda: cluster.rollout_complete(namespace, "well"))
        sick = next(pod for pod in cluster.api.items(pods(namespace)) if pod["metadata"]["labels"]["app"] == "sick")
        path = f"{pods(namespace)}/{sick['metadata']['name']}"
        eventually("it runs", lambda: cluster.api.get(path)["status"]["phase"] == "Running")
        assert not cluster.rollout_complete(namespace, "sick")
        cluster.api.patch(path, {"metadata": {"annotations": {READY: "true"}}})
        eventually("it has recovered", lambda: cluster.rollout_complete(namespace, "sick"))

    def test_kubelet_makes_slow_pods_ready_late(self, cluster: Cluster, namespace: str) -> None:
        started = time.monotonic()
        cluster.api.create(deployments(namespace), deployment("slow", annotations={READY_AFTER: "1s"}))
        eventually("it is ready", lambda: cluster.rollout_complete(namespace, "slow"))
        assert time.monotonic() - started >= 1

    def test_counts_requests_by_user(self, cluster: Cluster, namespace: str) -> None:
        since = cluster.mark()
        cluster.api_of_serin.create(deployments(namespace), deployment("podinfo", replicas=0))
        cluster.api_of_serin.get(f"{deployments(namespace)}/podinfo")
        cluster.api_of_serin.patch(f"{deployments(namespace)}/podinfo/scale", {"spec": {"replicas": 1}})
        with pytest.raises(ApiError, match="404"):
            cluster.api_of_serin.get(f"{deployments(namespace)}/nothing")
        cluster.api_of_serin.get(f"/api/v1/namespaces/{namespace}/pods")
        cluster.api.get(f"{deployments(namespace)}/podinfo")
        counted = [
            (entry.verb, entry.resource, entry.subresource, entry.code) for entry in cluster.requests_by("serin", since)
        ]
        assert counted == [
            ("create", "deployments", "", 201),
            ("get", "deployments", "", 200),
            ("patch", "deployments", "scale", 200),
            ("get", "deployments", "", 404),
            ("list", "pods", "", 200),
        ]
        assert {entry.namespace for entry in cluster.requests_by("serin", since)} == {namespace}
        assert cluster.requests_by("serin", cluster.mark()) == []

    def test_refuses_strangers(self, real_cluster: RealCluster) -> None:
        stranger = Api(real_cluster.url, "wrong", real_cluster.ca_file)
        with pytest.raises(ApiError, match="401"):
            stranger.get("/api/v1/namespaces")

    def test_api_server_can_be_away_and_keeps_its_objects(self, cluster: Cluster, namespace: str) -> None:
        created = cluster.api.create(deployments(namespace), deployment("podinfo", replicas=2))
        since = cluster.mark()
        with cluster.api_down(), pytest.raises((ApiDownError, ApiError)):
            cluster.api_of_serin.get(f"{deployments(namespace)}/podinfo")
        found = cluster.api_of_serin.get(f"{deployments(namespace)}/podinfo")
        assert found["metadata"]["uid"] == created["metadata"]["uid"]
        assert [entry.code for entry in cluster.requests_by("serin", since)][-1] == 200
        eventually("controllers work again", lambda: cluster.rollout_complete(namespace, "podinfo"))

    def test_api_server_can_hang(self, real_cluster: RealCluster) -> None:
        with real_cluster.api_server.frozen():
            assert not answers(f"{real_cluster.url}/readyz")
        assert real_cluster.api.get("/version")["minor"] == "35"

    def test_serves_every_version_of_istio(self, cluster: Cluster, namespace: str) -> None:
        cluster.api.create(virtual_services(namespace), virtual_service(90, 10))
        for version in ("v1", "v1alpha3"):
            path = virtual_services(namespace).replace("v1beta1", version)
            found = cluster.api.get(f"{path}/podinfo")
            assert found["apiVersion"] == f"networking.istio.io/{version}"
            assert found["spec"] == virtual_service(90, 10)["spec"]

    def test_kubeconfig_has_both_users(self, cluster: Cluster) -> None:
        for user in ("admin", "serin"):
            since = cluster.mark()
            client = kubernetes_client(cluster.kubeconfig, user)
            assert kubernetes.client.CoreV1Api(client).list_namespace().items
            assert [entry.resource for entry in cluster.requests_by(user, since)] == ["namespaces"]


def kubernetes_client(kubeconfig: Path, user: str) -> kubernetes.client.ApiClient:
    build: Callable[..., kubernetes.client.ApiClient] = kubernetes.config.new_client_from_config
    return build(str(kubeconfig), context=user)


class TestFirestore:
    @pytest.fixture
    def client(
        self, firestore_emulator: str, firestore_project: str, monkeypatch: pytest.MonkeyPatch
    ) -> firestore.Client:
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", firestore_emulator)
        return firestore.Client(project=firestore_project)

    def test_is_soon_ready(self, firestore_server: FirestoreEmulator) -> None:
        assert firestore_server.process.seconds_to_ready < 15  # one to two on an idle machine of two cores

    def test_compares_and_sets(self, client: firestore.Client) -> None:
        document = client.document("rollouts/podinfo")
        created = document.create({"weight": 0})
        with pytest.raises(AlreadyExists):
            document.create({"weight": 0})
        document.update({"weight": 10}, option=client.write_option(last_update_time=created.update_time))
        with pytest.raises(FailedPrecondition):
            document.update({"weight": 20}, option=client.write_option(last_update_time=created.update_time))
        assert document.get().to_dict() == {"weight": 10}

    def test_a_batch_with_one_stale_condition_writes_nothing(self, client: firestore.Client) -> None:
        document = client.document("rollouts/podinfo")
        stale = document.create({"weight": 0}).update_time
        document.set({"weight": 10})
        batch = client.batch()
        batch.create(client.document("rollouts/podinfo/events/1"), {"text": "advance"})
        batch.update(document, {"weight": 20}, option=client.write_option(last_update_time=stale))
        with pytest.raises(FailedPrecondition):
            batch.commit()
        assert not client.document("rollouts/podinfo/events/1").get().exists

    def test_projects_share_nothing(self, client: firestore.Client) -> None:
        assert not client.document("rollouts/podinfo").get().exists

    def test_is_refused_while_down_and_serves_again(
        self, client: firestore.Client, firestore_server: FirestoreEmulator
    ) -> None:
        client.document("rollouts/podinfo").set({"weight": 0})
        with firestore_server.process.down(), pytest.raises(ServiceUnavailable):
            client.document("rollouts/podinfo").get(timeout=2, retry=None)
        client.document("rollouts/podinfo").set({"weight": 10})


class TestPrometheus:
    def test_answers_and_refuses(self, prometheus: Prometheus) -> None:
        assert [sample.value for sample in prometheus.query("vector(42)")] == [42]
        assert [sample.value for sample in prometheus.query("42")] == [42]
        assert prometheus.query("nothing_of_this_name") == []
        with pytest.raises(RuntimeError, match="parse error"):
            prometheus.query("sum(")

    def test_scrapes_a_target_that_is_added(self, prometheus: Prometheus) -> None:
        with prometheus.scraping(prometheus.url.removeprefix("http://"), {"team": "birds"}):
            eventually("the target is up", lambda: prometheus.query('up{team="birds"} == 1'))

    def test_keeps_its_data_while_away(self, prometheus: Prometheus) -> None:
        eventually("something is scraped", lambda: prometheus.query("up"))
        before = prometheus.query("count_over_time(up[1h])")
        with prometheus.process.down(), pytest.raises(Exception, match="refused"):
            prometheus.query("up")
        after = prometheus.query("count_over_time(up[1h])")
        assert len(after) >= len(before) > 0


class TestHelm:
    def test_renders_a_chart_with_values(self, helm: Helm, tmp_path: Path) -> None:
        helm.run("create", str(tmp_path / "app"))
        rendered = helm.template("web", tmp_path / "app", "shop", {"replicaCount": 3})
        (deployment,) = [found for found in rendered if found["kind"] == "Deployment"]
        assert deployment["metadata"]["name"] == "web-app"
        assert deployment["spec"]["replicas"] == 3

    def test_says_what_is_wrong(self, helm: Helm, tmp_path: Path) -> None:
        with pytest.raises(HelmError, match=r"(?s)lint.*Chart.yaml"):
            helm.lint(tmp_path)
