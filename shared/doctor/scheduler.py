"""The jobs of Cloud Scheduler: whether both are there for a cluster, whom they call and as whom, and how that went.

They are read and left as they are.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shared.jobs.choice import PLACE, PREFIX
from shared.jobs.cloud_scheduler import Place
from shared.jobs.protocol import HEARTBEAT, SWEEP
from shared.jobs.trouble import Kind, explain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from google.cloud.scheduler_v1 import CloudSchedulerClient
    from google.cloud.scheduler_v1.types import Job

    from shared.doctor.finding import Area, Finding
    from shared.json_types import JsonObject
    from shared.settings import Settings

LIMIT_SECONDS = 5.0
_TERRAFORM = "terraform -chdir=infra/google apply"
_NEVER = datetime.min.replace(tzinfo=UTC)
_WAITING = {True: "rollouts are active and wait for it", None: "rollouts may be active", False: ""}


@dataclass(frozen=True, slots=True)
class JobSeen:
    """A job as it is: ``job`` is what it calls for, ``status`` the gRPC code of its last attempt, if there was one."""

    job: str
    name: str
    state: str
    url: str = ""
    account: str = ""
    audience: str = ""
    body: JsonObject | None = None
    status: int | None = None
    attempted: datetime = _NEVER

    def command(self, verb: str) -> str:
        """What changes it by hand."""
        _, project, _, location, _, name = self.name.split("/")
        return f"gcloud scheduler jobs {verb} {name} --project {project} --location {location}"


def examine_jobs(
    area: Area,
    settings: Settings,
    cluster: str,
    connect: Callable[[], CloudSchedulerClient],
    *,
    active: bool | None,
) -> Iterator[Finding]:
    """The heartbeat and the sweep of a cluster. ``active`` says whether rollouts wait for the heartbeat, if known."""
    found = PLACE.fullmatch(settings.scheduler)
    if found is None:
        yield area.ok("local loop", "SERIN_SCHEDULER is empty: the process that serves the functions calls them itself")
        return
    place = Place(found[1], found[2], PREFIX)
    for job, waiting in ((HEARTBEAT, _WAITING[active]), (SWEEP, "what no hint told of is not found")):
        seen = _ask(connect, job, place.name_job(cluster, job))
        if isinstance(seen, str):
            yield area.bad(job, seen, "if there is no such job, make it:", _TERRAFORM)
        else:
            yield from judge_target(area, seen, settings, {"job": job, "cluster": cluster})
            yield judge_state(area, seen, waiting)
            yield judge_attempt(area, seen)


def judge_target(area: Area, job: JobSeen, settings: Settings, body: JsonObject) -> Iterator[Finding]:
    """Whom it calls, with what, and as whom."""
    audience = job.audience or job.url
    wrong = (
        (not job.url, "calls no URL", "let it call the tick function by HTTP"),
        (job.body != body, f"does not send {json.dumps(body)}", "let it send that"),
        (
            job.account not in settings.callers,
            f"calls as {job.account or 'nobody'}, which SERIN_CALLERS does not have",
            "add it to SERIN_CALLERS, or correct the job",
        ),
        (
            audience not in settings.audiences,
            f"has a token for {audience}, which SERIN_AUDIENCES does not have",
            "add it to SERIN_AUDIENCES, or correct the job",
        ),
    )
    complaints = [area.bad(job.job, seen, f"{remedy}:", _TERRAFORM) for is_wrong, seen, remedy in wrong if is_wrong]
    yield from complaints or [area.ok(job.job, f"calls {job.url} as {job.account}")]


def judge_state(area: Area, job: JobSeen, waiting: str) -> Finding:
    """Whether it is on. ``waiting`` says what comes of it if it is not, and is empty if nothing does."""
    subject = f"{job.job} state"
    if job.state == "ENABLED":
        return area.ok(subject, "is on")
    if job.state == "PAUSED" and not waiting:
        return area.ok(subject, "is paused, and nothing is active")
    if job.state == "PAUSED":
        return area.bad(subject, f"is paused, and {waiting}", "switch it on:", job.command("resume"))
    return area.bad(subject, f"is {job.state}", "delete it, and let Terraform make it again:", job.command("delete"))


def judge_attempt(area: Area, job: JobSeen) -> Finding:
    """How its last call went."""
    subject = f"{job.job} last call"
    if job.status is None:
        return area.ok(subject, "was not made yet")
    when = f"at {job.attempted:%Y-%m-%d %H:%M:%S} UTC"
    if job.status:
        words = _ATTEMPTS.get(job.status, "was not answered as it should")
        remedy = "see the log of the tick function, and then call it:"
        return area.bad(subject, f"{when} it {words}", remedy, job.command("run"))
    return area.ok(subject, f"went well {when}")


_ATTEMPTS = {
    5: "found nothing at its URL (404)",
    7: "was forbidden (403): the account may not invoke the function",
    16: "was turned away (401): its account or audience is not accepted",
    4: "took too long",
    14: "was not answered, or with an error (5xx)",
}
"""By gRPC code (google.rpc.Code), as Cloud Scheduler gives those of HTTP."""


def _ask(connect: Callable[[], CloudSchedulerClient], job: str, name: str) -> JobSeen | str:
    """The job, or why it is not known."""
    from google.api_core.exceptions import GoogleAPIError  # noqa: PLC0415  loaded when needed
    from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415  as above

    try:
        return _read(job, connect().get_job(name=name, retry=None, timeout=LIMIT_SECONDS))
    except (GoogleAPIError, GoogleAuthError) as error:
        trouble = explain(error, "look at", name)
        return trouble.text.partition(": ")[2] if trouble.kind is not Kind.REFUSED else trouble.text


def _read(word: str, job: Job) -> JobSeen:
    target = job.http_target
    attempted = job.last_attempt_time
    try:
        body = json.loads(target.body or b"null")
    except ValueError:
        body = None
    return JobSeen(
        word,
        job.name,
        job.state.name,
        target.uri,
        target.oidc_token.service_account_email,
        target.oidc_token.audience,
        body if isinstance(body, dict) else None,
        int(job.status.code) if attempted else None,
        attempted.replace(tzinfo=UTC) if attempted else _NEVER,
    )
