"""Fixtures of the real parts, and the rule about parts that are missing.

A part is started when the first test asks for it and stopped at the end of the session. Where a program cannot be had,
the tests that need it are skipped, and the end of the report says so once for each program, with how to get it. With
SERIN_REQUIRE_REAL=1 every skipped test fails the run, whatever the reason: what was not run was not proved.
"""

from __future__ import annotations

import contextlib
import signal
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests.support import tools
from tests.support.api import ApiDownError, ApiError
from tests.support.cluster import ISTIO, Cluster, install_crds
from tests.support.embedded_cluster import EmbeddedCluster
from tests.support.firestore import FirestoreEmulator, new_project
from tests.support.helm import Helm
from tests.support.mesh import App, Mesh, measured_mesh
from tests.support.prometheus import Prometheus
from tests.support.promtool import Promtool
from tests.support.real_cluster import RealCluster
from tests.support.terraform_schema import Schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

REAL_FIXTURES = {
    "real_cluster",
    "own_cluster",
    "firestore_server",
    "prometheus",
    "own_prometheus",
    "promtool",
    "mesh_of",
    "helm",
    "hey",
}

_skipped: list[tuple[str, str]] = []
"""Node ids, and the reasons."""


def pytest_configure() -> None:
    """Let SIGTERM end the session as Ctrl-C does: by default it would leave the servers to the reaper.

    How fast a machine makes examples says nothing about Serin.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    settings.register_profile("serin", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("serin")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as ``real`` whatever takes a real part."""
    for item in items:
        if REAL_FIXTURES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker("real")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember skipped tests."""
    if report.skipped:
        _skipped.append((report.nodeid, str(report.longrepr)))


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Remember skipped modules."""
    if report.skipped:
        _skipped.append((report.nodeid, str(report.longrepr)))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run that had to prove everything and did not."""
    if tools.require_real() and _skipped and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line for each missing program, and one when that fails the run."""
    for name in tools.Name:
        tests = sum(_lack(name) in reason for _, reason in _skipped)
        if tests:
            line = f"MISSING {name}: {tests} tests were NOT run. To get it: {tools.find(name).how}"
            terminalreporter.write_line(line, red=True, bold=True)
    if tools.require_real() and _skipped:
        line = f"SERIN_REQUIRE_REAL=1 and {len(_skipped)} skipped, first {_skipped[0][0]}: the run has failed."
        terminalreporter.write_line(line, red=True, bold=True)


@pytest.fixture(scope="session")
def real_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    """etcd, kube-apiserver and kube-controller-manager, with a kubelet that makes pods ready; CRDs are installed."""
    _need(tools.Name.ETCD, tools.Name.API_SERVER, tools.Name.CONTROLLERS)
    with RealCluster(tmp_path_factory.mktemp("cluster")) as cluster:
        install_crds(cluster)
        yield cluster


@pytest.fixture(scope="module")
def own_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    """The same for one module alone, where nobody has installed anything but Istio's CRDs."""
    _need(tools.Name.ETCD, tools.Name.API_SERVER, tools.Name.CONTROLLERS)
    with RealCluster(tmp_path_factory.mktemp("cluster")) as cluster:
        install_crds(cluster, ISTIO)
        yield cluster


@pytest.fixture(scope="session")
def embedded_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedCluster]:
    """The product's own API server, in this process; CRDs are installed."""
    with EmbeddedCluster(tmp_path_factory.mktemp("embedded")) as cluster:
        install_crds(cluster)
        yield cluster


@pytest.fixture(scope="session", params=["embedded", pytest.param("real", marks=pytest.mark.real)])
def cluster(request: pytest.FixtureRequest) -> Cluster:
    """Each kind of cluster in turn: what holds on both is a fact about Kubernetes."""
    found = request.getfixturevalue(f"{request.param}_cluster")
    assert isinstance(found, Cluster)
    return found


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A fresh namespace of ``cluster``; its removal is asked for afterwards, and not awaited."""
    yield from _namespace_of(cluster)


@pytest.fixture
def real_namespace(real_cluster: RealCluster) -> Iterator[str]:
    """A fresh namespace of ``real_cluster``."""
    yield from _namespace_of(real_cluster)


@pytest.fixture(scope="session")
def firestore_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FirestoreEmulator]:
    """Google's Firestore emulator, to be frozen or taken away."""
    _need(tools.Name.JAVA, tools.Name.FIRESTORE)
    with FirestoreEmulator(tmp_path_factory.mktemp("firestore")) as emulator:
        yield emulator


@pytest.fixture(scope="session")
def firestore_emulator(firestore_server: FirestoreEmulator) -> str:
    """Its HOST:PORT. Nothing global is set: whoever wants Google's client to use it sets FIRESTORE_EMULATOR_HOST."""
    return firestore_server.host


@pytest.fixture
def firestore_project() -> str:
    """A project of this test alone."""
    return new_project()


@pytest.fixture(scope="session")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A real Prometheus that scrapes every half second."""
    _need(tools.Name.PROMETHEUS)
    with Prometheus(tmp_path_factory.mktemp("prometheus")) as server:
        yield server


@pytest.fixture(scope="module")
def own_prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A real Prometheus of one module alone, for tests that ask for everything it has."""
    _need(tools.Name.PROMETHEUS)
    with Prometheus(tmp_path_factory.mktemp("prometheus")) as server:
        yield server


@pytest.fixture(scope="session")
def promtool() -> Promtool:
    """Prometheus' own checker of metrics and rules."""
    _need(tools.Name.PROMTOOL)
    return Promtool(tools.path_of(tools.Name.PROMTOOL))


@pytest.fixture
def mesh_of(prometheus: Prometheus, tmp_path: Path) -> Iterator[Callable[[App], Mesh]]:
    """Starts the mesh of an app, as often as a test likes; all end with the test."""
    _need(tools.Name.ENVOY)
    with contextlib.ExitStack() as running:
        yield lambda app: running.enter_context(
            measured_mesh(app, prometheus, tmp_path / f"{app.namespace}-{app.name}")
        )


@pytest.fixture(scope="session")
def kubectl_program() -> Path:
    """The file of kubectl."""
    _need(tools.Name.KUBECTL)
    return tools.path_of(tools.Name.KUBECTL)


@pytest.fixture(scope="session")
def hey() -> Path:
    """The real load generator."""
    _need(tools.Name.HEY)
    return tools.path_of(tools.Name.HEY)


@pytest.fixture(scope="session")
def helm_program() -> Path:
    """The file of Helm."""
    _need(tools.Name.HELM)
    return tools.path_of(tools.Name.HELM)


@pytest.fixture
def helm(helm_program: Path, tmp_path: Path) -> Helm:
    """Helm with a home of this test alone; ``helm.at(cluster)`` talks to a cluster."""
    return Helm(helm_program, tmp_path / "helm")


@pytest.fixture(scope="session")
def terraform_program() -> Path:
    """The file of Terraform."""
    _need(tools.Name.TERRAFORM)
    return tools.path_of(tools.Name.TERRAFORM)


@pytest.fixture(scope="session")
def functions_framework_program() -> Path:
    """What serves a function at Google, with the locked packages and no others."""
    _need(tools.Name.FUNCTIONS_FRAMEWORK)
    return tools.path_of(tools.Name.FUNCTIONS_FRAMEWORK)


@pytest.fixture(scope="session")
def cloud_programs() -> None:
    """gcloud with its plugin for Kubernetes, and Terraform, are on the PATH."""
    _need(tools.Name.GCLOUD, tools.Name.GKE_PLUGIN, tools.Name.TERRAFORM)


@pytest.fixture(scope="session")
def provider_schema() -> Schema:
    """What the Google provider for Terraform takes."""
    _need(tools.Name.TERRAFORM_SCHEMA)
    return Schema(tools.path_of(tools.Name.TERRAFORM_SCHEMA))


def _namespace_of(cluster: Cluster) -> Iterator[str]:
    name = cluster.create_namespace()
    yield name
    with contextlib.suppress(ApiError, ApiDownError):
        cluster.api.delete(f"/api/v1/namespaces/{name}")


def _need(*names: tools.Name) -> None:
    """Skip the test that asked if one of its programs is missing."""
    missing = [name for name in names if tools.find(name).path is None]
    if missing:
        pytest.skip(" ".join(map(_lack, missing)))


def _lack(name: tools.Name) -> str:
    return f"There is no {name}."
