"""Puts the parts together, once a process, on first use: a function that is loaded but not called opens nothing."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING

from shared.checks.allowlist import Egress
from shared.checks.analyse import Clients, analyse
from shared.checks.identity import ANONYMOUS, Basic, Bearer, Google, Identity
from shared.checks.prometheus import MetricsServer
from shared.checks.transport import Http
from shared.heartbeat import Pace, heartbeat
from shared.logs import Log
from shared.settings import Settings, installation_key, read_settings
from shared.state.open import open_store
from shared.sweep import sweep
from shared.tick import Parts

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.canary.model import Canary
    from shared.checks.verdict import CheckResult
    from shared.cluster.gateway import Gateway
    from shared.json_types import JsonObject


def run_job(job: object) -> tuple[JsonObject, int]:
    """Run ``heartbeat`` or ``sweep``; what it did and the HTTP status for it."""
    settings, parts = settings_of_process(), parts_of_process()
    match job:
        case "heartbeat":
            beat = heartbeat(parts, settings.cluster, Pace(settings.heartbeat_seconds, settings.concurrency))
            return {"job": job, "ticks": beat.ticks, "left": beat.left}, 200
        case "sweep":
            return {"job": job, "found": sweep(parts, settings.cluster)}, 200
        case _:
            return {"error": 'body must be {"job": "heartbeat"} or {"job": "sweep"}'}, 400


_building = Lock()


def settings_of_process() -> Settings:
    """The settings of this process."""
    return _process()[0]


def parts_of_process() -> Parts:
    """The parts of this process, for its settings."""
    return _process()[1]


def _process() -> tuple[Settings, Parts]:
    """Requests come in many threads: the first builds, the others wait for it."""
    with _building:
        return _build_once()


@cache
def _build_once() -> tuple[Settings, Parts]:
    settings = read_settings(os.environ)
    return settings, build(settings)


def build(settings: Settings) -> Parts:
    """The parts for these settings: real clients, the real clock."""
    return Parts(
        store=open_store(settings.store),
        gateway=open_cluster(settings),
        analyse=open_checks(settings),
        clock=lambda: datetime.now(UTC),
        log=Log(),
        key=installation_key(settings),
    )


def open_cluster(settings: Settings) -> Callable[[str], Gateway]:
    """A gateway for each tick, over one connection pool."""
    from kubernetes.client import ApiClient, Configuration  # noqa: PLC0415  loaded when needed
    from kubernetes.config import load_incluster_config, load_kube_config  # noqa: PLC0415

    from shared.cluster.gateway import Gateway  # noqa: PLC0415

    configuration = Configuration()
    if settings.kubeconfig:
        load_kube_config(settings.kubeconfig, client_configuration=configuration)
    else:
        load_incluster_config(client_configuration=configuration)
    configuration.retries = False
    configuration.connection_pool_maxsize = settings.concurrency
    client = ApiClient(configuration)
    return lambda _cluster: Gateway(client)


def open_checks(settings: Settings) -> Callable[[Canary, str], tuple[CheckResult, ...]]:
    """Hooks and metrics, asked as these settings say."""
    server = MetricsServer(settings.metrics_server, _identity(settings), settings.metrics_ca or None)
    clients = Clients(Http(Egress(settings.egress_allow)), server, settings.analysis_seconds)
    return lambda canary, checksum: analyse(canary, checksum, clients)


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
