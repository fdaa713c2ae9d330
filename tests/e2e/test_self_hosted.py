"""One self-hosted process serves several clusters, each with a heartbeat and a sweep of its own."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.support.app import Release
from tests.support.cluster import install_crds
from tests.support.embedded_cluster import EmbeddedCluster
from tests.support.functions import SECRET, Functions
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.support.cluster import Cluster


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Mapping[str, Release]]:
    """The same app in two clusters."""
    with ExitStack() as running:
        releases = {}
        for name in ("east", "west"):
            (tmp_path / name).mkdir()
            cluster = running.enter_context(EmbeddedCluster(tmp_path / name))
            install_crds(cluster)
            releases[name] = Release(cluster, cluster.create_namespace())
        yield releases


@pytest.fixture
def functions(pair: Mapping[str, Release], tmp_path: Path) -> Iterator[Functions]:
    """Both clusters in one installation."""
    clusters = {name: _entry(release.cluster, name) for name, release in pair.items()}
    environment = {"SERIN_CLUSTERS": json.dumps(clusters), "SERIN_STORE": f"sqlite:///{tmp_path}/serin.db"}
    with Functions(tmp_path, environment, "--beat", "0.5", "--sweep", "1") as running:
        yield running


def _entry(cluster: Cluster, name: str) -> object:
    credentials = {"kubeconfig": str(cluster.kubeconfig), "context": "serin"}
    return {"credentials": credentials, "webhookSecrets": [f"{SECRET}-{name}"]}


def test_each_cluster_is_released_for_itself_and_silence_of_one_is_not_felt_in_the_other(
    pair: Mapping[str, Release], functions: Functions
) -> None:
    east, west = pair["east"], pair["west"]
    for release in pair.values():
        release.install(interval="1s", stepWeight=50, metrics=[])
    eventually("both serve", lambda: {east.phase(), west.phase()} == {"Initialized"}, 30)
    with west.cluster.api_down():
        east.upgrade("app:2")
        eventually("the east is promoted", lambda: east.phase() == "Succeeded", 30)
    west.upgrade("app:2")
    eventually("the west is promoted when it is back", lambda: west.phase() == "Succeeded", 60)
    assert not [text for text in functions.messages if "no such job" in text]
