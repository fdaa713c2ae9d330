"""Serin's chart in a cluster: installed by Helm, and Serin running under the rights that it gives, and no others.

Nothing runs pods here. A self-hosted Serin is the process that its Deployment describes: its command and its variables,
with the files of the image, the volumes in a folder, and free ports of loopback. The cluster reaches it by the chart's
own Service, which is turned into another name for localhost.
"""

from __future__ import annotations

import base64
import json
import re
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from shared.cluster.gateway import Gateway
from tests.support.cluster import Access, kubeconfig
from tests.support.helm import CHARTS
from tests.support.image import Image, without_power
from tests.support.processes import Process, Program, accepts, free_port
from tests.support.serin import client_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from shared.json_types import Json, JsonObject
    from tests.support.cluster import AuditEntry, Cluster
    from tests.support.helm import Helm
    from tests.support.serin import Serin

CHART = CHARTS / "serin"
RELEASE = "serin"
OF_SERIN = Image("serin")
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

    def get(self, path: str) -> JsonObject:
        """One of the release's objects, such as ``/api/v1 secrets/serin-tls``."""
        root, _, name = path.partition(" ")
        return self.cluster.api.get(f"{root}/namespaces/{self.namespace}/{name}")

    def hosted(self, directory: Path) -> Process:
        """The process of the Deployment, not yet started."""
        (container,) = self.get("/apis/apps/v1 deployments/serin")["spec"]["template"]["spec"]["containers"]
        ports = {"8080": str(free_port()), "8443": str(free_port())}
        places = {mount["mountPath"]: str(directory / mount["name"]) for mount in container["volumeMounts"]}
        self._fill(directory, [mount["name"] for mount in container["volumeMounts"]])
        self._redirect(int(ports["8443"]))
        here = {**ports, **places, "0.0.0.0": "127.0.0.1"}  # noqa: S104  what it would listen on in its pod
        app = OF_SERIN.unpack(directory / "app")
        arguments = (_moved(each, here) for each in (*container["command"][1:], *container["args"]))
        argv = ("env", "--chdir", str(app), *without_power((sys.executable, *arguments)))
        env = {each["name"]: _moved(self._value(each), here) for each in container["env"]}
        env |= {"SERIN_KUBECONFIG": str(self._kubeconfig(directory)), "PYTHONPATH": str(app)}
        return Process(Program("serin", argv, lambda: accepts(int(ports["8080"])), env), directory)

    def _fill(self, directory: Path, volumes: list[str]) -> None:
        for name in volumes:
            (directory / name).mkdir()
        for name, value in self.get("/api/v1 secrets/serin-tls")["data"].items():
            (directory / "tls" / name).write_bytes(base64.b64decode(value))

    def _redirect(self, port: int) -> None:
        """Let the cluster find the process where it looks for the Service."""
        alias = {"spec": {"type": "ExternalName", "externalName": "localhost", "clusterIP": None, "clusterIPs": None}}
        self.cluster.api.patch(f"/api/v1/namespaces/{self.namespace}/services/serin", alias)
        path = f"{WEBHOOKS}/{self.namespace}-serin"
        found = self.cluster.api.get(path)
        for webhook in found["webhooks"]:
            webhook["clientConfig"]["service"]["port"] = port
        self.cluster.api.replace(path, found)

    def _value(self, variable: Json) -> str:
        if "value" in variable:
            return str(variable["value"])
        ref = variable["valueFrom"]["secretKeyRef"]
        return base64.b64decode(self.get(f"/api/v1 secrets/{ref['name']}")["data"][ref["key"]]).decode()

    def _kubeconfig(self, directory: Path) -> Path:
        """Stands for the token that a pod finds in its own file system."""
        access = Access(self.cluster.url, self.cluster.ca_file, "", self.token())
        file = directory / "kubeconfig"
        file.write_text(json.dumps({**kubeconfig(access), "current-context": "serin"}))
        return file


def _moved(text: str, here: Mapping[str, str]) -> str:
    """What stands for a port, an address or a place of the pod, as it is on this machine."""
    return re.sub("|".join(map(re.escape, here)), lambda found: here[found[0]], text)


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
