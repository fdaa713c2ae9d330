"""A whole installation, as on Google Cloud, of real parts: the chart in a real cluster, the functions, Firestore's
emulator, Prometheus with the primary's requests, and local servers of Cloud Scheduler and Slack.

The functions run under the chart's own account. Who examines comes from outside, as somebody who may read everything,
and looks at the rights of that account.
"""

from __future__ import annotations

import base64
import contextlib
import json
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from google.cloud.scheduler_v1 import types

from shared.doctor.examine import Means, Scope, examine
from shared.doctor.finding import Verdict
from shared.state.open import open_store
from tests.support.app import NAME, Release
from tests.support.cluster import Access, kubeconfig
from tests.support.functions import SECRET, Functions
from tests.support.installed import Installed
from tests.support.scheduler import LocalScheduler
from tests.support.slack_api import CHANNEL, TOKEN, SlackApi
from tests.support.waiting import eventually
from tests.support.web import WebServer, reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from shared.doctor.finding import Finding
    from tests.support.helm import Helm
    from tests.support.prometheus import Prometheus
    from tests.support.real_cluster import RealCluster
    from tests.support.web import Behaviour, Received

PLACE = "projects/shop/locations/europe-west1"
ACCOUNT = "scheduler@shop.iam.gserviceaccount.com"
TICK = "https://tick-shop.a.run.app/"
CLUSTER = "test"


@dataclass(frozen=True, slots=True)
class Installation:
    """What is installed; ``environment`` is that of who examines it."""

    cluster: RealCluster
    installed: Installed
    release: Release
    functions: Functions
    scheduler: LocalScheduler
    slack: SlackApi
    environment: Mapping[str, str]
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    def examine(self, **changes: str) -> list[Finding]:
        """What the doctor finds, with some settings changed."""
        settings = {**self.environment, **changes}
        means = Means(self.scheduler.connect, self.clock)
        return list(examine(settings, Scope(user=self.installed.user), means))

    def at(self, clock: Callable[[], datetime]) -> Installation:
        """The same at another time."""
        return replace(self, clock=clock)


def bad(findings: list[Finding]) -> list[Finding]:
    """Those that are bad."""
    return [each for each in findings if each.verdict is Verdict.BAD]


@contextlib.contextmanager
def whole_installation(
    cluster: RealCluster, helm: Helm, prometheus: Prometheus, store: str, directory: Path
) -> Iterator[Installation]:
    """Installed, with one Canary that is initialized and whose primary is asked by users."""
    with contextlib.ExitStack() as running:
        installed = Installed(cluster, cluster.create_namespace(), helm)
        release = Release(cluster, cluster.create_namespace())
        requests = running.enter_context(Requests(release.namespace))
        running.enter_context(prometheus.scraping(requests.url.removeprefix("http://"), {}))
        settings = {
            "SERIN_CLUSTER": CLUSTER,
            "SERIN_STORE": store,
            "SERIN_HASH_KEY": "a key for tests only",
            "SERIN_METRICS_SERVER": prometheus.url,
            "SERIN_EGRESS_ALLOW": "127.0.0.1",
        }
        installed.install({"webhook": {"enabled": False}})
        own = {**settings, "SERIN_KUBECONFIG": _kubeconfig(cluster, installed.token(), directory / "own")}
        functions = running.enter_context(Functions(directory, own, "--beat", "1", "--sweep", "5"))
        installed.upgrade(_values(functions))
        release.install()
        eventually("the release is at rest", lambda: _rests(store, release), 60)
        scheduler = running.enter_context(LocalScheduler())
        make_job(scheduler, "heartbeat")
        make_job(scheduler, "sweep")
        slack = running.enter_context(SlackApi())
        eventually("requests are counted", lambda: requests.are_counted(prometheus), 30)
        outside = {
            **settings,
            "SERIN_KUBECONFIG": str(cluster.kubeconfig),
            "SERIN_WEBHOOK_SECRETS": SECRET,
            "SERIN_SCHEDULER": PLACE,
            "SERIN_CALLERS": ACCOUNT,
            "SERIN_AUDIENCES": TICK,
            "SERIN_SLACK_TOKEN": TOKEN,
            "SERIN_SLACK_CHANNEL": CHANNEL,
            "SERIN_SLACK_API": slack.base_url,
            "SERIN_SLACK_SIGNING_SECRETS": "0123456789abcdef0123456789abcdef",
        }
        yield Installation(cluster, installed, release, functions, scheduler, slack, outside)


def job_name(job: str, cluster: str = CLUSTER) -> str:
    """A job by its resource name."""
    return f"{PLACE}/jobs/serin-{job}-{cluster}"


def make_job(scheduler: LocalScheduler, job: str, cluster: str = CLUSTER) -> None:
    """A job as Terraform makes it."""
    target = types.HttpTarget(
        uri=TICK,
        http_method=types.HttpMethod.POST,
        headers={"Content-Type": "application/json"},
        body=json.dumps({"job": job, "cluster": cluster}).encode(),
        oidc_token=types.OidcToken(service_account_email=ACCOUNT, audience=TICK),
    )
    made = types.Job(name=job_name(job, cluster), schedule="* * * * *", http_target=target)
    scheduler.connect().create_job(parent=PLACE, job=made)


class Requests(WebServer):
    """An exporter of what a sidecar of the primary counts: fifty requests a second, all of them good and quick."""

    def __init__(self, namespace: str) -> None:
        super().__init__(reply())
        self._began = time.monotonic()
        whom = f'destination_workload_namespace="{namespace}",destination_workload="{NAME}-primary"'
        self._labels = f'reporter="destination",{whom}'

    def are_counted(self, prometheus: Prometheus) -> bool:
        """Whether Prometheus knows their rate."""
        return bool(prometheus.query(f"rate(istio_requests_total{{{self._labels}}}[5s]) > 0"))

    def take(self, request: Received) -> Behaviour:
        """The counters of now."""
        super().take(request)
        count = round((time.monotonic() - self._began) * 50)
        duration = "istio_request_duration_milliseconds_bucket"
        return reply(
            200,
            f'istio_requests_total{{{self._labels},response_code="200"}} {count}\n'
            f'{duration}{{{self._labels},le="50"}} {count}\n'
            f'{duration}{{{self._labels},le="+Inf"}} {count}\n',
            {"Content-Type": "text/plain; version=0.0.4"},
        )


def _rests(store: str, release: Release) -> bool:
    """Whether it is initialized, and nobody waits for a tick."""
    with contextlib.closing(open_store(store)) as opened:
        return release.phase() == "Initialized" and opened.next_due(CLUSTER) is None


def _values(functions: Functions) -> Mapping[str, object]:
    authority = base64.b64encode(functions.certificate).decode()
    return {
        "mode": "cloud",
        "cloud": {"webhookUrl": functions.webhook_url.removesuffix(f"/{SECRET}")},
        "webhook": {"secret": SECRET, "caBundle": authority},
    }


def _kubeconfig(cluster: RealCluster, token: str, directory: Path) -> str:
    """A kubeconfig of who has the token."""
    directory.mkdir()
    file = directory / "kubeconfig"
    access = Access(cluster.url, cluster.ca_file, "", token)
    file.write_text(json.dumps({**kubeconfig(access), "current-context": "serin"}))
    return str(file)
