"""Serin's chart in a cluster: installed by Helm, and Serin running under the rights that it gives, and no others.

What a request needs is told by the API server's audit log, and what is granted by the Role in the cluster.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from shared.cluster.gateway import Gateway
from tests.support.helm import CHARTS
from tests.support.serin import client_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shared.json_types import Json, JsonObject
    from tests.support.cluster import AuditEntry, Cluster
    from tests.support.helm import Helm
    from tests.support.serin import Serin

CHART = CHARTS / "serin"
RELEASE = "serin"
WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
IMAGE = {"image": {"repository": "serin"}}
"""Every self-hosted installation has to name an image; nothing here pulls it."""

Right = tuple[str, str]
"""A resource with its subresource, and a verb."""


@dataclass(frozen=True, slots=True)
class Installed:
    """The chart as the release ``serin`` in one namespace of a cluster."""

    cluster: Cluster
    namespace: str
    helm: Helm

    def install(self, values: Mapping[str, object]) -> str:
        """Install it; what Helm printed."""
        return self.helm.at(self.cluster).install(RELEASE, CHART, self.namespace, {**IMAGE, **values})

    def upgrade(self, values: Mapping[str, object]) -> str:
        """Upgrade it to these values."""
        return self.helm.at(self.cluster).upgrade(RELEASE, CHART, self.namespace, {**IMAGE, **values})

    def uninstall(self) -> None:
        """Take it out; the rest of its namespace goes with the namespace."""
        self.helm.at(self.cluster).uninstall(RELEASE, self.namespace)

    @property
    def user(self) -> str:
        """The chart's ServiceAccount, as the audit log calls it."""
        return f"system:serviceaccount:{self.namespace}:{RELEASE}"

    def token(self) -> str:
        """A token of that account, as its pod would have."""
        path = f"/api/v1/namespaces/{self.namespace}/serviceaccounts/{RELEASE}/token"
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        return str(self.cluster.api.create(path, request)["status"]["token"])

    def run(self, serin: Serin) -> Serin:
        """``serin`` under that account."""
        client = client_of(self.cluster, self.token())
        return replace(serin, parts=replace(serin.parts, gateway=lambda _: Gateway(client)))

    def requests(self, since: int) -> list[AuditEntry]:
        """What that account has asked since a mark."""
        return self.cluster.requests_by(self.user, since)

    def secret(self, name: str) -> dict[str, bytes]:
        """What is in one of the release's Secrets."""
        found = self.cluster.api.get(f"/api/v1/namespaces/{self.namespace}/secrets/{name}")
        return {key: base64.b64decode(value) for key, value in found["data"].items()}

    def container(self) -> JsonObject:
        """The one container of the Deployment."""
        found = self.cluster.api.get(f"/apis/apps/v1/namespaces/{self.namespace}/deployments/{RELEASE}")
        (container,) = found["spec"]["template"]["spec"]["containers"]
        return dict(container)

    @property
    def webhooks(self) -> str:
        """The path of the webhook's registration."""
        return f"{WEBHOOKS}/{self.namespace}-{RELEASE}"


def rights_of(role: Json) -> set[Right]:
    """What a Role or ClusterRole grants, one by one."""
    return {(resource, verb) for rule in role["rules"] for resource in rule["resources"] for verb in rule["verbs"]}


def rights_used(entries: list[AuditEntry]) -> set[Right]:
    """The rights that requests need."""
    return {(_resource(entry), entry.verb) for entry in entries if entry.resource}


def refused(entries: list[AuditEntry]) -> Iterator[str]:
    """Requests that the cluster forbade."""
    return (f"{entry.verb} {_resource(entry)} {entry.name}" for entry in entries if entry.code == 403)


def _resource(entry: AuditEntry) -> str:
    return f"{entry.resource}/{entry.subresource}" if entry.subresource else entry.resource
