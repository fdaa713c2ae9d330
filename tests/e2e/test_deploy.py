"""`make deploy` and `make undeploy` as somebody types them, with the real gcloud, Terraform, Helm and kubectl, and a
real cluster. Two things stand in for Google: its servers (``tests/support/google_cloud.py``), and for the resources
that its provider for Terraform would make, Terraform's own ``terraform_data`` of the same arguments (``rehearse``).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from infra.package import TREE
from tests.contract.test_terraform import ANSWERS
from tests.support.google_cloud import GoogleCloud
from tests.support.terraform import make_rehearsable
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.helm import Helm
    from tests.support.real_cluster import RealCluster

PROJECT = "example-project"
WORDS = (f"PROJECT={PROJECT}", "REGION=europe-west1", "CLUSTER=europe-west1-b/shop")
APIS = {"cloudresourcemanager.googleapis.com", "serviceusage.googleapis.com", "storage.googleapis.com"}
CANARIES = "/apis/flagger.app/v1beta1"
CANARY = {
    "apiVersion": "flagger.app/v1beta1",
    "kind": "Canary",
    "metadata": {"name": "web"},
    "spec": {
        "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "service": {"port": 80},
        "analysis": {"interval": "1m", "threshold": 1},
    },
}
BUCKET = f"serin-terraform-{PROJECT}"
SECRET = "w3bhook" * 6
PARTS = ("Makefile", "charts", "functions", "infra", "requirements.txt", "requirements-dev.txt", "shared")
EVERY_ANSWER = {
    **ANSWERS,
    "google_container_cluster": {**ANSWERS["google_container_cluster"], "control_plane_endpoints_config": []},
    "google_cloudfunctions2_function": {"service_config": [{"uri": "https://serin-${var.name}.example.run.app"}]},
    "google_service_account": {
        "email": "${var.prefix}-${each.key}@${var.project}.iam.gserviceaccount.com",
        "member": "serviceAccount:${var.prefix}-${each.key}@${var.project}.iam.gserviceaccount.com",
        "name": "projects/${var.project}/serviceAccounts/${var.prefix}-${each.key}",
    },
}
SECONDS = 600


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody in a clone of the project."""

    tree: Path
    environment: dict[str, str]

    def make(self, *words: str, types: str = "") -> subprocess.CompletedProcess[str]:
        """Type a command and what it asks for; how it ended, with all that it printed."""
        return subprocess.run(
            ("make", *words, f"PYTHON={sys.executable}"),
            cwd=self.tree,
            env={**os.environ, **self.environment},
            input=types,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=SECONDS,
        )


@pytest.fixture
def google(own_cluster: RealCluster) -> Iterator[GoogleCloud]:
    with GoogleCloud(own_cluster, SECRET) as running:
        yield running


@pytest.fixture
def operator(google: GoogleCloud, helm: Helm, kubectl_program: Path, cloud_programs: None, tmp_path: Path) -> Operator:
    tree = tmp_path / "clone"
    tree.mkdir()
    for part in PARTS:
        copy = shutil.copytree if (TREE / part).is_dir() else shutil.copy
        copy(TREE / part, tree / part)
    make_rehearsable(tree / "infra" / "google", EVERY_ANSWER)
    (tmp_path / "bin").mkdir()
    for name, program in {"helm": helm.program, "kubectl": kubectl_program}.items():
        (tmp_path / "bin" / name).symlink_to(program)
    own = {"HOME": str(tmp_path), "TF_CLI_CONFIG_FILE": os.devnull, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    return Operator(tree, {**google.environment(tmp_path), **own})


def may(cluster: RealCluster, user: str, verb: str, resource: str) -> bool:
    """Whether the cluster lets a user do something to a resource of Canaries' group."""
    about = {"verb": verb, "group": "flagger.app", "resource": resource, "namespace": "test"}
    review = {"spec": {"user": user, "resourceAttributes": about}}
    answer = cluster.api.create("/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
    return bool(answer["status"]["allowed"])


def revisions(cluster: RealCluster) -> list[str]:
    """Every revision of every Helm release in the cluster: each is kept in a Secret."""
    secrets = cluster.api.items("/api/v1/secrets?fieldSelector=type=helm.sh/release.v1")
    return [each["metadata"]["name"] for each in secrets]


def definitions(cluster: RealCluster) -> list[str]:
    """The kinds of Flagger's group that the cluster knows."""
    found = cluster.api.items("/apis/apiextensions.k8s.io/v1/customresourcedefinitions")
    return [each["metadata"]["name"] for each in found if each["spec"]["group"] == "flagger.app"]


@pytest.mark.timeout(1800)  # four whole deployments, with programs that take their time
def test_a_clone_becomes_an_installation_and_nothing_of_it_is_left(
    operator: Operator, google: GoogleCloud, own_cluster: RealCluster, helm: Helm
) -> None:
    first = operator.make("deploy", *WORDS, "YES=1")
    assert first.returncode == 0, first.stdout
    assert google.buckets[BUCKET].about["versioning"] == {"enabled": True}
    assert google.enabled >= APIS
    manifest = helm.at(own_cluster).run("get", "manifest", "serin", "--namespace=serin-system")
    assert f"https://serin-webhook.example.run.app/webhook/{SECRET}" in manifest
    assert SECRET not in first.stdout
    assert "tick     https://serin-tick.example.run.app" in first.stdout

    for name, may_patch in {"tick": True, "event": True, "webhook": False, "slack": False}.items():
        user = f"serin-{name}@{PROJECT}.iam.gserviceaccount.com"
        assert may(own_cluster, user, "patch", "canaries") is may_patch
        assert not may(own_cluster, user, "delete", "canaries")

    again = operator.make("deploy", *WORDS)  # it would ask, and nobody answers
    assert again.returncode == 0, again.stdout
    assert "No changes: everything is as it is to be." in again.stdout
    assert len(revisions(own_cluster)) == 1

    own_cluster.api.create(f"{CANARIES}/namespaces/default/canaries", CANARY)
    doubtful = operator.make("undeploy", *WORDS, types="yes\n")
    assert doubtful.returncode == 2
    assert "1 Canaries, metric templates and alert providers with their definitions, and the apps" in doubtful.stdout
    assert "Nothing was removed." in doubtful.stdout
    assert len(revisions(own_cluster)) == 1
    assert BUCKET in google.buckets

    own_cluster.api.delete(f"{CANARIES}/namespaces/default/canaries/web")
    gone = operator.make("undeploy", *WORDS, types=f"{PROJECT}\n")
    assert gone.returncode == 0, gone.stdout
    assert google.buckets == {}
    assert revisions(own_cluster) == definitions(own_cluster) == []
    eventually("the namespace is gone", lambda: own_cluster.api.find("/api/v1/namespaces/serin-system") is None)
    assert not (operator.tree / "build" / "google" / PROJECT).exists()


def test_without_a_yes_nothing_is_made(operator: Operator, google: GoogleCloud) -> None:
    said = operator.make("deploy", *WORDS, types="no\n")
    assert said.returncode == 2
    assert "Makes a bucket for Terraform's state." in said.stdout
    assert "Nothing was changed from here on." in said.stdout
    assert google.buckets == {}


def test_where_nothing_is_installed_nothing_is_removed(operator: Operator) -> None:
    said = operator.make("undeploy", *WORDS)
    assert said.returncode == 0
    assert f"In {PROJECT} nothing was installed" in said.stdout


def test_a_failure_says_the_command_its_status_and_what_to_do(operator: Operator) -> None:
    (operator.tree / "infra/google/broken.tf").write_text("resource {}\n")
    said = operator.make("deploy", *WORDS, "YES=1")
    assert said.returncode == 2
    assert "init -input=false -reconfigure\nended with 1. Terraform has to reach" in said.stdout
