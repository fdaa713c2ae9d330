"""What a Gateway's controller does to HTTPRoutes, as far as their status tells of it: every parent that a route names
accepts it, or refuses it for a reason.

It looks at one namespace every twentieth of a second, in a thread of its own.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from tests.support.api import ApiError

if TYPE_CHECKING:
    from types import TracebackType

    from shared.json_types import Json, JsonObject
    from tests.support.cluster import Cluster

ROUTES = "/apis/gateway.networking.k8s.io/v1/namespaces/{}/httproutes"


class Gateways:
    """A context manager that answers the HTTPRoutes of a namespace. ``refusal`` is a reason, and empty to accept."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.refusal = ""
        self._api = cluster.api
        self._path = ROUTES.format(namespace)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Gateways:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(0.05):
            with contextlib.suppress(ApiError, OSError):
                self._answer()

    def _answer(self) -> None:
        for route in self._api.items(self._path):
            answer = [_answer(route, parent, self.refusal) for parent in route["spec"]["parentRefs"]]
            if (route.get("status") or {}).get("parents") != answer:
                self._api.patch(f"{self._path}/{route['metadata']['name']}/status", {"status": {"parents": answer}})


def _answer(route: Json, parent: Json, refusal: str) -> JsonObject:
    condition = {
        "type": "Accepted",
        "status": "False" if refusal else "True",
        "reason": refusal or "Accepted",
        "message": "",
        "observedGeneration": route["metadata"]["generation"],
        "lastTransitionTime": "2026-11-23T12:00:00Z",
    }
    return {"parentRef": dict(parent), "controllerName": "example.com/gateways", "conditions": [condition]}
