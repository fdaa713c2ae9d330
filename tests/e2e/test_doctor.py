"""``make doctor`` on an installation of real parts: healthy, nothing is bad; whatever is broken is found, with what
helps, and nothing else is taken for broken.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from shared.doctor.examine import Scope, examine
from shared.doctor.finding import Verdict
from shared.doctor.table import write_area, write_summary
from shared.rollout import RolloutKey
from shared.state.open import open_store
from tests.support.app import NAME, canary
from tests.support.cluster import CANARY, install_crds
from tests.support.firestore import new_project
from tests.support.functions import SECRET
from tests.support.google_identity import make_certificate
from tests.support.helm import Helm
from tests.support.hosted import OF_SERIN
from tests.support.installation import (
    Installation,
    bad,
    job_name,
    make_job,
    whole_installation,
)
from tests.support.rollouts import first_version
from tests.support.scheduler import ENABLED, PAUSED, State
from tests.support.slack_api import SCOPES, error
from tests.support.web import closed_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from shared.doctor.finding import Finding
    from tests.support.embedded_cluster import EmbeddedCluster
    from tests.support.prometheus import Prometheus
    from tests.support.real_cluster import RealCluster

    Break = Callable[[Installation], AbstractContextManager[dict[str, str]]]

PAGE = Path(__file__).parents[2] / "docs" / "doctor.md"
ROLE = "/apis/rbac.authorization.k8s.io/v1/clusterroles/{}-serin"
TEMPLATES = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/metrictemplates.flagger.app"
OTHER_AUTHORITY = base64.b64encode(make_certificate("other").encode()).decode()
NOBODY = f"http://127.0.0.1:{closed_port()}"


@pytest.fixture(scope="module")
def installation(
    own_cluster: RealCluster,
    helm_program: Path,
    prometheus: Prometheus,
    firestore_emulator: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Installation]:
    install_crds(own_cluster, CANARY)
    directory = tmp_path_factory.mktemp("installation")
    helm = Helm(helm_program, directory / "helm")
    store = f"firestore://{new_project()}/(default)"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIRESTORE_EMULATOR_HOST", firestore_emulator)
        with whole_installation(own_cluster, helm, prometheus, store, directory) as made:
            yield made


def setting(name: str, value: str) -> Break:
    """Another value of a setting."""
    return lambda _: contextlib.nullcontext({name: value})


@contextlib.contextmanager
def right_withdrawn(installation: Installation) -> Iterator[dict[str, str]]:
    api, path = installation.cluster.api, ROLE.format(installation.installed.namespace)
    role = api.get(path)
    rules = [rule for rule in role["rules"] if "deployments" not in rule["resources"]]
    deployments = {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "create", "update", "delete"]}
    api.patch(path, {"rules": [*rules, deployments]})
    yield {}
    api.patch(path, {"rules": role["rules"]})


@contextlib.contextmanager
def definition_missing(installation: Installation) -> Iterator[dict[str, str]]:
    installation.cluster.api.delete(TEMPLATES)
    yield {}
    install_crds(installation.cluster, CANARY)


def webhook_changed(**client: object) -> Break:
    """The cluster is told to call another address, or to trust another authority."""

    @contextlib.contextmanager
    def change(installation: Installation) -> Iterator[dict[str, str]]:
        api, path = installation.cluster.api, installation.installed.webhooks
        before = api.get(path)
        hooks = [{**hook, "clientConfig": {**hook["clientConfig"], **client}} for hook in before["webhooks"]]
        api.patch(path, {"webhooks": hooks})
        yield {}
        api.patch(path, {"webhooks": before["webhooks"]})

    return change


@contextlib.contextmanager
def job_missing(installation: Installation) -> Iterator[dict[str, str]]:
    installation.scheduler.connect().delete_job(name=job_name("heartbeat"))
    yield {}
    make_job(installation.scheduler, "heartbeat")


@contextlib.contextmanager
def sweep_paused(installation: Installation) -> Iterator[dict[str, str]]:
    installation.scheduler.set_state(job_name("sweep"), PAUSED)
    yield {}
    installation.scheduler.set_state(job_name("sweep"), ENABLED)


def metric_added(query: str) -> Break:
    """The Canary has one more metric."""

    @contextlib.contextmanager
    def change(installation: Installation) -> Iterator[dict[str, str]]:
        release = installation.release
        before = release.get("canary")["spec"]["analysis"]["metrics"]
        metric = {"name": "orders", "query": query, "interval": "5s", "thresholdRange": {"min": 1}}
        release.patch("canary", {"spec": {"analysis": {"metrics": [*before, metric]}}})
        yield {}
        release.patch("canary", {"spec": {"analysis": {"metrics": before}}})

    return change


@contextlib.contextmanager
def canary_invalid(installation: Installation) -> Iterator[dict[str, str]]:
    """In a namespace that the webhook is not called about."""
    api, path = installation.cluster.api, "/apis/flagger.app/v1beta1/namespaces/kube-public/canaries"
    api.create(path, canary(metrics=[{"name": "latency"}]))
    yield {}
    api.delete(f"{path}/{NAME}")


@contextlib.contextmanager
def canary_twice(installation: Installation) -> Iterator[dict[str, str]]:
    api, path = installation.cluster.api, installation.release.path("canary", "")
    api.create(path, {**canary(), "metadata": {"name": "second"}})
    yield {}
    api.delete(f"{path}/second")


@contextlib.contextmanager
def flagger_beside(installation: Installation) -> Iterator[dict[str, str]]:
    api, path = installation.cluster.api, "/apis/apps/v1/namespaces/default/deployments"
    labels = {"app.kubernetes.io/name": "flagger"}
    pod = {"containers": [{"name": "flagger", "image": "ghcr.io/fluxcd/flagger:1.42.0"}]}
    spec = {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}
    api.create(path, {"metadata": {"name": "flagger", "labels": labels}, "spec": spec})
    yield {}
    api.delete(f"{path}/flagger")


def active(minutes: int, heartbeat: State) -> Break:
    """A rollout has been due for so long, in a cluster that the functions do not look after."""

    @contextlib.contextmanager
    def change(installation: Installation) -> Iterator[dict[str, str]]:
        scheduler, other = installation.scheduler, f"other-{minutes}"
        for job in ("heartbeat", "sweep"):
            make_job(scheduler, job, other)
        scheduler.set_state(job_name("heartbeat", other), heartbeat)
        due_at = datetime.now(UTC) - timedelta(minutes=minutes)
        with contextlib.closing(open_store(installation.environment["SERIN_STORE"])) as store:
            store.commit(RolloutKey(other, "shop", "cart"), first_version(due_at=due_at), None)
        yield {"SERIN_CLUSTER": other}

    return change


@contextlib.contextmanager
def scope_missing(installation: Installation) -> Iterator[dict[str, str]]:
    installation.slack.scopes -= {"usergroups:read"}
    yield {}
    installation.slack.scopes = SCOPES


@contextlib.contextmanager
def token_revoked(installation: Installation) -> Iterator[dict[str, str]]:
    installation.slack.fail("auth.test", error("token_revoked"))
    yield {}
    installation.slack.heal()


@contextlib.contextmanager
def not_in_channel(installation: Installation) -> Iterator[dict[str, str]]:
    before = set(installation.slack.joined)
    installation.slack.joined.clear()
    yield {}
    installation.slack.joined |= before


BROKEN: dict[str, tuple[Break, str, str, str]] = {
    "a setting that there is not": (
        setting("SERIN_CONCURENCY", "9"),
        "settings",
        "SERIN_CONCURENCY",
        "docs/settings.md",
    ),
    "no key for hashes": (setting("SERIN_HASH_KEY", ""), "settings", "SERIN_HASH_KEY", "openssl rand"),
    "a right withdrawn": (right_withdrawn, "rights", "deployments.apps", "resources: [deployments], verbs: [list]"),
    "a definition missing": (definition_missing, "definitions", "flagger.app/v1beta1", "helm show crds charts/serin"),
    "a webhook that is not there": (
        webhook_changed(url=f"https://127.0.0.1:{closed_port()}/webhook/{SECRET}"),
        "webhook",
        "answer",
        "see that the function runs",
    ),
    "a Service without pods": (
        webhook_changed(url=None, service={"name": "serin", "namespace": "default", "path": f"/webhook/{SECRET}"}),
        "webhook",
        "Service serin.default",
        "describe deployment serin",
    ),
    "a certificate of somebody else": (webhook_changed(caBundle=OTHER_AUTHORITY), "webhook", "answer", "function runs"),
    "another secret of the webhook": (
        setting("SERIN_WEBHOOK_SECRETS", "another-secret-of-the-tests"),
        "webhook",
        "canaries.serin.dev",
        "SERIN_WEBHOOK_SECRETS",
    ),
    "a job missing": (job_missing, "scheduler", "heartbeat", "terraform"),
    "the heartbeat paused while something is active": (
        active(0, PAUSED),
        "scheduler",
        "heartbeat state",
        "gcloud scheduler jobs resume serin-heartbeat-other-0",
    ),
    "the sweep paused": (sweep_paused, "scheduler", "sweep state", "gcloud scheduler jobs resume"),
    "another caller": (
        setting("SERIN_CALLERS", "other@shop.iam.gserviceaccount.com"),
        "scheduler",
        "sweep",
        "add it to SERIN_CALLERS",
    ),
    "another audience": (
        setting("SERIN_AUDIENCES", "https://other.a.run.app"),
        "scheduler",
        "sweep",
        "add it to SERIN_AUDIENCES",
    ),
    "Prometheus out of reach": (setting("SERIN_METRICS_SERVER", NOBODY), "metrics", NOBODY, "see that it runs"),
    "Prometheus not allowed": (
        setting("SERIN_EGRESS_ALLOW", "prometheus.example.com"),
        "metrics",
        "",
        "name the host in SERIN_EGRESS_ALLOW",
    ),
    "a query without data": (metric_added("sum(orders_total)"), "metrics", "frontend", "sum(orders_total)"),
    "a query that is none": (metric_added("sum("), "metrics", "frontend", "correct the query"),
    "a Canary that makes no sense": (canary_invalid, "canaries", "frontend.kube-public", "kubectl -n kube-public edit"),
    "two Canaries for one app": (canary_twice, "canaries", "second", "edit canary second"),
    "Flagger beside": (flagger_beside, "canaries", "Flagger", "scale deployment flagger --replicas 0"),
    "nobody ticks": (active(12, ENABLED), "canaries", "cart.shop", "see the scheduler"),
    "a scope missing": (scope_missing, "slack", "scope usergroups:read", "install the app again"),
    "a token revoked": (token_revoked, "slack", "token", "SERIN_SLACK_TOKEN"),
    "not in the channel": (not_in_channel, "slack", "channel", "/invite"),
}
"""How it is broken; the area and the subject where that is found, and what the remedy says."""


def shown(findings: list[Finding]) -> str:
    areas = dict.fromkeys(each.area for each in findings)
    blocks = [write_area([each for each in findings if each.area == area], 110, colour=False) for area in areas]
    return "\n\n".join("\n".join(block) for block in blocks) + "\n\n" + write_summary(findings)


def test_a_healthy_installation_has_nothing_bad(installation: Installation) -> None:
    findings = installation.examine()
    print(shown(findings))
    assert not bad(findings)
    assert not [each for each in findings if each.verdict is Verdict.WARNING]
    looked_at = {each.area for each in findings}
    assert looked_at >= {"settings", "store", "cluster", "canaries", "definitions", "rights", "webhook", "metrics"}


def test_the_page_shows_what_it_prints(installation: Installation) -> None:
    with contextlib.ExitStack() as broken:
        for breaks in (right_withdrawn, metric_added("sum(orders_total)"), sweep_paused, scope_missing):
            broken.enter_context(breaks(installation))
        findings = [as_in_the_page(installation, each) for each in installation.examine()]
    (printed,) = re.findall(r"```\nsettings\n.*?```", PAGE.read_text(), re.DOTALL)
    assert printed == f"```\n{shown(findings)}\n```"


def as_in_the_page(installation: Installation, found: Finding) -> Finding:
    """The same with the names of an installation as people have them, and what differs from run to run made equal."""
    names = {
        re.escape(installation.installed.namespace): "serin-system",
        re.escape(installation.release.namespace): "shop",
        re.escape(installation.environment["SERIN_METRICS_SERVER"]): "http://prometheus:9090",
        r"https://127.0.0.1:\d+/webhook": "https://webhook-shop.a.run.app",
        r"within \d+ ms": "within 41 ms",
        r"Python [\d.]+": "Python 3.13.5",
        r"Kubernetes v[\d.]+": "Kubernetes v1.35.4",
        r"\d remembered, \d active": "1 remembered, 0 active",
    }
    texts = {name: getattr(found, name) for name in ("subject", "seen", "command")}
    for pattern, name in names.items():
        texts = {key: re.sub(pattern, name, text) for key, text in texts.items()}
    return replace(found, **texts)


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_broken_is_found_with_its_remedy(installation: Installation, what: str) -> None:
    broken, area, subject, remedy = BROKEN[what]
    with broken(installation) as changes:
        findings = installation.examine(**changes)
    print(shown(findings))
    found = [each for each in bad(findings) if each.area == area and subject in each.subject]
    assert any(remedy in f"{each.remedy} {each.command}" for each in found), bad(findings)
    assert {each.area for each in bad(findings)} == {area}, "nothing else is broken"


def test_from_inside_it_runs_with_what_the_image_holds_and_with_serins_own_rights(
    installation: Installation, firestore_emulator: str, tmp_path: Path
) -> None:
    inside = {**installation.environment, "SERIN_KUBECONFIG": installation.functions.kubeconfig, "SERIN_SCHEDULER": ""}
    environment = {**os.environ, **inside, "PYTHONPATH": ".", "FIRESTORE_EMULATOR_HOST": firestore_emulator}
    command = [sys.executable, "-m", "functions.doctor", "--json"]
    app = OF_SERIN.unpack(tmp_path / "app")
    done = subprocess.run(command, cwd=app, env=environment, capture_output=True, text=True, check=False)
    found = {(each["area"], each["subject"]): each for each in json.loads(done.stdout)}
    assert [each for each in found.values() if each["verdict"] == "bad"] == []
    assert done.returncode == 0
    assert found["cluster", "caller"]["seen"] == f"is known as {installation.installed.user}"
    assert found["webhook", "registration"]["verdict"] == "unknown"


def test_a_store_that_is_dead_is_one_bad_row(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{closed_port()}")
    (found,) = bad(installation.examine())
    assert (found.area, found.subject) == ("store", "firestore")


def test_a_cluster_that_is_dead_is_one_bad_row_and_the_rest_is_not_checked(
    installation: Installation, tmp_path: Path
) -> None:
    config: dict[str, Any] = json.loads(installation.cluster.kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{closed_port()}"
    elsewhere = tmp_path / "kubeconfig"
    elsewhere.write_text(json.dumps(config))
    findings = installation.examine(SERIN_KUBECONFIG=str(elsewhere))
    (found,) = bad(findings)
    assert (found.area, found.subject) == ("cluster", "API server")
    (skipped,) = [each for each in findings if each.area == "cluster" and each.verdict is Verdict.UNKNOWN]
    assert "rights" in skipped.subject
    assert not [each for each in findings if each.area == "rights"]


def test_a_clock_that_goes_wrong_is_found(installation: Installation) -> None:
    ahead = installation.at(lambda: datetime.now(UTC) + timedelta(seconds=90))
    (found,) = bad(ahead.examine())
    assert (found.area, found.subject) == ("cluster", "clock")


def test_it_changes_nothing(installation: Installation) -> None:
    api = installation.cluster
    mark, calls = api.mark(), dict(installation.scheduler.calls)
    installation.examine()
    writes = [
        entry
        for entry in api.requests_by("admin", mark)
        if entry.verb not in ("get", "list") and not entry.resource.endswith("reviews")
    ]
    assert writes == []
    asked = {name for name, count in installation.scheduler.calls.items() if count != calls.get(name, 0)}
    assert asked == {"GetJob"}
    assert {call.method for call in installation.slack.calls} == {"auth.test", "conversations.history"}


def test_no_secret_is_ever_shown(installation: Installation) -> None:
    told = "".join(map(repr, installation.examine()))
    secrets = [
        installation.environment[name]
        for name in installation.environment
        if name.endswith(("SECRETS", "KEY", "TOKEN"))
    ]
    assert len(secrets) == 4
    assert not [secret for secret in secrets if secret in told]


def test_a_cluster_that_is_dead_keeps_nothing_from_another(embedded_cluster: EmbeddedCluster, tmp_path: Path) -> None:
    dead = json.loads(embedded_cluster.kubeconfig.read_text())
    dead["clusters"][0]["cluster"]["server"] = NOBODY
    (tmp_path / "dead").write_text(json.dumps(dead))
    files = {"dead": str(tmp_path / "dead"), "alive": str(embedded_cluster.kubeconfig)}
    clusters = {name: {"credentials": {"kubeconfig": file}} for name, file in files.items()}
    environment = {"SERIN_CLUSTERS": json.dumps(clusters), "SERIN_STORE": "sqlite://"}
    areas = {each.area for each in examine(environment, Scope())}
    assert {"cluster in dead", "cluster in alive", "rights in alive"} <= areas
    assert "rights in dead" not in areas
