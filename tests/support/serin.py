"""Serin under test: its real parts, put together for one cluster and one store, ticked by hand or until something
holds.

Ticks run as user ``serin``, so that the audit log tells its requests from the test's. Time is the real one, plus what a
test has skipped of it: where nothing happens in the cluster between two steps, nobody has to wait for an interval.
"""

from __future__ import annotations

import io
import json
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from kubernetes.client import ApiClient, Configuration

from shared.app import open_checks
from shared.checks.allowlist import Egress
from shared.checks.transport import Http
from shared.checks.verdict import CheckResult, Verdict
from shared.cluster.gateway import Gateway
from shared.letters import Postman
from shared.logs import Log
from shared.rollout import with_hint
from shared.settings import Settings
from shared.sweep import sweep
from shared.tick import Parts, tick
from tests.support.app import release_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.checks.subject import Subject
    from shared.json_types import JsonObject
    from shared.rollout import Rollout, RolloutKey
    from shared.state.store import Store
    from tests.support.cluster import Cluster

SECRET = b"a key for tests only"
HURRY_SECONDS = 0.1
"""What is skipped in each fiftieth of a second."""


@dataclass(slots=True)
class Serin:
    """Serin beside one Canary. ``parts`` may be replaced to let something fail."""

    parts: Parts
    key: RolloutKey
    log: io.StringIO
    clock: SkippingClock

    @property
    def rollout(self) -> Rollout:
        """The rollout as stored."""
        found = self.parts.store.load(self.key)
        assert found is not None, f"no rollout {self.key}"
        return found

    @property
    def messages(self) -> list[str]:
        """The ``msg`` of every log line about the Canary, in order."""
        lines = map(json.loads, self.log.getvalue().splitlines())
        return [line["msg"] for line in lines if line.get("canary") == f"{self.key.name}.{self.key.namespace}"]

    def tick(self) -> None:
        """One tick, if the rollout is due."""
        tick(self.parts, self.key)

    def hint(self) -> None:
        """Let the rollout look for a change at once."""
        self.parts.store.commit(self.key, with_hint(self.rollout, self.parts.clock()), None)

    def sweep(self) -> None:
        """One sweep of the cluster."""
        sweep(self.parts, self.key.cluster)

    def run_until(self, holds: Callable[[Rollout], bool], seconds: float = 60.0) -> Rollout:
        """Tick whenever due until ``holds``; fails with the log when that takes too long."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.tick()
            found = self.parts.store.load(self.key)
            if found is not None and holds(found):
                return found
            self.wait(found)
        raise AssertionError(f"not within {seconds} s; the log:\n" + "\n".join(self.messages[-40:]))

    def wait(self, rollout: Rollout | None) -> None:
        """Until the rollout is due. Pods that are starting need real time: while it waits for them the clock only runs
        faster, so that no deadline passes before they can be ready.
        """
        time.sleep(0.02)
        if rollout is None or not self.clock.skips or not rollout.active:
            return
        if rollout.waiting_since is None:
            self.clock.skip_to(rollout.due_at)
        while self.clock() < rollout.due_at:
            time.sleep(0.02)
            self.clock.skip_to(self.clock() + timedelta(seconds=HURRY_SECONDS))


@dataclass(slots=True)
class SkippingClock:
    """The real time and what was skipped of it. ``skips`` lets :meth:`Serin.run_until` skip to the next step."""

    skips: bool
    skipped: timedelta = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.skipped

    def skip_to(self, moment: datetime) -> None:
        """Let it be ``moment``, unless it is later already."""
        self.skipped += max(moment - self(), timedelta())


def make_serin(cluster: Cluster, store: Store, key: RolloutKey, metrics_server: str) -> Serin:
    """Serin with real clients and the real time."""
    log, clock = io.StringIO(), SkippingClock(skips=False)
    settings = Settings(metrics_server=metrics_server, egress_allow=("127.0.0.1",))
    client, http = client_of(cluster), Http(Egress(settings.egress_allow))
    parts = Parts(
        store=store,
        gateway=lambda _: Gateway(client),
        analyse=open_checks(settings, http),
        postman=Postman(http, Log(log)),
        clock=clock,
        log=Log(log),
        keys=(SECRET,),
    )
    return Serin(parts, key, log, clock)


def passing_serin(cluster: Cluster, store: Store, namespace: str) -> Serin:
    """Serin beside the app of a namespace: its checks pass, and its intervals are skipped."""
    made = make_serin(cluster, store, release_key(namespace), "http://127.0.0.1:1")
    made.clock.skips = True
    return replace(made, parts=replace(made.parts, analyse=passing))


def passing(_subject: Subject) -> tuple[CheckResult, ...]:
    """An analysis whose one check passes."""
    return (CheckResult("request-success-rate", "metric", Verdict.PASS, value=100.0),)


def client_of(cluster: Cluster, token: str = "") -> ApiClient:
    """The official client, as user ``serin`` or as whoever has the token."""
    configuration = Configuration(host=cluster.url, api_key={"BearerToken": token or cluster.serin_token})
    configuration.api_key_prefix = {"BearerToken": "Bearer"}
    configuration.ssl_ca_cert = cluster.ca_file
    configuration.retries = False
    return ApiClient(configuration)


def events_of(cluster: Cluster, namespace: str) -> list[JsonObject]:
    """The Kubernetes Events that Serin wrote, in the order of its lines."""
    events = cluster.api.items(f"/api/v1/namespaces/{namespace}/events", fieldSelector="involvedObject.kind=Canary")
    return sorted(events, key=lambda event: str(event["metadata"]["name"]))
