"""gcloud takes the words that a deployment has for the clusters that the end-to-end test has not."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from infra.deploy import chart
from tests.support.web import WebServer, reply
from tests.unit.deploy.test_steps import SHOP, TARGET

if TYPE_CHECKING:
    from pathlib import Path

    from infra.deploy.chart import Cluster

FLEET = replace(SHOP, location="", membership="projects/my-fleet/locations/global/gkeMemberships/batch")
WRONG_WORDS = 2
"""How gcloud ends when it does not know an argument; what Google refuses ends with 1."""


@pytest.mark.usefixtures("cloud_programs")
@pytest.mark.parametrize("cluster", [replace(SHOP, by_dns=True), FLEET], ids=["dns", "fleet"])
def test_the_words_are_gclouds_own(cluster: Cluster, tmp_path: Path) -> None:
    command = chart.reach(TARGET, cluster).command
    (tmp_path / "token").write_text("token")
    with WebServer(reply(404, "{}")) as google:
        apis = ("CONTAINER", "GKEHUB", "CLOUDRESOURCEMANAGER", "SERVICEUSAGE")
        own = {
            "CLOUDSDK_CONFIG": str(tmp_path),
            "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(tmp_path / "token"),
            "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
            **{f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{name}": f"{google.url}/" for name in apis},
        }
        environment = {**os.environ, **own, "KUBECONFIG": str(tmp_path / "kubeconfig")}
        done = subprocess.run(command.argv, env=environment, capture_output=True, text=True, check=False, timeout=120)
        assert google.requests, done.stderr
    assert done.returncode not in (0, WRONG_WORDS), done.stderr
