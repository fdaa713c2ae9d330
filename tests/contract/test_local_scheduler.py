"""The local Cloud Scheduler as its reference describes the real one, asked by Google's own client.

Source: google.cloud.scheduler.v1, as far as Serin and its tests use it.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

import pytest
from google.api_core import exceptions
from google.cloud.scheduler_v1 import types

from tests.support.scheduler import LocalScheduler
from tests.support.waiting import eventually
from tests.support.web import WebServer, closed_port, reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.cloud.scheduler_v1 import CloudSchedulerClient

PARENT = "projects/shop/locations/europe-west3"
NAME = f"{PARENT}/jobs/one"


@pytest.fixture
def scheduler() -> Iterator[LocalScheduler]:
    with LocalScheduler() as running:
        yield running


@pytest.fixture
def client(scheduler: LocalScheduler) -> CloudSchedulerClient:
    return scheduler.connect()


def job(name: str = NAME, uri: str = "http://127.0.0.1:1/") -> types.Job:
    return types.Job(name=name, schedule="* * * * *", http_target=types.HttpTarget(uri=uri, body=b"x"))


def has_more_than(scheduler: LocalScheduler, attempts: int) -> bool:
    return len(scheduler.attempts) > attempts


def test_a_job_is_made_once_found_and_deleted(client: CloudSchedulerClient) -> None:
    made = client.create_job(parent=PARENT, job=job())
    assert made.state == types.Job.State.ENABLED
    assert made.user_update_time is not None
    assert client.get_job(name=NAME) == made
    with pytest.raises(exceptions.AlreadyExists):
        client.create_job(parent=PARENT, job=job())
    client.delete_job(name=NAME)
    with pytest.raises(exceptions.NotFound):
        client.get_job(name=NAME)


@pytest.mark.parametrize(
    "bad", [job("one"), job(f"{PARENT}/jobs/a.b"), job("projects/p/locations/l/jobs/x"), types.Job(name=NAME)]
)
def test_a_job_has_to_be_whole(client: CloudSchedulerClient, bad: types.Job) -> None:
    with pytest.raises(exceptions.InvalidArgument):
        client.create_job(parent=PARENT, job=bad)


def test_an_update_changes_what_its_mask_names_and_nothing_else(client: CloudSchedulerClient) -> None:
    client.create_job(parent=PARENT, job=job())
    change = types.Job(name=NAME, schedule="0 * * * *", http_target=types.HttpTarget(uri="http://other/"))
    client.update_job(job=change, update_mask={"paths": ["http_target.uri"]})
    found = client.get_job(name=NAME)
    assert (found.schedule, found.http_target.uri, found.http_target.body) == ("* * * * *", "http://other/", b"x")
    with pytest.raises(exceptions.InvalidArgument):
        client.update_job(job=change, update_mask={"paths": ["state"]})
    with pytest.raises(exceptions.NotFound):
        client.update_job(job=job(f"{PARENT}/jobs/two"), update_mask={"paths": ["schedule"]})


def test_states_allow_what_the_reference_says(client: CloudSchedulerClient) -> None:
    client.create_job(parent=PARENT, job=job())
    with pytest.raises(exceptions.FailedPrecondition):
        client.resume_job(name=NAME)
    assert client.pause_job(name=NAME).state == types.Job.State.PAUSED
    for refused in (client.pause_job, client.run_job):
        with pytest.raises(exceptions.FailedPrecondition):
            refused(name=NAME)
    assert client.resume_job(name=NAME).state == types.Job.State.ENABLED


def test_a_kind_service_takes_what_is_so_already_as_done() -> None:
    with LocalScheduler(strict=False) as scheduler:
        client = scheduler.connect()
        client.create_job(parent=PARENT, job=job())
        assert client.resume_job(name=NAME).state == types.Job.State.ENABLED
        client.pause_job(name=NAME)
        assert client.pause_job(name=NAME).state == types.Job.State.PAUSED
        assert client.run_job(name=NAME).state == types.Job.State.PAUSED


def test_a_list_has_pages_and_only_its_own_location(client: CloudSchedulerClient) -> None:
    for name in "cab":
        client.create_job(parent=PARENT, job=job(f"{PARENT}/jobs/{name}"))
    other = "projects/shop/locations/europe-west4"
    client.create_job(parent=other, job=job(f"{other}/jobs/d"))
    pager = client.list_jobs(request={"parent": PARENT, "page_size": 2})
    assert [[each.name[-1] for each in page.jobs] for page in pager.pages] == [["a", "b"], ["c"]]


def test_a_permission_can_be_missing_and_an_answer_too(scheduler: LocalScheduler, client: CloudSchedulerClient) -> None:
    client.create_job(parent=PARENT, job=job())
    scheduler.denied.add("get")
    with pytest.raises(exceptions.PermissionDenied, match=r"cloudscheduler\.jobs\.get.*or the resource may not exist"):
        client.get_job(name=NAME)
    scheduler.hanging.set()
    with pytest.raises(exceptions.DeadlineExceeded):
        client.run_job(name=NAME, timeout=0.2)


def test_runs_are_recorded_with_what_the_target_answered(
    scheduler: LocalScheduler, client: CloudSchedulerClient
) -> None:
    with WebServer(reply(200), reply(403), reply(500)) as target:
        client.create_job(parent=PARENT, job=job(uri=target.url))
        for _ in range(3):
            before = len(scheduler.attempts)
            client.run_job(name=NAME)
            eventually("it was sent", partial(has_more_than, scheduler, before))
    assert [attempt.status for attempt in scheduler.attempts] == [200, 403, 500]
    assert client.get_job(name=NAME).status.code == 14
    assert target.requests[0].headers["content-type"] == "application/octet-stream"


def test_its_minute_calls_what_is_enabled_and_goes_on_when_a_target_is_dead() -> None:
    with LocalScheduler(minute=0.02) as scheduler:
        client = scheduler.connect()
        client.create_job(parent=PARENT, job=job(uri=f"http://127.0.0.1:{closed_port()}"))
        eventually("it was tried", lambda: len(scheduler.attempts) > 2)
        client.pause_job(name=NAME)
        time.sleep(0.1)
        tried = len(scheduler.attempts)
        time.sleep(0.1)
        assert len(scheduler.attempts) == tried
        assert scheduler.attempts[0].status == 0
