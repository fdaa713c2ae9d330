"""Puts the parts together, once a process, on first use: a function that is loaded but not called opens nothing."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from threading import Event, Lock
from typing import TYPE_CHECKING

from shared.body import Refusal, read_object
from shared.caller import Gatekeeper, make_gatekeeper
from shared.checks.allowlist import Egress
from shared.checks.analyse import Clients, analyse
from shared.checks.identity import ANONYMOUS, Basic, Bearer, Google, Identity
from shared.checks.prometheus import MetricsServer
from shared.checks.transport import Http
from shared.delivery.courier import Courier
from shared.delivery.receivers import Receivers, Webhook
from shared.delivery.slack_app import SlackApp
from shared.errors import SerinError
from shared.events.cloudevent import LARGEST, parse_event
from shared.events.hints import hint_of
from shared.heartbeat import Pace, guarded_tick, heartbeat
from shared.hints import leave_hint
from shared.jobs.choice import choose_jobs
from shared.letters import Postman
from shared.logs import Log
from shared.reply import NOT_FOUND, NOT_NOW, Reply, refused
from shared.settings import Settings, clusters_of, installation_keys, read_settings
from shared.state.open import open_store
from shared.sweep import sweep
from shared.tick import Parts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from shared.checks.subject import Subject
    from shared.checks.verdict import CheckResult
    from shared.hint import Hint


STOPPING = Event()
"""Set by who is told to end this process: a heartbeat then begins no further tick and leaves soon."""

_LARGEST_JOB = 64 * 1024
"""Bytes of what a scheduler sends."""


def run_job(read: Callable[[int], bytes], authorization: str | None, address: str) -> Reply:
    """Run the ``job`` that the body names, ``heartbeat`` or ``sweep``, for a caller who may; what it did.

    A stranger's body is not even read.
    """
    process = of_process()
    turned_away = process.gatekeeper.turn_away(authorization, address)
    if turned_away is not None:
        return turned_away
    body = read_object(read(_LARGEST_JOB + 1), _LARGEST_JOB)
    if isinstance(body, Refusal):
        return refused(body)
    cluster = body.get("cluster", process.clusters[0])
    if cluster not in process.clusters:
        return Reply(404, {"error": f"there is no such cluster, there is {', '.join(process.clusters)}"})
    try:
        return _run(process, cluster, body.get("job"))
    except SerinError as error:
        process.parts.log.error(str(error), cluster=cluster)
        return NOT_NOW


def _run(process: Process, cluster: str, job: object) -> Reply:
    settings, parts = process.settings, process.parts
    match job:
        case "heartbeat":
            beat = heartbeat(parts, cluster, Pace(settings.heartbeat_seconds, settings.concurrency, stop=STOPPING))
            return Reply(200, {"job": "heartbeat", "ticks": beat.ticks, "left": beat.left})
        case "sweep":
            return Reply(200, {"job": "sweep", "found": sweep(parts, cluster)})
        case _:
            return Reply(400, {"error": 'the body must be {"job": "heartbeat"} or {"job": "sweep"}'})


def receive_event(path: str, headers: Mapping[str, str], read: Callable[[int], bytes], address: str) -> Reply:
    """Tick the rollouts that a CloudEvent concerns: its object is stored already. What was ticked.

    The last part of ``path`` names the cluster; without one it is the first.
    """
    process = of_process()
    turned_away = process.gatekeeper.turn_away(headers.get("Authorization"), address)
    if turned_away is not None:
        return turned_away
    cluster = path.strip("/").rpartition("/")[2] or process.clusters[0]
    if cluster not in process.clusters:
        return NOT_FOUND
    event = parse_event(headers, read(LARGEST + 1))
    hint = event if isinstance(event, Refusal) else hint_of(event)
    if isinstance(hint, Refusal):
        return refused(hint)
    return Reply(200, {"ticks": _tick_concerned(process.parts, cluster, hint) if hint else 0})


def _tick_concerned(parts: Parts, cluster: str, hint: Hint) -> int:
    """A store that does not answer costs the hint, which the sweep makes good."""
    try:
        keys = leave_hint(parts.store, cluster, hint, parts.clock())
    except SerinError as error:
        parts.log.warning(f"{error}: no hint for {hint.ref} in {hint.namespace}, the sweep will find it")
        return 0
    for key in keys:
        guarded_tick(parts, key)
    if keys:
        parts.jobs.force(cluster)
    return len(keys)


@dataclass(frozen=True, slots=True)
class Process:
    """What this process was started with."""

    settings: Settings
    clusters: tuple[str, ...]
    parts: Parts
    gatekeeper: Gatekeeper


_building = Lock()


def of_process() -> Process:
    """What this process works with. Requests come in many threads: the first builds, the others wait for it."""
    with _building:
        return _build_once()


@cache
def _build_once() -> Process:
    settings = read_settings(os.environ)
    parts = build(settings)
    clusters = tuple(cluster.name for cluster in clusters_of(settings))
    return Process(settings, clusters, parts, make_gatekeeper(settings, parts.log))


def build(settings: Settings) -> Parts:
    """The parts for these settings: real clients, the real clock."""
    from shared.clusters.access import Access  # noqa: PLC0415  loaded when needed: it brings the Kubernetes client

    log, http = Log(), Http(Egress(settings.egress_allow))
    return Parts(
        store=open_store(settings.store, settings.history_days),
        gateway=Access(clusters_of(settings), settings.concurrency).gateway,
        analyse=open_checks(settings, http),
        postman=Postman(http, log),
        clock=lambda: datetime.now(UTC),
        log=log,
        jobs=choose_jobs(settings.scheduler, log),
        courier=open_courier(settings),
        keys=installation_keys(settings),
        namespaces=settings.namespaces,
        foreign=settings.cross_namespace_refs,
    )


def open_checks(settings: Settings, http: Http) -> Callable[[Subject], tuple[CheckResult, ...]]:
    """Hooks and metrics, asked as these settings say; a cluster may have a metrics server of its own."""
    server_of = metrics_servers(settings)

    def ask(subject: Subject) -> tuple[CheckResult, ...]:
        return analyse(subject, Clients(http, server_of(subject.cluster), settings.analysis_seconds))

    return ask


def metrics_servers(settings: Settings) -> Callable[[str], MetricsServer]:
    """The metrics server of each cluster, for Canaries that name none. One identity is for all."""
    default = MetricsServer(settings.metrics_server, _identity(settings), settings.metrics_ca or None)
    own = {each.name: replace(default, url=each.metrics_server) for each in settings.clusters if each.metrics_server}
    return lambda cluster: own.get(cluster, default)


def open_courier(settings: Settings) -> Courier:
    """Who is told, as these settings say; AlertProviders may be at the hosts that checks may be at."""
    app = SlackApp(settings.slack_token, settings.slack_channel, settings.slack_api) if settings.slack_token else None
    webhook = Webhook(settings.slack_url, settings.slack_channel, settings.slack_user) if settings.slack_url else None
    guarded = Http(Egress(settings.egress_allow))
    return Courier(Receivers(app, webhook, settings.links, settings.slack_api, guarded))


def _identity(settings: Settings) -> Identity:
    match settings.metrics_auth:
        case "bearer":
            return Bearer(settings.metrics_password)
        case "basic":
            return Basic(settings.metrics_user, settings.metrics_password)
        case "google":
            return Google()
        case _:
            return ANONYMOUS
