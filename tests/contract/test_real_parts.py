"""The real parts of the test suite are there, are what they say, and break and heal as the fault tests need."""

from __future__ import annotations

import time
from contextlib import ExitStack
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

import kubernetes
import pytest
from google.api_core.exceptions import AlreadyExists, FailedPrecondition, ServiceUnavailable
from google.cloud import firestore

from tests.support.api import Api, ApiDownError, ApiError
from tests.support.kubelet import READY, READY_AFTER
from tests.support.mesh import App, Mesh, measured_mesh
from tests.support.processes import answers
from tests.support.routes import NotUnderstoodError
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from shared.json_types import Json, JsonObject
    from tests.support.cluster import Cluster
    from tests.support.firestore import FirestoreEmulator
    from tests.support.prometheus import Prometheus
    from tests.support.real_cluster import RealCluster


def deployment(
    name: str, replicas: int = 1, annotations: Json | None = None, env: Mapping[str, str] = MappingProxyType({})
) -> JsonObject:
    """A Deployment whose pods are labelled ``app: NAME``."""
    container = {"name": "app", "image": "app:1", "env": [{"name": key, "value": value} for key, value in env.items()]}
    return {
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}, "annotations": annotations or {}},
                "spec": {"containers": [container]},
            },
        },
    }


def service(name: str, app: str) -> JsonObject:
    """A Service of the pods labelled ``app: APP``."""
    return {"metadata": {"name": name}, "spec": {"selector": {"app": app}, "ports": [{"port": 80}]}}


def virtual_service(primary: int, canary: int) -> JsonObject:
    """The VirtualService of podinfo with these weights."""
    weights = {"podinfo-primary": primary, "podinfo-canary": canary}
    route = [{"destination": {"host": host}, "weight": weight} for host, weight in weights.items()]
    return {
        "apiVersion": "networking.istio.io/v1beta1",
        "kind": "VirtualService",
        "metadata": {"name": "podinfo"},
        "spec": {"hosts": ["podinfo"], "http": [{"route": route}]},
    }


def deployments(namespace: str) -> str:
    return f"/apis/apps/v1/namespaces/{namespace}/deployments"


def pods(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/pods"


def names(cluster: Cluster, namespace: str) -> set[str]:
    """Of every pod."""
    return {pod["metadata"]["name"] for pod in cluster.api.items(pods(namespace))}


def virtual_services(namespace: str) -> str:
    return f"/apis/networking.istio.io/v1beta1/namespaces/{namespace}/virtualservices"


@pytest.fixture
def app(cluster: Cluster, namespace: str) -> App:
    """Podinfo as Flagger and Serin leave it: a canary that fails half its requests, a healthy primary, 100/0."""
    api = cluster.api
    api.create(deployments(namespace), deployment("podinfo", env={"FAULT_ERROR_RATE": "0.5"}))
    api.create(deployments(namespace), deployment("podinfo-primary"))
    services = {"podinfo": "podinfo-primary", "podinfo-primary": "podinfo-primary", "podinfo-canary": "podinfo"}
    for name, selected in services.items():
        api.create(f"/api/v1/namespaces/{namespace}/services", service(name, selected))
    api.create(virtual_services(namespace), virtual_service(100, 0))
    for name in ("podinfo", "podinfo-primary"):
        eventually(f"{name} is there", partial(cluster.rollout_complete, namespace, name))
    return App(cluster, namespace, "podinfo", "podinfo")


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
        prometheus.add_target(prometheus.url.removeprefix("http://"), {"team": "birds"})
        eventually("the target is up", lambda: prometheus.query('up{team="birds"} == 1'))

    def test_keeps_its_data_while_away(self, prometheus: Prometheus) -> None:
        eventually("something is scraped", lambda: prometheus.query("up"))
        before = prometheus.query("count_over_time(up[1h])")
        with prometheus.process.down(), pytest.raises(Exception, match="refused"):
            prometheus.query("up")
        after = prometheus.query("count_over_time(up[1h])")
        assert len(after) >= len(before) > 0


class TestMesh:
    def test_splits_and_fails_as_told_and_prometheus_sees_what_istio_would_report(
        self, app: App, mesh_of: Callable[[App], Mesh], prometheus: Prometheus
    ) -> None:
        mesh = mesh_of(app)
        with mesh.load(rate=200) as load:
            eventually("Prometheus sees traffic", lambda: counted(prometheus, app, "podinfo-primary"))
            assert counted(prometheus, app, "podinfo") == {}
            follow(app, mesh, primary=90, canary=10)
            before, since = load.traffic(), time.monotonic()
            eventually("some hundred requests are through", lambda: load.traffic().since(before).answered > 800)
            rate = load.traffic().since(before).answered / (time.monotonic() - since)
        answered = load.traffic().since(before)
        assert answered.lost == 0
        assert answered.workloads["podinfo"] / answered.answered == pytest.approx(0.10, abs=0.05)
        assert answered.statuses[500] / answered.workloads["podinfo"] == pytest.approx(0.5, abs=0.25)
        assert rate == pytest.approx(200, rel=0.25)
        everything = load.traffic()
        seen = eventually("Prometheus has every request", lambda: all_of(prometheus, app, everything.asked))
        assert seen["podinfo-primary"] == {"200": everything.workloads["podinfo-primary"]}
        assert seen["podinfo"]["500"] == everything.statuses[500]

    def test_delay_shows_in_the_duration_histogram(
        self, app: App, mesh_of: Callable[[App], Mesh], prometheus: Prometheus
    ) -> None:
        change_template(app, "podinfo-primary", {"FAULT_DELAY": "300ms"})
        with mesh_of(app).load(rate=20) as load:
            eventually("a few answers", lambda: load.traffic().answered > 20)
            slowest = eventually("a 99th percentile", lambda: p99(prometheus, app, "podinfo-primary"))
        assert slowest > 250  # the lower bound of Envoy's bucket around 300 ms
        assert load.traffic().failed == 0

    def test_a_changed_template_works_from_the_pods_that_run_it(self, app: App, mesh_of: Callable[[App], Mesh]) -> None:
        mesh = mesh_of(app)
        with mesh.load() as load:
            eventually("answers", lambda: load.traffic().answered > 10)
            assert load.traffic().failed == 0
            change_template(app, "podinfo-primary", {"FAULT_ERROR_RATE": "1"}, annotations={READY: "false"})
            healthy = load.traffic()
            eventually("more answers", lambda: load.traffic().since(healthy).answered > 20)
            assert load.traffic().failed == 0  # the old pod serves as long as the new one is not ready
            change_template(app, "podinfo-primary", {"FAULT_ERROR_RATE": "1"}, annotations={READY: "true"})
            eventually("it fails", lambda: load.traffic().failed > 0)

    def test_a_side_without_ready_pods_gets_503_and_no_workload_is_charged(
        self, app: App, mesh_of: Callable[[App], Mesh], prometheus: Prometheus
    ) -> None:
        mesh = mesh_of(app)
        app.cluster.api.patch(f"{deployments(app.namespace)}/podinfo", {"spec": {"replicas": 0}})
        app.cluster.api.patch(f"{virtual_services(app.namespace)}/podinfo", virtual_service(50, 50))
        eventually("the canary's share goes to nobody", lambda: mesh.shares() == {"nobody": 50, "podinfo-primary": 50})
        with mesh.load(rate=100) as load:
            eventually("answers", lambda: load.traffic().answered > 100)
        answered = load.traffic()
        assert set(answered.statuses) == {200, 503}
        assert set(answered.workloads) == {"podinfo-primary", ""}
        eventually("it is scraped", lambda: counted(prometheus, app, "podinfo-primary"))
        assert counted(prometheus, app, "podinfo") == {}

    def test_honours_conditions_and_mirrors(
        self, app: App, mesh_of: Callable[[App], Mesh], prometheus: Prometheus
    ) -> None:
        mesh = mesh_of(app)
        cookie = {"regex": r"^(.*?;)?\s*(canary=always)(;.*)?$"}
        insiders = {"match": [{"headers": {"cookie": cookie}}], **to("podinfo-canary")}
        others = {**to("podinfo-primary"), "mirror": {"host": "podinfo-canary"}, "mirrorPercentage": {"value": 100}}
        with mesh.load(headers={"Cookie": "a=b; canary=always"}) as insider:
            eventually("answers", lambda: insider.traffic().answered > 20)
            set_rules(app, [insiders, others])
            eventually("the rule is in force", lambda: insider.traffic().workloads["podinfo"])
            before = insider.traffic()
            eventually("answers", lambda: insider.traffic().since(before).answered > 20)
        assert set(insider.traffic().since(before).workloads) == {"podinfo"}
        with mesh.load() as other:
            eventually("answers", lambda: other.traffic().answered > 20)
        assert set(other.traffic().workloads) == {"podinfo-primary"}
        both = insider.traffic().workloads["podinfo"] + other.traffic().asked
        eventually(
            "copies reached the canary",
            lambda: sum(counted(prometheus, app, "podinfo").values()) == both,
        )

    def test_keeps_its_routes_while_the_api_server_is_away(self, app: App, mesh_of: Callable[[App], Mesh]) -> None:
        mesh = mesh_of(app)
        with mesh.load() as load:
            with app.cluster.api_down():
                before = load.traffic()
                eventually("more answers", lambda: load.traffic().since(before).answered > 30)
            follow(app, mesh, primary=0, canary=100)
        assert load.traffic().lost == 0

    def test_requests_without_an_answer_count_as_lost(self, app: App, mesh_of: Callable[[App], Mesh]) -> None:
        mesh = mesh_of(app)
        with mesh.load() as load:
            eventually("answers", lambda: load.traffic().answered > 10)
            mesh.envoy.kill()
            eventually("losses", lambda: load.traffic().lost > 10)
        assert load.traffic().asked == load.traffic().answered + load.traffic().lost

    def test_says_what_it_does_not_understand(self, app: App, prometheus: Prometheus, tmp_path: Path) -> None:
        with ExitStack() as running:
            mesh = running.enter_context(measured_mesh(app, prometheus, tmp_path))
            set_rules(app, [{**to("podinfo-canary"), "corsPolicy": {}}])
            time.sleep(0.3)  # a few looks
            assert mesh.shares() == {"podinfo-primary": 100}
            with pytest.raises(NotUnderstoodError, match="corsPolicy"):
                running.close()


def to(host: str) -> JsonObject:
    """A rule's route to one host."""
    return {"route": [{"destination": {"host": host}, "weight": 100}]}


def set_rules(app: App, rules: list[JsonObject]) -> None:
    app.cluster.api.patch(f"{virtual_services(app.namespace)}/podinfo", {"spec": {"http": rules}})


def follow(app: App, mesh: Mesh, primary: int, canary: int) -> None:
    """Set the weights and wait until Envoy has them in force."""
    app.cluster.api.patch(f"{virtual_services(app.namespace)}/podinfo", virtual_service(primary, canary))
    weights = {"podinfo-primary": primary, "podinfo": canary}
    wanted = {workload: weight for workload, weight in weights.items() if weight}
    eventually("the mesh follows the VirtualService", lambda: mesh.shares() == wanted)


def change_template(app: App, name: str, env: dict[str, str], annotations: Json | None = None) -> None:
    """Start a rollout; wait for its end unless its pods are told not to get ready."""
    template = deployment(name, annotations=annotations, env=env)["spec"]["template"]
    app.cluster.api.patch(f"{deployments(app.namespace)}/{name}", {"spec": {"template": template}})
    if (annotations or {}).get(READY) != "false":
        eventually("the new template is rolled out", lambda: app.cluster.rollout_complete(app.namespace, name))


def counted(prometheus: Prometheus, app: App, workload: str) -> dict[str, float]:
    """Requests that Istio's metric has for a workload, by response code."""
    labels = (
        f'reporter="destination",destination_workload_namespace="{app.namespace}",destination_workload="{workload}"'
    )
    return {
        sample.labels["response_code"]: sample.value for sample in prometheus.query(f"istio_requests_total{{{labels}}}")
    }


def all_of(prometheus: Prometheus, app: App, asked: int) -> dict[str, dict[str, float]] | None:
    """Both workloads' counts, when they sum up to what was asked."""
    counts = {workload: counted(prometheus, app, workload) for workload in app.workloads}
    return counts if sum(sum(codes.values()) for codes in counts.values()) == asked else None


def p99(prometheus: Prometheus, app: App, workload: str) -> float | None:
    """Milliseconds, once there is a rate."""
    buckets = f"sum(rate(istio_request_duration_milliseconds_bucket{{{labels_of(app, workload)}}}[5s])) by (le)"
    return next((sample.value for sample in prometheus.query(f"histogram_quantile(0.99, {buckets}) >= 0")), None)


def labels_of(app: App, workload: str) -> str:
    """The labels by which Istio's metrics name a workload, as PromQL has them."""
    return f'destination_workload_namespace="{app.namespace}",destination_workload="{workload}"'
