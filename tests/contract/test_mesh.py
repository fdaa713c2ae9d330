"""The mesh of the tests behaves as Istio would, or a Gateway, on both clusters: routes, failures, what is counted."""

from __future__ import annotations

import subprocess
import time
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

import pytest
import urllib3

from tests.support.envoy_routes import NotUnderstoodError
from tests.support.gateways import ROUTES
from tests.support.kubelet import READY
from tests.support.mesh import App, Mesh, measured_mesh
from tests.support.podinfo import deployment, deployments, service, virtual_service, virtual_services
from tests.support.services import Services
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from shared.json_types import Json, JsonObject
    from tests.support.cluster import Cluster
    from tests.support.prometheus import Prometheus


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


def test_splits_and_fails_as_told_and_prometheus_sees_what_istio_would_report(
    app: App, mesh_of: Callable[[App], Mesh], prometheus: Prometheus
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
    app: App, mesh_of: Callable[[App], Mesh], prometheus: Prometheus
) -> None:
    change_template(app, "podinfo-primary", {"FAULT_DELAY": "300ms"})
    with mesh_of(app).load(rate=20) as load:
        eventually("a few answers", lambda: load.traffic().answered > 20)
        slowest = eventually("a 99th percentile", lambda: p99(prometheus, app, "podinfo-primary"))
    assert slowest > 250  # the lower bound of Envoy's bucket around 300 ms
    assert load.traffic().failed == 0


def test_who_calls_one_side_by_its_own_name_reaches_it_and_podinfos_paths_for_faults(
    app: App, mesh_of: Callable[[App], Mesh], prometheus: Prometheus, hey: Path, tmp_path: Path
) -> None:
    mesh = mesh_of(app)
    folder = Services({"podinfo-primary.test:80": mesh.port}).write_hey(hey, tmp_path / "bin")

    def said(path: str) -> str:
        command = (folder / "hey", "-n", "10", "-c", "10", f"http://podinfo-primary.test:80{path}")
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout

    assert "[418]\t10 responses" in said("/status/418")
    eventually("it is scraped", lambda: counted(prometheus, app, "podinfo-primary") == {"418": 10})
    assert "[200]\t10 responses" in said("/delay/0.3")
    eventually("its delay shows", lambda: (p99(prometheus, app, "podinfo-primary") or 0) > 250)
    assert counted(prometheus, app, "podinfo") == {}


def test_a_changed_template_works_from_the_pods_that_run_it(app: App, mesh_of: Callable[[App], Mesh]) -> None:
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
    app: App, mesh_of: Callable[[App], Mesh], prometheus: Prometheus
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


def test_honours_conditions_and_mirrors(app: App, mesh_of: Callable[[App], Mesh], prometheus: Prometheus) -> None:
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


def test_of_an_http_routes_matches_the_one_with_most_conditions_is_taken(
    app: App, mesh_of: Callable[[App], Mesh]
) -> None:
    app.cluster.api.delete(f"{virtual_services(app.namespace)}/podinfo")
    everything: JsonObject = {"backendRefs": [{"name": "podinfo-primary", "port": 9898}]}
    query = {"queryParams": [{"name": "side", "value": "b"}], "path": {"value": "/shop/"}}
    header = {"headers": [{"name": "x-user", "type": "RegularExpression", "value": "in.*"}]}
    chosen = {"backendRefs": [{"name": "podinfo-canary", "port": 9898}], "matches": [query, header]}
    app.cluster.api.create(ROUTES.format(app.namespace), http_route(everything, chosen))
    mesh = mesh_of(app)

    def who(path: str, user: str = "") -> str:
        answer = urllib3.request("GET", f"http://127.0.0.1:{mesh.port}{path}", headers={"x-user": user}, retries=False)
        return answer.headers["x-workload"]

    assert who("/shop?side=b") == who("/shop/cart?side=b") == who("/", "insider") == "podinfo"
    others = {who("/shop"), who("/shopping?side=b"), who("/?side=b"), who("/", "an insider")}
    assert others == {"podinfo-primary"}


def test_keeps_its_routes_while_the_api_server_is_away(app: App, mesh_of: Callable[[App], Mesh]) -> None:
    mesh = mesh_of(app)
    with mesh.load() as load:
        with app.cluster.api_down():
            before = load.traffic()
            eventually("more answers", lambda: load.traffic().since(before).answered > 30)
        follow(app, mesh, primary=0, canary=100)
    assert load.traffic().lost == 0


def test_requests_without_an_answer_count_as_lost(app: App, mesh_of: Callable[[App], Mesh]) -> None:
    mesh = mesh_of(app)
    with mesh.load() as load:
        eventually("answers", lambda: load.traffic().answered > 10)
        mesh.envoy.kill()
        eventually("losses", lambda: load.traffic().lost > 10)
    assert load.traffic().asked == load.traffic().answered + load.traffic().lost


def test_says_what_it_does_not_understand(app: App, prometheus: Prometheus, tmp_path: Path) -> None:
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


def http_route(*rules: JsonObject) -> JsonObject:
    """Those rules for callers of podinfo."""
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "podinfo"},
        "spec": {"parentRefs": [{"name": "public"}], "hostnames": ["podinfo"], "rules": list(rules)},
    }


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
