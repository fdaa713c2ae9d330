"""docs/install.md and docs/istio.md: their commands, as people type them, on the real cluster."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.support.charts import refusals
from tests.support.guide import ROOT, Shell, blocks_of, make_shell
from tests.support.helm import CHARTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.json_types import JsonObject
    from tests.support.helm import Helm
    from tests.support.real_cluster import RealCluster

ISTIO = (ROOT / "docs/istio.md").read_text()


@pytest.fixture
def shell(helm: Helm, kubectl_program: Path, real_cluster: RealCluster, tmp_path: Path) -> Iterator[Shell]:
    """Somebody with administrator's rights; the namespace test is there."""
    made = namespace_test(real_cluster)
    yield make_shell(tmp_path, real_cluster.kubeconfig, helm=helm.program, kubectl=kubectl_program)
    for name in ("serin-system", *made):
        real_cluster.api.delete(f"/api/v1/namespaces/{name}")


def namespace_test(cluster: RealCluster) -> list[str]:
    """Create the namespace test, unless somebody else has; what was created."""
    if cluster.api.find("/api/v1/namespaces/test") is not None:
        return []
    cluster.api.create("/api/v1/namespaces", read("namespace.yaml"))
    return ["test"]


def read(name: str) -> JsonObject:
    """A file of infra/istio."""
    found: JsonObject = yaml.safe_load((ROOT / "infra/istio" / name).read_text())
    return found


def test_the_commands_of_the_installation_follow_each_other(shell: Shell, real_cluster: RealCluster) -> None:
    commands = [block.commands for block in blocks_of("install.md") if block.mark == "in-a-cluster"]
    assert len(commands) == 6
    for each in commands:
        shell.run(each)
    assert left(real_cluster, "/api/v1", "secrets") == ["serin-settings"]
    assert left(real_cluster, "/api/v1", "persistentvolumeclaims") == ["serin"]
    assert left(real_cluster, "/apis/apps/v1", "deployments") == []
    assert real_cluster.api.get("/apis/flagger.app/v1beta1/canaries")["kind"] == "CanaryList"


def left(cluster: RealCluster, root: str, kind: str) -> list[str]:
    """Names of what is in Serin's namespace."""
    return [obj["metadata"]["name"] for obj in cluster.api.items(f"{root}/namespaces/serin-system/{kind}")]


def test_the_files_of_the_istio_page_fit_the_charts(real_cluster: RealCluster) -> None:
    named = re.findall(r"kubectl apply -f (\S+)", ISTIO)
    assert sorted(named) == sorted(str(file.relative_to(ROOT)) for file in (ROOT / "infra/istio").glob("*.yaml"))
    said = refusals(real_cluster, [{**read("namespace.yaml"), "metadata": {"name": "unheard-of"}}], "")
    assert not said
    gateway = read("gateway.yaml")["metadata"]
    values = yaml.safe_load((CHARTS / "podinfo/values.yaml").read_text())
    host = f"{gateway['name']}.{gateway['namespace']}.svc.cluster.local"
    assert values["canary"]["istioIngress"]["gateway"] == host
    assert host in ISTIO
