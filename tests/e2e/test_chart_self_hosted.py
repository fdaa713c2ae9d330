"""charts/serin, self-hosted: what it installs on the real API server runs, is called by the cluster, and is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.api import ApiError
from tests.support.app import Release, canary
from tests.support.hosted import hosted
from tests.support.installed import Installed, refused
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.json_types import JsonObject
    from tests.support.helm import Helm
    from tests.support.processes import Process
    from tests.support.real_cluster import RealCluster


@pytest.fixture
def release(real_cluster: RealCluster, real_namespace: str) -> Release:
    return Release(real_cluster, real_namespace)


@pytest.fixture
def values(release: Release) -> JsonObject:
    """The cluster calls about the namespace of this test alone, and must get an answer about Canaries."""
    selector = {"matchLabels": {"kubernetes.io/metadata.name": release.namespace}}
    webhook = {"namespaceSelector": selector, "failurePolicy": "Fail"}
    return {"webhook": webhook, "rbac": {"namespaces": [release.namespace]}}


@pytest.fixture
def installed(real_cluster: RealCluster, helm: Helm, values: JsonObject) -> Iterator[Installed]:
    made = Installed(real_cluster, real_cluster.create_namespace(), helm)
    made.install(values)
    yield made
    made.uninstall()
    real_cluster.api.delete(f"/api/v1/namespaces/{made.namespace}")


@pytest.fixture
def running(installed: Installed, tmp_path: Path) -> Iterator[Process]:
    with hosted(installed, tmp_path / "pod") as process:
        yield process


def said(process: Process, text: str) -> bool:
    return text in process.log.read_text(errors="replace")


def refusal(release: Release) -> str:
    """What the cluster says to a Canary with a metric that nobody knows."""
    bad = canary(metrics=[{"name": "latency"}])
    try:
        release.cluster.api.create(f"{release.path('canary', '')}?dryRun=All", bad)
    except ApiError as error:
        return str(error)
    return ""


def test_the_cluster_calls_it_by_its_service_and_it_releases_under_the_rights_of_the_chart(
    installed: Installed, running: Process, release: Release
) -> None:
    mark = installed.cluster.mark()
    eventually(
        "a bad Canary is refused", lambda: "canaries.serin.dev" in (text := refusal(release)) and "denied" in text
    )
    assert "spec.analysis.metrics[0]" in refusal(release)
    release.install(interval="1s")
    release.patch("canary", {"spec": {"skipAnalysis": True}})
    eventually("initialization", lambda: said(running, "Initialization done!"))
    release.upgrade("app:2")
    eventually("the release", lambda: release.phase() == "Succeeded")
    assert release.image("frontend-primary") == "app:2"
    assert not list(refused(installed.requests(mark)))


def test_an_upgrade_keeps_the_secret_and_the_certificate(installed: Installed, values: JsonObject) -> None:
    def made() -> tuple[object, ...]:
        hooks = installed.cluster.api.get(installed.webhooks)["webhooks"]
        clients = [hook["clientConfig"] for hook in hooks]
        return installed.secret("serin-webhook"), installed.secret("serin-tls"), clients

    before = made()
    installed.upgrade({**values, "loop": {"beat": 5}})
    assert "--beat=5" in installed.container()["args"]
    assert made() == before
