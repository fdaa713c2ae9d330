"""The demo's own requests to the embedded Kubernetes API: it creates, changes and reads objects over plain HTTP.

Serin has its own client; the demo plays the team that ships an app, and looks at what became of it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import requests
import yaml

from infra.local.errors import DemoError
from shared.cluster.kinds import BY_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from shared.cluster.kinds import Kind
    from shared.json_types import Json, JsonObject

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
TIMEOUT_SECONDS = 10.0

_STRATEGIC = {"Content-Type": "application/strategic-merge-patch+json"}


class Client:
    """Requests to the API server at ``url``. For one thread."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.trust_env = False

    def find(self, kind: Kind, namespace: str, name: str) -> JsonObject | None:
        """An object, or None if there is none."""
        return self._send("GET", kind.path(namespace, name))

    def install(self, definitions: Iterable[Json], seconds: float = 10.0) -> None:
        """Create CustomResourceDefinitions, and wait until they are served."""
        names = [self._created(CRDS, definition)["metadata"]["name"] for definition in definitions]
        deadline = time.monotonic() + seconds
        while missing := [name for name in names if not _established(self._send("GET", f"{CRDS}/{name}"))]:
            if time.monotonic() > deadline:
                raise DemoError(f"The API server does not serve {', '.join(missing)} after {seconds:g} s")
            time.sleep(0.05)

    def create_namespace(self, name: str) -> None:
        """Create a namespace."""
        self._created("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    def create(self, manifest: Json) -> None:
        """Create one object of an app's manifest."""
        self._created(BY_NAME[manifest["kind"]].path(manifest["metadata"]["namespace"]), manifest)

    def patch(self, kind: Kind, namespace: str, name: str, change: Json) -> None:
        """Strategic merge patch, as ``kubectl set image`` sends it."""
        path = kind.path(namespace, name)
        if self._send("PATCH", path, change) is None:
            raise DemoError(f"There is no {path} to change")

    def _created(self, path: str, body: Json) -> JsonObject:
        created = self._send("POST", path, body)
        if created is None:
            raise DemoError(f"The API server does not know {path}")
        return created

    def _send(self, method: str, path: str, body: Json | None = None) -> JsonObject | None:
        headers = _STRATEGIC if method == "PATCH" else None
        try:
            response = self._session.request(
                method, self._url + path, json=body, headers=headers, timeout=TIMEOUT_SECONDS
            )
        except requests.RequestException as error:
            raise DemoError(f"{method} {path}: the API server did not answer ({type(error).__name__})") from error
        if response.status_code == requests.codes.not_found:
            return None
        if not response.ok:
            raise DemoError(f"{method} {path}: the API server answered {response.status_code} {response.text[:500]}")
        answer: JsonObject = response.json()
        return answer


def read_manifests(*files: Path) -> Iterator[JsonObject]:
    """The documents of YAML files, in order."""
    for file in files:
        yield from filter(None, yaml.safe_load_all(file.read_text(encoding="utf-8")))


def _established(definition: Json | None) -> bool:
    conditions = ((definition or {}).get("status") or {}).get("conditions") or ()
    return any(entry["type"] == "Established" and entry["status"] == "True" for entry in conditions)
