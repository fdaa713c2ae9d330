"""The embedded cluster with a time of its own: nothing in it moves unless that time is let pass, so a rollout of hours
takes the time of its requests, and every run of it is the same.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode

from infra.local.kubernetes.core import Core, Time
from infra.local.kubernetes.request import Request, parse_target
from tests.support.api import MERGE_PATCH, Api, ApiError
from tests.support.cluster import install_crds

if TYPE_CHECKING:
    from infra.local.kubernetes.application import Application
    from shared.json_types import Json, JsonObject
    from tests.support.cluster import Cluster

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
READY_AFTER = 0.4
"""Seconds from a pod's start until it is ready."""

STEPS = 2
"""How often the controllers get to work while time passes."""


class DirectApi(Api):
    """The tests' own client, without a socket."""

    def __init__(self, application: Application) -> None:
        super().__init__("http://embedded", "", None)
        self._application = application

    def _send(
        self, method: str, path: str, body: Json | None = None, query: dict[str, str | int] | None = None
    ) -> JsonObject:
        target, parsed = parse_target(f"{path}?{urlencode(query)}" if query else path)
        headers = {"content-type": MERGE_PATCH if method == "PATCH" else "application/json"}
        encoded = b"" if body is None else json.dumps(body).encode()
        answer = self._application.handle(Request(method, target, parsed, headers, encoded, "admin"))
        if answer.status >= 300:
            raise ApiError(f"{method} {path}", answer.status, str(answer.body))
        return cast("JsonObject", json.loads(cast("bytes", answer.body)))


class Embedded:
    """A cluster with the CRDs that Serin needs. ``api`` is the team's way to it, Serin goes to ``application``."""

    def __init__(self) -> None:
        self.now = START
        self.core = Core(READY_AFTER, Time(self._time, lambda: self._time().timestamp()))
        self.application = self.core.application
        self.api = DirectApi(self.application)
        self._namespaces = 0
        self.core.begin()
        self.core.loop.work_off()
        install_crds(cast("Cluster", _Installing(self)))
        self.core.loop.work_off()

    def _time(self) -> datetime:
        return self.now

    def create_namespace(self) -> str:
        """A fresh namespace; its name."""
        self._namespaces += 1
        name = f"model-{self._namespaces}"
        self.api.create("/api/v1/namespaces", {"metadata": {"name": name}})
        self.core.loop.work_off()
        return name

    def remove_namespace(self, name: str) -> None:
        """All that is in it goes, and the audit log is forgotten."""
        self.api.delete(f"/api/v1/namespaces/{name}")
        self.advance(10)
        self.application.audit.clear()

    def advance(self, seconds: float) -> None:
        """Let time pass, and the controllers work."""
        for _ in range(STEPS):
            self.now += timedelta(seconds=seconds / STEPS)
            self.core.loop.work_off()


class _Installing:
    """A cluster as far as CustomResourceDefinitions are installed in it, which are served once the controllers have
    worked.
    """

    def __init__(self, cluster: Embedded) -> None:
        self._cluster = cluster

    @property
    def api(self) -> Any:
        self._cluster.core.loop.work_off()
        return self._cluster.api
