"""The app's team, which has its Canary run by Serin and deletes it; and what must hold meanwhile and afterwards."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.rollout import Phase
from tests.support.app import NAME

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.json_types import Json, JsonObject
    from tests.support.app import Release
    from tests.support.serin import Serin

RULES = "/apis/networking.istio.io/v1beta1/namespaces/{}/destinationrules/{}"
GENERATED = (
    ("deployment", "frontend-primary"),
    ("configmap", "frontend-primary"),
    ("secret", "frontend-primary"),
    ("hpa", "frontend-primary"),
    ("service", "frontend-primary"),
    ("service", "frontend-canary"),
)

ROUTER: JsonObject = {
    "apiVersion": "networking.istio.io/v1beta1",
    "kind": "VirtualService",
    "metadata": {"name": NAME, "labels": {"team": "shop"}},
    "spec": {
        "hosts": [NAME, "shop.example.com"],
        "gateways": ["mesh", "public/gateway"],
        "http": [
            {"match": [{"uri": {"prefix": "/slow"}}], "timeout": "9s", "route": [{"destination": {"host": NAME}}]},
            {"route": [{"destination": {"host": NAME}}]},
        ],
    },
}
"""A VirtualService that the team had before."""


@dataclass(frozen=True)
class Team:
    """The app's team, which has its Canary run by Serin and deletes it."""

    serin: Serin
    release: Release

    def initialized(self, revert: bool = True) -> None:
        """The app is installed, and its Canary at rest."""
        self.release.install(interval="1s")
        self.release.patch("canary", {"spec": {"revertOnDeletion": revert}})
        self.serin.run_until(lambda rollout: rollout.phase is Phase.INITIALIZED and not rollout.active)

    def running(self) -> None:
        """A run of ``app:2``, with a quarter of the traffic."""
        self.initialized()
        self.release.upgrade("app:2")
        self.serin.hint()
        self.serin.run_until(lambda rollout: rollout.weight == 25)

    def delete(self) -> None:
        """Delete the Canary; Serin learns of it."""
        self.release.cluster.api.delete(self.release.path("canary"))
        self.serin.sweep()

    def forgotten(self, watch: Callable[[], None] = lambda: None, tick: Callable[[], None] | None = None) -> None:
        """Tick until the rollout is gone, looking at the cluster after every tick."""
        deadline = time.monotonic() + 60
        while (rollout := self.serin.parts.store.load(self.serin.key)) is not None:
            assert time.monotonic() < deadline, "\n".join(self.serin.messages)
            self.serin.wait(rollout)
            (tick or self.serin.tick)()
            watch()

    def find(self, kind: str, name: str = NAME) -> JsonObject | None:
        """One of the app's objects, or None."""
        return self.release.cluster.api.find(self.release.path(kind, name))

    def left(self) -> list[str]:
        """What of the generated objects is there."""
        rules = [RULES.format(self.release.namespace, f"frontend-{side}") for side in ("primary", "canary")]
        objects = [self.release.path(kind, name) for kind, name in GENERATED]
        return [path for path in (*objects, *rules) if self.release.cluster.api.find(path) is not None]

    def serves(self) -> None:
        """Whoever gets traffic now can answer: by the router if there is one, or else by the service."""
        router = self.find("virtualservice")
        hosts = _hosts(router) if router else {NAME}
        for service in hosts:
            found = self.find("service", service)
            assert found is not None, f"requests go to a service {service} that is gone"
            deployment = self.find("deployment", found["spec"]["selector"]["app"])
            assert deployment is not None, f"service {service} selects pods of nobody"
            assert deployment["status"].get("availableReplicas"), f"{deployment['metadata']['name']} has no ready pod"


def _hosts(router: Json) -> set[str]:
    routes = [entry for rule in router["spec"]["http"] for entry in rule["route"]]
    return {entry["destination"]["host"] for entry in routes if entry.get("weight", 100)}


def given_back(team: Team) -> None:
    """The app is as it was before the Canary."""
    assert team.left() == []
    assert team.find("canary") is None
    service = team.release.get("service")
    assert service["spec"]["selector"] == {"app": NAME}
    metadata = [service["metadata"], *(obj["metadata"] for obj in [team.find("virtualservice")] if obj)]
    assert not [key for one in metadata for key in one.get("annotations", {}) if key.startswith("serin.dev/")]
    assert team.release.cluster.rollout_complete(team.release.namespace, NAME)
    assert team.release.get("deployment")["spec"]["replicas"] >= 2
    for kind in ("configmap", "secret", "hpa"):
        assert team.find(kind) is not None
