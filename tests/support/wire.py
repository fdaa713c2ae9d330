"""The Kubernetes API on the wire: a request as a test writes it, and everything of its answer.

Unlike ``Api`` it raises nothing and hides nothing, because here the answers are what is tested: codes, Status objects,
headers, streams.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import urllib3

if TYPE_CHECKING:
    from collections.abc import Generator

    from shared.json_types import Json, JsonObject
    from tests.support.cluster import Cluster

MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
METADATA = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. ``body`` is {} for text that is no JSON; ``causes`` are (field, reason) of an Invalid answer."""

    code: int
    body: JsonObject
    warnings: list[str]

    @property
    def causes(self) -> set[tuple[str, str]]:
        return {(cause["field"], cause["reason"]) for cause in self.body["details"]["causes"]}

    @property
    def sentences(self) -> set[str]:
        """``field: message`` of every cause."""
        return {f"{cause['field']}: {cause['message']}" for cause in self.body["details"]["causes"]}

    @property
    def version(self) -> str:
        """The resourceVersion of the object."""
        return str(self.body["metadata"]["resourceVersion"])


class Wire:
    """Requests of the cluster's admin."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._pool = urllib3.PoolManager(maxsize=4, retries=False, ca_certs=cluster.ca_file)

    def get(self, path: str, accept: str = "application/json", **query: str | int) -> Answer:
        return self.send("GET", path, accept=accept, query=query)

    def post(self, path: str, body: Json, **query: str) -> Answer:
        return self.send("POST", path, body, query=query)

    def put(self, path: str, body: Json, **query: str) -> Answer:
        return self.send("PUT", path, body, query=query)

    def patch(self, path: str, body: Any, kind: str = MERGE, **query: str) -> Answer:
        return self.send("PATCH", path, body, content_type=kind, query=query)

    def delete(self, path: str, options: Json | None = None) -> Answer:
        return self.send("DELETE", path, options)

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = "application/json",
        accept: str = "application/json",
        query: dict[str, Any] | None = None,
    ) -> Answer:
        """Any request. Text is sent as it is, everything else as JSON."""
        text = body if isinstance(body, str) or body is None else json.dumps(body)
        response = self._open(method, path, query or {}, text, {"Content-Type": content_type, "Accept": accept})
        with response:
            data = response.read()
        try:
            content = json.loads(data)
        except ValueError:
            content = {}
        return Answer(response.status, content, response.headers.getlist("Warning"))

    def watch(
        self, path: str, accept: str = "application/json", **query: str | int
    ) -> Generator[JsonObject, None, None]:
        """The events of a watch that the server ends after ``timeoutSeconds`` (5, unless given)."""
        options = {"watch": "1", "timeoutSeconds": 5, **query}
        with self._open("GET", path, options, None, {"Accept": accept}) as response:
            for line in response:
                yield json.loads(line)

    def _open(
        self, method: str, path: str, query: dict[str, Any], body: str | None, headers: dict[str, str]
    ) -> urllib3.BaseHTTPResponse:
        return self._pool.request(
            method,
            f"{self._cluster.url}{path}?{urlencode(query)}",
            body=body,
            headers={**headers, "Authorization": f"Bearer {self._cluster.token}"},
            preload_content=False,
            timeout=30,
        )


def deployment(name: str, **spec: Any) -> JsonObject:
    """A small Deployment without pods, unless ``spec`` asks for some."""
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": "app:1"}]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": template, **spec},
    }


def config_map(name: str, labels: dict[str, str] | None = None, **data: str) -> JsonObject:
    return {"metadata": {"name": name, "labels": labels or {}}, "data": data}


def daemon_set(name: str) -> JsonObject:
    """A small DaemonSet."""
    made = deployment(name)
    spec = {field: value for field, value in made["spec"].items() if field != "replicas"}
    return {**made, "kind": "DaemonSet", "spec": spec}
