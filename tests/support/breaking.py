"""Ways to break an installation, each with what the doctor must say of it. What is broken is mended afterwards."""

from __future__ import annotations

import base64
import contextlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from shared.rollout import RolloutKey
from shared.state.open import open_store
from tests.support.app import NAME, canary
from tests.support.cluster import CANARY, install_crds
from tests.support.functions import SECRET
from tests.support.google_identity import make_certificate
from tests.support.installation import job_name, make_job
from tests.support.rollouts import first_version
from tests.support.scheduler import ENABLED, PAUSED, State
from tests.support.slack_api import SCOPES, error
from tests.support.waiting import eventually
from tests.support.web import closed_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.support.installation import Installation

    Break = Callable[[Installation], "Broken"]

ROLE = "/apis/rbac.authorization.k8s.io/v1/clusterroles/{}-serin"
CANARIES = "/apis/flagger.app/v1beta1/namespaces/kube-public/canaries"
"""In a namespace that no webhook is called about."""
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
TEMPLATES = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/metrictemplates.flagger.app"
OTHER_AUTHORITY = base64.b64encode(make_certificate("other").encode()).decode()
NOBODY = f"http://127.0.0.1:{closed_port()}"


@dataclass(frozen=True, slots=True)
class Broken:
    """``settings`` are given to who examines; ``mend`` puts everything back."""

    settings: Mapping[str, str] = field(default_factory=dict)
    mend: Callable[[], object] = lambda: None


@dataclass(frozen=True, slots=True)
class Case:
    """How it is broken; the area and the subject where that is found, and what the remedy says."""

    do: Break
    area: str
    subject: str
    remedy: str


@contextlib.contextmanager
def broken(installation: Installation, *ways: Break) -> Iterator[Mapping[str, str]]:
    """Broken in all these ways within the block; the settings to examine it with."""
    settings: dict[str, str] = {}
    with contextlib.ExitStack() as mending:
        for way in ways:
            done = way(installation)
            mending.callback(done.mend)
            settings |= done.settings
        yield settings


def setting(name: str, value: str) -> Break:
    """Another value of a setting."""
    return lambda _: Broken({name: value})


def withdraw_right(installation: Installation) -> Broken:
    """Deployments may not be listed."""
    api, path = installation.cluster.api, ROLE.format(installation.installed.namespace)
    rules = api.get(path)["rules"]
    rest = [rule for rule in rules if "deployments" not in rule["resources"]]
    deployments = {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "create", "update", "delete"]}
    api.patch(path, {"rules": [*rest, deployments]})
    return Broken(mend=lambda: api.patch(path, {"rules": rules}))


def remove_definition(installation: Installation) -> Broken:
    """There are no MetricTemplates; what is served follows a definition a moment later."""
    api = installation.cluster.api

    def served() -> bool:
        listed = api.get("/apis/flagger.app/v1beta1")["resources"]
        return "metrictemplates" in {resource["name"] for resource in listed}

    def mend() -> None:
        install_crds(installation.cluster, CANARY)
        eventually("MetricTemplates are served", served)

    api.delete(TEMPLATES)
    eventually("MetricTemplates are not served", lambda: api.find(TEMPLATES) is None and not served())
    return Broken(mend=mend)


def change_webhook(**client: object) -> Break:
    """The cluster is told to call another address, or to trust another authority."""

    def change(installation: Installation) -> Broken:
        api, path = installation.cluster.api, installation.installed.webhooks
        before = api.get(path)["webhooks"]
        hooks = [{**hook, "clientConfig": {**hook["clientConfig"], **client}} for hook in before]
        api.patch(path, {"webhooks": hooks})
        return Broken(mend=lambda: api.patch(path, {"webhooks": before}))

    return change


def remove_job(installation: Installation) -> Broken:
    """There is no heartbeat."""
    installation.scheduler.connect().delete_job(name=job_name("heartbeat"))
    return Broken(mend=lambda: make_job(installation.scheduler, "heartbeat"))


def pause_sweep(installation: Installation) -> Broken:
    """Nobody calls the sweep."""
    scheduler = installation.scheduler
    scheduler.set_state(job_name("sweep"), PAUSED)
    return Broken(mend=lambda: scheduler.set_state(job_name("sweep"), ENABLED))


def leave_waiting(minutes: int, heartbeat: State) -> Break:
    """A rollout has been due for so long, in a cluster that the functions do not look after."""

    def change(installation: Installation) -> Broken:
        other = f"other-{minutes}"
        for job in ("heartbeat", "sweep"):
            make_job(installation.scheduler, job, other)
        installation.scheduler.set_state(job_name("heartbeat", other), heartbeat)
        waiting = first_version(due_at=datetime.now(UTC) - timedelta(minutes=minutes))
        with contextlib.closing(open_store(installation.environment["SERIN_STORE"])) as store:
            store.commit(RolloutKey(other, "shop", "cart"), waiting, None)
        return Broken({"SERIN_CLUSTER": other})

    return change


def add_metric(query: str) -> Break:
    """The Canary has one more metric."""

    def change(installation: Installation) -> Broken:
        release = installation.release
        before = release.get("canary")["spec"]["analysis"]["metrics"]
        metric = {"name": "orders", "query": query, "interval": "5s", "thresholdRange": {"min": 1}}
        release.patch("canary", {"spec": {"analysis": {"metrics": [*before, metric]}}})
        return Broken(mend=lambda: release.patch("canary", {"spec": {"analysis": {"metrics": before}}}))

    return change


def make_senseless_canary(installation: Installation) -> Broken:
    """A Canary with a metric that nobody knows."""
    api = installation.cluster.api
    api.create(CANARIES, canary(metrics=[{"name": "latency"}]))
    return Broken(mend=lambda: api.delete(f"{CANARIES}/{NAME}"))


def make_second_canary(installation: Installation) -> Broken:
    """Another Canary for the same app."""
    api, path = installation.cluster.api, installation.release.path("canary", "")
    api.create(path, {**canary(), "metadata": {"name": "second"}})
    return Broken(mend=lambda: api.delete(f"{path}/second"))


def run_flagger(installation: Installation) -> Broken:
    """Flagger, as its chart installs it."""
    api, labels = installation.cluster.api, {"app.kubernetes.io/name": "flagger"}
    pod = {"containers": [{"name": "flagger", "image": "ghcr.io/fluxcd/flagger:1.42.0"}]}
    spec = {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}
    api.create(DEPLOYMENTS, {"metadata": {"name": "flagger", "labels": labels}, "spec": spec})
    return Broken(mend=lambda: api.delete(f"{DEPLOYMENTS}/flagger"))


def take_scope(installation: Installation) -> Broken:
    """The app may not look at user groups."""
    slack = installation.slack
    slack.scopes -= {"usergroups:read"}
    return Broken(mend=lambda: setattr(slack, "scopes", SCOPES))


def revoke_token(installation: Installation) -> Broken:
    """Slack does not take the token."""
    installation.slack.fail("auth.test", error("token_revoked"))
    return Broken(mend=installation.slack.heal)


def leave_channel(installation: Installation) -> Broken:
    """The app was removed from its channel."""
    joined = installation.slack.joined
    before = set(joined)
    joined.clear()
    return Broken(mend=lambda: joined.update(before))


def _changed(name: str, value: str, area: str, subject: str, remedy: str) -> Case:
    return Case(setting(name, value), area, subject, remedy)


_DEAD_WEBHOOK = change_webhook(url=f"https://127.0.0.1:{closed_port()}/webhook/{SECRET}")
_SERVICE = {"name": "serin", "namespace": "default", "path": f"/webhook/{SECRET}"}
_OTHER = "other@shop.iam.gserviceaccount.com"

CASES = {
    "a setting that there is not": _changed("SERIN_TYPO", "9", "settings", "SERIN_TYPO", "docs/settings.md"),
    "no key for hashes": _changed("SERIN_HASH_KEY", "", "settings", "SERIN_HASH_KEY", "openssl rand"),
    "a right withdrawn": Case(withdraw_right, "rights", "deployments.apps", "resources: [deployments], verbs: [list]"),
    "a definition missing": Case(remove_definition, "definitions", "flagger.app/v1beta1", "helm show crds"),
    "a webhook that is not there": Case(_DEAD_WEBHOOK, "webhook", "answer", "function runs"),
    "a certificate of somebody else": Case(
        change_webhook(caBundle=OTHER_AUTHORITY), "webhook", "answer", "webhook.caBundle"
    ),
    "a Service without pods": Case(
        change_webhook(url=None, service=_SERVICE), "webhook", "Service serin.default", "describe deployment serin"
    ),
    "another secret of the webhook": _changed(
        "SERIN_WEBHOOK_SECRETS", "another-secret-of-the-tests", "webhook", "canaries.serin.dev", "SERIN_WEBHOOK_SECRETS"
    ),
    "a job missing": Case(remove_job, "scheduler", "heartbeat", "terraform"),
    "the heartbeat paused while something is active": Case(
        leave_waiting(0, PAUSED), "scheduler", "heartbeat state", "gcloud scheduler jobs resume serin-heartbeat-other-0"
    ),
    "the sweep paused": Case(pause_sweep, "scheduler", "sweep state", "gcloud scheduler jobs resume"),
    "another caller": _changed("SERIN_CALLERS", _OTHER, "scheduler", "sweep", "add it to SERIN_CALLERS"),
    "another audience": _changed(
        "SERIN_AUDIENCES", "https://other.a.run.app", "scheduler", "sweep", "add it to SERIN_AUDIENCES"
    ),
    "Prometheus out of reach": _changed("SERIN_METRICS_SERVER", NOBODY, "metrics", NOBODY, "see that it runs"),
    "Prometheus not allowed": _changed(
        "SERIN_EGRESS_ALLOW", "prometheus.example.com", "metrics", "http", "name the host in SERIN_EGRESS_ALLOW"
    ),
    "a query without data": Case(add_metric("sum(orders_total)"), "metrics", NAME, "sum(orders_total)"),
    "a query that is none": Case(add_metric("sum("), "metrics", NAME, "correct the query"),
    "a Canary that makes no sense": Case(
        make_senseless_canary, "canaries", f"{NAME}.kube-public", "kubectl -n kube-public edit canary"
    ),
    "two Canaries for one app": Case(make_second_canary, "canaries", "second", "edit canary second"),
    "Flagger beside": Case(run_flagger, "canaries", "Flagger", "scale deployment flagger --replicas 0"),
    "nobody ticks": Case(leave_waiting(12, ENABLED), "canaries", "cart.shop", "see the scheduler"),
    "a scope missing": Case(take_scope, "slack", "scope usergroups:read", "install the app again"),
    "a token revoked": Case(revoke_token, "slack", "token", "SERIN_SLACK_TOKEN"),
    "not in the channel": Case(leave_channel, "slack", "channel", "/invite"),
}
