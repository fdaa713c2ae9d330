"""Cloud Scheduler on loopback: its gRPC API on Google's own message types, and a cron that really sends requests.

Google has no emulator of it. This one answers as the reference says (google.cloud.scheduler.v1), and where the
reference is silent, or the service is said to be kinder than its reference, ``strict`` chooses. Its minute is as short
as a test wants it. It can be told to deny, and to hang.

It must never outlive its block, nor keep a client waiting after it.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

import grpc  # type: ignore[import-untyped]  # ships no types
import requests
from google.cloud.scheduler_v1 import CloudSchedulerClient, types
from google.cloud.scheduler_v1.services.cloud_scheduler.transports import CloudSchedulerGrpcTransport
from google.protobuf import empty_pb2  # type: ignore[import-untyped]  # ships no types
from google.rpc import code_pb2, status_pb2  # type: ignore[import-untyped]  # ships no types

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    Sign = Callable[[str, str], str]
    """The ID token for a service account (its address) and an audience."""

State = types.Job.State
ENABLED, PAUSED = State(State.ENABLED), State(State.PAUSED)
Status = grpc.StatusCode

_SERVICE = "google.cloud.scheduler.v1.CloudScheduler"
_NAME = re.compile(r"projects/[\w:.-]+/locations/[\w-]+/jobs/[A-Za-z0-9_-]{1,500}")
_OUTPUT_ONLY = ("state", "status", "user_update_time", "schedule_time", "last_attempt_time")
_TARGETS = ("http_target", "pubsub_target", "app_engine_http_target")
_CODES = {401: code_pb2.UNAUTHENTICATED, 403: code_pb2.PERMISSION_DENIED, 404: code_pb2.NOT_FOUND}
_PERMISSIONS = {"ResumeJob": "enable"}


class Fault(Exception):
    """An answer that is an error."""

    def __init__(self, code: grpc.StatusCode, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request of a job to its target; ``status`` is 0 when there was no answer."""

    job: str
    status: int


class LocalScheduler:
    """The service while its ``with`` block lasts.

    ``strict``: a job must be ENABLED to be paused or run, and PAUSED to be resumed. Otherwise each is taken as done,
    and a paused job runs. ``minute`` is how long (seconds) one of its cron lasts: each enabled job is called once in
    it; without, only RunJob calls. ``sign`` makes the tokens of jobs that have an ``oidc_token``.
    """

    def __init__(self, *, strict: bool = True, minute: float | None = None, sign: Sign | None = None) -> None:
        self.calls: Counter[str] = Counter()
        """How often each method was called, by its name."""
        self.attempts: list[Attempt] = []
        self.hanging = threading.Event()
        """A call that comes while it is set is neither obeyed nor answered."""
        self.holding = threading.Event()
        """Calls wait while it is set, and are obeyed afterwards."""
        self.denied: set[str] = set()
        """Permissions that nobody has: ``pause``, ``enable``, ``run``, ``get``, ``create`` ..."""
        self._strict, self._minute, self._sign = strict, minute, sign
        self._jobs: dict[str, types.Job] = {}
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._senders = ThreadPoolExecutor(8, thread_name_prefix="scheduler sends")
        self._cron = threading.Thread(target=self._tick, name="scheduler cron", daemon=True)
        self._port = 0

    def __enter__(self) -> Self:
        self.start()
        if self._minute is not None:
            self._cron.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self.stop()
        if self._minute is not None:
            self._cron.join()
        self._senders.shutdown()

    @property
    def address(self) -> str:
        """Where its API listens; the same before and after a ``stop``."""
        return f"127.0.0.1:{self._port}"

    def start(self) -> None:
        """Listen."""
        self._server = grpc.server(ThreadPoolExecutor(16, thread_name_prefix="scheduler"))
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, self._handlers()),))
        self._port = self._server.add_insecure_port(self.address)
        self._server.start()

    def stop(self) -> None:
        """Listen no more: to its clients it is dead."""
        self._server.stop(grace=0).wait()

    def connect(self) -> CloudSchedulerClient:
        """Google's client, connected to it."""
        channel = grpc.insecure_channel(self.address)
        return CloudSchedulerClient(transport=CloudSchedulerGrpcTransport(channel=channel))

    def state_of(self, name: str) -> str:
        """The state of a job."""
        return str(self._found(name).state.name)

    def set_state(self, name: str, state: types.Job.State) -> None:
        """Put a job where no call can (DISABLED, UPDATE_FAILED), or change it behind everybody's back."""
        self._found(name).state = state

    # the API

    def _handlers(self) -> Mapping[str, grpc.RpcMethodHandler]:
        return {
            "CreateJob": self._handler("CreateJob", types.CreateJobRequest, self._create),
            "GetJob": self._handler("GetJob", types.GetJobRequest, lambda request: self._found(request.name)),
            "UpdateJob": self._handler("UpdateJob", types.UpdateJobRequest, self._update),
            "DeleteJob": self._handler("DeleteJob", types.DeleteJobRequest, self._delete),
            "PauseJob": self._handler("PauseJob", types.PauseJobRequest, self._pause),
            "ResumeJob": self._handler("ResumeJob", types.ResumeJobRequest, self._resume),
            "RunJob": self._handler("RunJob", types.RunJobRequest, self._run),
            "ListJobs": self._handler("ListJobs", types.ListJobsRequest, self._list),
        }

    def _handler(self, method: str, request_type: Any, work: Callable[[Any], Any]) -> grpc.RpcMethodHandler:
        def answer(request: Any, context: grpc.ServicerContext) -> Any:
            try:
                return self._answer(method, request, context, work)
            except Fault as fault:
                context.abort(fault.code, str(fault))

        return grpc.unary_unary_rpc_method_handler(
            answer, request_deserializer=request_type.deserialize, response_serializer=_serialize
        )

    def _answer(self, method: str, request: Any, context: grpc.ServicerContext, work: Callable[[Any], Any]) -> Any:
        with self._lock:
            self.calls[method] += 1
        hangs = self.hanging.is_set()
        while (hangs or self.holding.is_set()) and context.is_active() and not self._ending.wait(0.02):
            pass
        if hangs:
            raise Fault(Status.CANCELLED, "The client has gone.")
        self._check_permission(method, request)
        with self._lock:
            return deepcopy(work(request))

    def _check_permission(self, method: str, request: Any) -> None:
        verb = _PERMISSIONS.get(method, method.removesuffix("Jobs").removesuffix("Job").lower())
        if verb in self.denied:
            place = getattr(request, "name", "") or getattr(request, "parent", "") or request.job.name
            raise Fault(
                Status.PERMISSION_DENIED,
                f'The principal (user or service account) lacks IAM permission "cloudscheduler.jobs.{verb}" '
                f'for the resource "{place}" (or the resource may not exist).',
            )

    def _found(self, name: str) -> types.Job:
        if name not in self._jobs:
            raise Fault(Status.NOT_FOUND, "Job not found.")
        return self._jobs[name]

    def _create(self, request: types.CreateJobRequest) -> types.Job:
        job = types.Job(request.job)
        if not _NAME.fullmatch(job.name) or not job.name.startswith(f"{request.parent}/jobs/"):
            raise Fault(
                Status.INVALID_ARGUMENT,
                'Job name must be formatted: "projects/<PROJECT_ID>/locations/<LOCATION_ID>/jobs/<JOB_ID>".',
            )
        if job.name in self._jobs:
            raise Fault(Status.ALREADY_EXISTS, f"Job [{job.name}] already exists.")
        _check_job(job)
        job.state, job.user_update_time = ENABLED, _now()
        self._jobs[job.name] = job
        return job

    def _update(self, request: types.UpdateJobRequest) -> types.Job:
        job = types.Job(self._found(request.job.name))
        paths = list(request.update_mask.paths) or [
            field for field in types.Job.pb(job).DESCRIPTOR.fields_by_name if field not in _OUTPUT_ONLY
        ]
        for path in paths:
            if path.split(".")[0] not in types.Job.pb(job).DESCRIPTOR.fields_by_name or path in _OUTPUT_ONLY:
                raise Fault(Status.INVALID_ARGUMENT, f"{path} cannot be updated.")
        mask = type(types.UpdateJobRequest.pb(request).update_mask)(paths=paths)
        mask.MergeMessage(types.Job.pb(request.job), types.Job.pb(job), replace_message_field=True)
        _check_job(job)
        job.user_update_time = _now()
        self._jobs[job.name] = job
        return job

    def _delete(self, request: types.DeleteJobRequest) -> empty_pb2.Empty:
        del self._jobs[self._found(request.name).name]
        return empty_pb2.Empty()

    def _pause(self, request: types.PauseJobRequest) -> types.Job:
        return self._move(request.name, "paused", ENABLED, PAUSED)

    def _resume(self, request: types.ResumeJobRequest) -> types.Job:
        return self._move(request.name, "resumed", PAUSED, ENABLED)

    def _run(self, request: types.RunJobRequest) -> types.Job:
        job = self._found(request.name)
        allowed = (ENABLED,) if self._strict else (ENABLED, PAUSED)
        _check_state(job, "run", allowed)
        self._send(job)
        return job

    def _move(self, name: str, word: str, source: types.Job.State, aim: types.Job.State) -> types.Job:
        job = self._found(name)
        _check_state(job, word, (source,) if self._strict else (source, aim))
        job.state = aim
        return job

    def _list(self, request: types.ListJobsRequest) -> types.ListJobsResponse:
        names = sorted(name for name in self._jobs if name.startswith(f"{request.parent}/jobs/"))
        first = int(request.page_token or 0)
        last = first + (request.page_size or 500)
        return types.ListJobsResponse(
            jobs=[self._jobs[name] for name in names[first:last]],
            next_page_token=str(last) if last < len(names) else "",
        )

    # what its jobs do

    def _tick(self) -> None:
        while not self._ending.wait(self._minute):
            with self._lock:
                for job in self._jobs.values():
                    if job.state == ENABLED:
                        self._send(job)

    def _send(self, job: types.Job) -> None:
        """Begin one attempt; the answer of RunJob does not wait for it."""
        job.last_attempt_time = _now()
        if "http_target" in job and not self._ending.is_set():
            self._senders.submit(self._attempt, deepcopy(job))

    def _attempt(self, job: types.Job) -> None:
        status = self._request(job)
        code = code_pb2.OK if 200 <= status < 300 else _CODES.get(status, code_pb2.UNAVAILABLE)
        with self._lock:
            self.attempts.append(Attempt(job.name, status))
            if job.name in self._jobs:
                self._jobs[job.name].status = status_pb2.Status(code=code)

    def _request(self, job: types.Job) -> int:
        target = job.http_target
        method = types.HttpMethod(target.http_method).name if target.http_method.value else "POST"
        limit = job.attempt_deadline.total_seconds() if "attempt_deadline" in job else 180.0
        with requests.Session() as session:
            session.trust_env = False
            try:
                return session.request(
                    method, target.uri, data=target.body or None, headers=self._headers(job), timeout=limit
                ).status_code
            except requests.RequestException:
                return 0

    def _headers(self, job: types.Job) -> dict[str, str]:
        """As HttpTarget.headers is documented: the job's own, then those that it cannot set."""
        target = job.http_target
        headers = {"Content-Type": "application/octet-stream"} if target.body else {}
        headers |= dict(target.headers)
        headers |= {
            "User-Agent": "Google-Cloud-Scheduler",
            "X-CloudScheduler": "true",
            "X-CloudScheduler-JobName": job.name.rsplit("/", 1)[1],
            "X-CloudScheduler-ScheduleTime": _now().isoformat(timespec="seconds").replace("+00:00", "Z"),
        }
        if target.oidc_token.service_account_email:
            if self._sign is None:
                raise ValueError(f"{job.name} has an oidc_token: give LocalScheduler something to sign it with")
            token = self._sign(target.oidc_token.service_account_email, target.oidc_token.audience or target.uri)
            headers["Authorization"] = f"Bearer {token}"
        return headers


def _check_job(job: types.Job) -> None:
    if not job.schedule:
        raise Fault(Status.INVALID_ARGUMENT, "Job.schedule is required.")
    if sum(target in job for target in _TARGETS) != 1:
        raise Fault(Status.INVALID_ARGUMENT, "Job must have exactly one target.")


def _check_state(job: types.Job, word: str, allowed: tuple[types.Job.State, ...]) -> None:
    if job.state not in allowed:
        names = " or ".join(state.name for state in allowed)
        raise Fault(Status.FAILED_PRECONDITION, f"Job.state must be {names} to be {word}.")


def _serialize(message: Any) -> bytes:
    raw = message if isinstance(message, empty_pb2.Empty) else type(message).pb(message)
    return bytes(raw.SerializeToString())


def _now() -> datetime:
    return datetime.now(UTC)
