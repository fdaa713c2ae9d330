"""kubectl, as people type it at both clusters: every command of everyday work with Deployments and Canaries.

Nothing is switched off for it: manifests are validated by the server, as they are by default.
"""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.cluster import Cluster

APP = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - {name: web, image: "web:1", ports: [{containerPort: 80, name: http}], env: [{name: A, value: b}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: web}
data: {a: b}
"""
CANARY = """
apiVersion: flagger.app/v1beta1
kind: Canary
metadata: {name: web}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  service: {port: 80}
  analysis: {interval: 1m, threshold: 5, maxWeight: 50, stepWeight: 10}
"""


class Kubectl:
    """kubectl in one namespace. ``run`` wants it to succeed and ``fail`` to fail; both return everything it said."""

    def __init__(self, program: Path, cluster: Cluster, namespace: str, directory: Path) -> None:
        self._base = [str(program), f"--kubeconfig={cluster.kubeconfig}", f"--cache-dir={directory}", f"-n={namespace}"]

    def run(self, command: str, *more: str, stdin: str = "", editor: str = "") -> str:
        ended = self._ended(command, more, stdin, editor)
        assert ended.returncode == 0, f"kubectl {command}: {ended.stdout}{ended.stderr}"
        return ended.stdout + ended.stderr

    def fail(self, command: str, *more: str, stdin: str = "") -> str:
        ended = self._ended(command, more, stdin, "")
        assert ended.returncode != 0, f"kubectl {command}: {ended.stdout}{ended.stderr}"
        return ended.stdout + ended.stderr

    def _ended(self, command: str, more: tuple[str, ...], stdin: str, editor: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self._base, *command.split(), *more],
            input=stdin,
            env={"EDITOR": editor, "HOME": "/nonexistent", "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )


@pytest.fixture
def kubectl(kubectl_program: Path, cluster: Cluster, namespace: str, tmp_path: Path) -> Kubectl:
    return Kubectl(kubectl_program, cluster, namespace, tmp_path)


@pytest.fixture
def app(kubectl: Kubectl) -> Kubectl:
    """kubectl, with the app applied and rolled out."""
    kubectl.run("apply -f -", stdin=APP)
    kubectl.run("rollout status deployment/web --timeout=30s")
    return kubectl


def test_apply_creates_then_changes_only_what_changed(kubectl: Kubectl) -> None:
    first = kubectl.run("apply -f -", stdin=APP)
    assert first.splitlines() == ["deployment.apps/web created", "service/web created", "configmap/web created"]
    changed = kubectl.run("apply -f -", stdin=APP.replace("web:1", "web:2").replace("{name: A, value: b}", ""))
    assert changed.splitlines() == [
        "deployment.apps/web configured",
        "service/web unchanged",
        "configmap/web unchanged",
    ]
    container = kubectl.run("get deployment web", "-o=jsonpath={.spec.template.spec.containers[0]}")
    assert ('"image":"web:2"' in container, '"env"' in container) == (True, False)


def test_apply_is_validated_by_the_server(kubectl: Kubectl) -> None:
    said = kubectl.fail("apply -f -", stdin=APP.replace("replicas: 2", "replica: 2"))
    assert 'unknown field "spec.replica"' in said
    other = APP.replace("metadata: {labels: {app: web}}", "metadata: {labels: {app: other}}")
    assert "`selector` does not match template `labels`" in kubectl.fail("apply -f -", stdin=other)


def test_get_shows_the_columns_people_know(app: Kubectl) -> None:
    head, row = app.run("get deployment").splitlines()
    assert head.split() == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]
    assert row.split()[:4] == ["web", "2/2", "2", "2"]
    assert app.run("get service web --no-headers").split()[1::3] == ["ClusterIP", "80/TCP"]
    assert [line.split()[1:4] for line in app.run("get pods --no-headers").splitlines()] == [
        ["1/1", "Running", "0"]
    ] * 2
    assert app.run("get configmap web --no-headers").split()[:2] == ["web", "1"]
    assert "web:1" in app.run("get deployment -o wide")
    assert app.run("get deployment,service -l app=none").strip().startswith("No resources found")
    assert "not found" in app.fail("get deployment none")


def test_an_image_is_set_and_the_rollout_followed(app: Kubectl) -> None:
    assert app.run("set image deployment/web web=web:2").strip() == "deployment.apps/web image updated"
    assert "successfully rolled out" in app.run("rollout status deployment/web --timeout=30s")
    assert app.run("get pods -o=jsonpath={.items[*].spec.containers[*].image}").split() == ["web:2"] * 2
    history = [line.split()[0] for line in app.run("rollout history deployment/web").splitlines() if line[:1].isdigit()]
    assert history == ["1", "2"]
    app.run("rollout undo deployment/web")
    app.run("rollout status deployment/web --timeout=30s")
    assert app.run("get deployment web -o=jsonpath={..image}") == "web:1"
    app.run("rollout restart deployment/web")
    assert "successfully rolled out" in app.run("rollout status deployment/web --timeout=30s")


def test_scale_wait_and_delete(app: Kubectl) -> None:
    app.run("scale deployment/web --replicas=3")
    app.run("wait --for=jsonpath={.status.availableReplicas}=3 deployment/web --timeout=30s")
    app.run("wait --for=condition=Available deployment/web --timeout=30s")
    assert app.run("delete deployment web").strip().startswith('deployment.apps "web" deleted')
    eventually("the pods are gone", lambda: "No resources found" in app.run("get pods"))


def test_patch_edit_annotate_and_label(app: Kubectl) -> None:
    app.run("patch deployment web -p", '{"spec":{"template":{"spec":{"containers":[{"name":"web","tty":true}]}}}}')
    app.run("patch deployment web --type=json -p", '[{"op":"replace","path":"/spec/replicas","value":1}]')
    app.run("annotate deployment web team=blue")
    app.run("label deployment web tier=front")
    assert "edited" in app.run(
        "edit deployment web", editor="sed -i s/revisionHistoryLimit:.10/revisionHistoryLimit:\\ 3/"
    )
    read = {
        ".spec.template.spec.containers[0].tty": "true",
        ".spec.replicas": "1",
        ".metadata.annotations.team": "blue",
        ".metadata.labels.tier": "front",
        ".spec.revisionHistoryLimit": "3",
    }
    path = " ".join(f"{{{each}}}" for each in read)
    assert app.run("get deployment web", f"-o=jsonpath={path}").split() == list(read.values())


def test_describe_and_events_tell_what_happened(app: Kubectl) -> None:
    described = app.run("describe deployment web")
    assert "Replicas:               2 desired | 2 updated | 2 total | 2 available | 0 unavailable" in described
    assert "Scaled up replica set web-" in described
    assert "ScalingReplicaSet" in app.run("get events --field-selector=involvedObject.kind=Deployment")


def test_a_watch_prints_each_change(app: Kubectl) -> None:
    rows = app.run("get deployment web --watch --request-timeout=1s --no-headers")
    assert rows.split()[:2] == ["web", "2/2"]


def test_imperative_commands_speak_protobuf(kubectl: Kubectl) -> None:
    kubectl.run("create configmap made --from-literal=a=b")
    kubectl.run("create secret generic made --from-literal=a=b")
    kubectl.run("create deployment made --image=web:1 --replicas=0 --port=80")
    kubectl.run("expose deployment made --port=80")
    kubectl.run("autoscale deployment made --min=2 --max=3 --cpu-percent=50")
    assert kubectl.run("get secret made -o=jsonpath={.data.a}") == "Yg=="
    assert kubectl.run("get service made -o=jsonpath={.spec.selector.app}") == "made"
    assert kubectl.run("get hpa made -o=jsonpath={.spec.metrics[0].resource.target.averageUtilization}") == "50"
    path = "{.spec.template.spec.containers[0].ports[0].containerPort}"
    assert kubectl.run("get deployment made", f"-o=jsonpath={path}") == "80"


def test_a_canary_is_a_resource_like_any_other(app: Kubectl) -> None:
    assert app.run("apply -f -", stdin=CANARY).strip() == "canary.flagger.app/web created"
    assert app.run("apply -f -", stdin=CANARY).strip() == "canary.flagger.app/web unchanged"
    assert app.run("get canaries").split()[:2] == ["NAME", "STATUS"]
    promoted = {"type": "Promoted", "status": "True", "reason": "Succeeded"}
    status = {"status": {"phase": "Succeeded", "canaryWeight": 0, "conditions": [promoted]}}
    app.run("patch canary web --type=merge --subresource=status -p", json.dumps(status))
    app.run("wait --for=condition=Promoted canary/web --timeout=30s")
    assert "Succeeded" in app.run("get canary web")
    assert "Target Ref:" in app.run("describe canary web")
    assert "edited" in app.run("edit canary web", editor="sed -i s/maxWeight:.50/maxWeight:\\ 40/")
    assert app.run("get canary web -o=jsonpath={.spec.analysis.maxWeight}") == "40"
    bad = CANARY.replace("stepWeight: 10", "stepSize: 10")
    assert 'unknown field "spec.analysis.stepSize"' in app.fail("apply -f -", stdin=bad)
    assert "spec.analysis.interval" in app.fail("apply -f -", stdin=CANARY.replace("1m", "soon"))
    assert "web" in app.run("get all")
    assert "analysis" in app.run("explain canary.spec")
    assert app.run("delete canary web").strip().startswith('canary.flagger.app "web" deleted')


def test_the_api_can_be_explored(kubectl: Kubectl) -> None:
    resources = {line.split()[0] for line in kubectl.run("api-resources --no-headers").splitlines()}
    assert {"deployments", "services", "configmaps", "canaries"} <= resources
    assert {"apps/v1", "autoscaling/v2", "flagger.app/v1beta1"} <= set(kubectl.run("api-versions").split())
    assert "strategy" in kubectl.run("explain deployment.spec")
    assert kubectl.run("get --raw /readyz") == "ok"
    assert "Server Version: v1.35" in kubectl.run("version")
