"""The cluster calls and Serin answers: a real API server with its real ValidatingWebhookConfiguration, all functions as
self-hosted.
"""

from __future__ import annotations

import base64
import json
import re
import statistics
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
import urllib3

from tests.support.app import Release, canary
from tests.support.cluster import Access, kubeconfig
from tests.support.functions import Functions
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.real_cluster import RealCluster

WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
RULES = (
    ("canaries", {"apiGroups": ["flagger.app"], "apiVersions": ["*"], "resources": ["canaries"]}),
    ("workloads", {"apiGroups": ["apps"], "apiVersions": ["v1"], "resources": ["deployments"]}),
    ("configs", {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps", "secrets"]}),
)


@pytest.fixture
def release(real_cluster: RealCluster, real_namespace: str) -> Release:
    return Release(real_cluster, real_namespace)


@pytest.fixture
def functions(real_cluster: RealCluster, tmp_path: Path) -> Iterator[Functions]:
    """Every function in one process, as user ``serin``; heartbeats a minute apart, sweeps as good as never."""
    access = Access(real_cluster.url, real_cluster.ca_file, real_cluster.token, real_cluster.serin_token)
    config = tmp_path / "kubeconfig"
    config.write_text(json.dumps({**kubeconfig(access), "current-context": "serin"}))
    environment = {"SERIN_KUBECONFIG": str(config), "SERIN_STORE": f"sqlite:///{tmp_path}/serin.db"}
    with Functions(tmp_path, environment, "--beat", "60", "--sweep", "3600") as running:
        yield running


@pytest.fixture
def webhook(functions: Functions, release: Release) -> Iterator[None]:
    """The cluster calls the webhook for what happens in the test's namespace."""
    api, name = release.cluster.api, f"serin-{release.namespace}"
    authority = base64.b64encode(functions.certificate).decode()
    hooks = [
        {
            "name": f"{kind}.serin.dev",
            "clientConfig": {"url": functions.webhook_url, "caBundle": authority},
            "rules": [{**rule, "operations": ["CREATE", "UPDATE", "DELETE"]}],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": release.namespace}},
            "failurePolicy": "Fail" if kind == "canaries" else "Ignore",
            "sideEffects": "NoneOnDryRun",
            "admissionReviewVersions": ["v1"],
            "timeoutSeconds": 5,
        }
        for kind, rule in RULES
    ]
    api.create(WEBHOOKS, {"metadata": {"name": name}, "webhooks": hooks})
    eventually("the API server calls the webhook", lambda: not kubectl(release, canary(threshold=0)).ok)
    yield
    api.delete(f"{WEBHOOKS}/{name}")


class Applied:
    """What ``kubectl apply`` said."""

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.ok = done.returncode == 0
        self.text = done.stdout + done.stderr


def kubectl(release: Release, obj: object) -> Applied:
    """Apply an object, without storing it, as a user would."""
    command = ["kubectl", "--kubeconfig", str(release.cluster.kubeconfig), "-n", release.namespace]
    command += ["apply", "--dry-run=server", "-f", "-"]
    return Applied(subprocess.run(command, input=json.dumps(obj), capture_output=True, text=True, check=False))


@pytest.mark.usefixtures("webhook")
def test_kubectl_shows_every_problem_of_a_bad_canary(release: Release) -> None:
    bad = canary(threshold=1, stepWeight=10, stepWeights=[1, 2], metrics=[{"name": "latency"}])
    applied = kubectl(release, bad)
    assert not applied.ok
    assert "spec.analysis.metrics[0]" in applied.text
    assert "spec.analysis.stepWeight" in applied.text
    unwise = kubectl(release, canary(stepWeight=15))
    assert unwise.ok, unwise.text
    assert "Warning:" in unwise.text


@pytest.mark.usefixtures("webhook")
def test_a_change_is_seen_within_a_second_and_a_half_and_idleness_costs_nothing(
    release: Release, functions: Functions
) -> None:
    release.install(interval="60s")
    eventually("initialization", lambda: any("Initialization done!" in text for text in functions.messages))
    waits = [seconds_until_seen(release, functions, f"app:{number}") for number in range(2, 22)]
    assert statistics.median(waits) < 1.5, waits
    release.upgrade("app:1")
    eventually("the run is withdrawn", lambda: any("withdrawn" in text for text in functions.messages))
    eventually("rest", lambda: is_quiet(release, 2))
    assert is_quiet(release, 5)


def test_without_the_webhook_the_sweep_finds_the_change(release: Release, functions: Functions) -> None:
    release.install(interval="60s")
    call(functions, "sweep")
    eventually("initialization", lambda: any("Initialization done!" in text for text in functions.messages))
    eventually("rest", lambda: is_quiet(release, 2))
    release.upgrade("app:2")
    assert is_quiet(release, 2)
    assert revisions(functions) == 0
    call(functions, "sweep")
    eventually("the sweep finds it", lambda: revisions(functions) == 1)


def seconds_until_seen(release: Release, functions: Functions, image: str) -> float:
    """From the API server's answer to the log line."""
    seen = revisions(functions)
    release.upgrade(image)
    began = time.monotonic()
    eventually(f"{image} is seen", lambda: revisions(functions) > seen, every=0.02)
    return time.monotonic() - began


def is_quiet(release: Release, seconds: float) -> bool:
    """Whether Serin asks nothing about the app for so long. Other tests' Canaries may keep it busy meanwhile."""
    mark = release.cluster.mark()
    time.sleep(seconds)
    asked = release.cluster.requests_by("serin", mark)
    return not any(entry.namespace == release.namespace for entry in asked)


def revisions(functions: Functions) -> int:
    return sum(bool(re.match("New revision detected!", text)) for text in functions.messages)


def call(functions: Functions, job: str) -> None:
    """Call the tick function as a scheduler does."""
    answer = urllib3.request("POST", f"{functions.url}/tick", json={"job": job}, timeout=60, retries=False)
    assert answer.status == 200, answer.data
