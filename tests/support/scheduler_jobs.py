"""The jobs of the cluster ``east`` as Terraform makes them, in a local Cloud Scheduler; what is logged about them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from google.cloud.scheduler_v1 import types

from shared.jobs.cloud_scheduler import Place

if TYPE_CHECKING:
    import io

    from tests.support.scheduler import LocalScheduler

PLACE = Place("shop", "europe-west3", "serin")
HEARTBEAT, SWEEP = PLACE.name_job("east"), PLACE.name_job("east").replace("heartbeat", "sweep")
ACCOUNT = "scheduler@shop.iam.gserviceaccount.com"
ACTIONS = ("resume", "pause", "force")


def messages(log: io.StringIO) -> list[str]:
    """The sentences in a log."""
    return [json.loads(line)["msg"] for line in log.getvalue().splitlines()]


def http_job(name: str, url: str, job: str) -> types.Job:
    """A job as Terraform makes it."""
    target = types.HttpTarget(
        uri=url,
        http_method=types.HttpMethod.POST,
        headers={"Content-Type": "application/json"},
        body=json.dumps({"job": job}).encode(),
        oidc_token=types.OidcToken(service_account_email=ACCOUNT, audience=url),
    )
    return types.Job(name=name, schedule="* * * * *", http_target=target)


def install(scheduler: LocalScheduler, url: str) -> None:
    """Make the two jobs of the cluster ``east``."""
    client = scheduler.connect()
    parent = HEARTBEAT.partition("/jobs/")[0]
    client.create_job(parent=parent, job=http_job(HEARTBEAT, url, "heartbeat"))
    client.create_job(parent=parent, job=http_job(SWEEP, url, "sweep"))
