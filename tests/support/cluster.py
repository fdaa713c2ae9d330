"""A Kubernetes cluster as the tests see it, whichever server answers.

Two servers have this shape: the real control plane (``real_cluster``) and the embedded one that the product ships
(``embedded_cluster``). A test that takes the ``cluster`` fixture runs against both. Two users exist: ``admin`` for the
tests' own work, and ``serin`` for the code under test, so that its requests can be counted.
"""

from __future__ import annotations

import json
import secrets
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from tests.support.api import Api, ApiError
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager

    from shared.json_types import Json, JsonObject

_ROOT = Path(__file__).parents[2]
CANARY, ISTIO = "charts/serin/crds", "infra/local/crds"
"""Folders with CustomResourceDefinitions."""

_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One answered request. Fields that a request does not have are empty; ``code`` is the HTTP status."""

    user: str
    verb: str
    resource: str
    subresource: str
    namespace: str
    name: str
    code: int


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach an API server: ``ca_file`` is None where it speaks plain HTTP."""

    url: str
    ca_file: str | None
    token: str
    serin_token: str


class Cluster(ABC):
    """A running cluster. ``kubeconfig`` has the contexts ``admin`` (the current one) and ``serin``."""

    kind: str

    def __init__(self, access: Access, directory: Path) -> None:
        self.url = access.url
        self.ca_file = access.ca_file
        self.token = access.token
        self.serin_token = access.serin_token
        self.kubeconfig = directory / "kubeconfig"
        self.kubeconfig.write_text(json.dumps(kubeconfig(access)))

    @abstractmethod
    def mark(self) -> int:
        """A point in the audit log: now."""

    @abstractmethod
    def requests_by(self, user: str, since: int = 0) -> list[AuditEntry]:
        """What a user has asked since a mark, in the order of the answers; watches are left out."""

    @abstractmethod
    def api_down(self) -> AbstractContextManager[None]:
        """Within the block nobody gets anything out of the API server: the real one is gone, the embedded one answers
        503. What it stores is there again afterwards."""

    @cached_property
    def api(self) -> Api:
        """Requests as ``admin``."""
        return Api(self.url, self.token, self.ca_file)

    @cached_property
    def api_of_serin(self) -> Api:
        """Requests as ``serin``."""
        return Api(self.url, self.serin_token, self.ca_file)

    def create_namespace(self) -> str:
        """A fresh namespace; its name."""
        name = f"test-{secrets.token_hex(4)}"
        self.api.create("/api/v1/namespaces", {"metadata": {"name": name}})
        return name

    def rollout_complete(self, namespace: str, name: str) -> bool:
        """Whether every replica of a Deployment runs its newest template and is available."""
        found = self.api.get(f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}")
        status, wanted = found.get("status", {}), found["spec"]["replicas"]
        counts = [status.get(count, 0) for count in ("replicas", "updatedReplicas", "availableReplicas")]
        return status.get("observedGeneration") == found["metadata"]["generation"] and counts == [wanted] * 3

    def daemon_set_complete(self, namespace: str, name: str) -> bool:
        """Whether every node's pod of a DaemonSet runs its newest template and is available."""
        found = self.api.get(f"/apis/apps/v1/namespaces/{namespace}/daemonsets/{name}")
        status = found.get("status", {})
        counts = [status.get(count, 0) for count in ("updatedNumberScheduled", "numberAvailable")]
        wanted = status.get("desiredNumberScheduled", 0)
        return status.get("observedGeneration") == found["metadata"]["generation"] and counts == [wanted or 1] * 2


def kubeconfig(access: Access) -> JsonObject:
    """A kubectl configuration with one context a user (kubectl reads JSON as well as YAML)."""
    authority = {"certificate-authority": access.ca_file} if access.ca_file else {}
    users = {"admin": access.token, "serin": access.serin_token}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": {"server": access.url, **authority}}],
        "users": [{"name": user, "user": {"token": token}} for user, token in users.items()],
        "contexts": [{"name": user, "context": {"cluster": "test", "user": user}} for user in users],
        "current-context": "admin",
    }


def install_crds(cluster: Cluster, *folders: str) -> None:
    """Make CustomResourceDefinitions served, whatever version of them is there already: the Canary's and Istio's, or
    those of the folders that are given."""
    definitions = list(_definitions(folders or (CANARY, ISTIO)))
    for definition in definitions:
        _apply_crd(cluster.api, definition)
    for name in (definition["metadata"]["name"] for definition in definitions):
        eventually(f"the API server serves {name}", partial(_established, cluster.api, name))


def _definitions(folders: Iterable[str]) -> Iterator[Json]:
    for folder in folders:
        for file in sorted((_ROOT / folder).glob("*.yaml")):
            yield from (document for document in yaml.safe_load_all(file.read_text()) if document)


def _apply_crd(api: Api, definition: Json) -> None:
    path = f"{_CRDS}/{definition['metadata']['name']}"
    try:
        api.create(_CRDS, definition)
    except ApiError as error:
        if error.code != 409:
            raise
        version = api.get(path)["metadata"]["resourceVersion"]
        api.replace(path, {**definition, "metadata": {**definition["metadata"], "resourceVersion": version}})


def _established(api: Api, name: str) -> bool:
    conditions = api.get(f"{_CRDS}/{name}").get("status", {}).get("conditions") or []
    return any(condition["type"] == "Established" and condition["status"] == "True" for condition in conditions)
