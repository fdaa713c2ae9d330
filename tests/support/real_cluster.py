"""The real control plane: etcd, kube-apiserver and kube-controller-manager of one Kubernetes version, and our kubelet.

The API server keeps an audit log at Metadata level of what ``admin`` and ``serin`` ask; controllers and kubelet have
users of their own that it leaves out. Data is thrown away: etcd does not sync to disk, and everything ends by SIGKILL.
"""

from __future__ import annotations

import contextlib
import json
import secrets
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support import tools
from tests.support.api import Api, ApiDownError
from tests.support.cluster import Access, AuditEntry, Cluster, kubeconfig
from tests.support.kubelet import Kubelet
from tests.support.processes import Process, Program, answers, free_port
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.json_types import Json

_CONTROLLERS = (
    "daemonset-controller",
    "deployment-controller",
    "replicaset-controller",
    "garbage-collector-controller",
    "namespace-controller",
    "endpointslice-controller",
    "horizontal-pod-autoscaler-controller",
)
_UNCOUNTED = ("controllers", "kubelet")
"""Users of the cluster's own machinery."""

_AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "None", "verbs": ["watch"]},
        {"level": "None", "users": [*_UNCOUNTED, "system:apiserver"]},
        {"level": "Metadata"},
    ],
}


class RealCluster(Cluster):
    """A context manager that runs the control plane. ``etcd``, ``api_server`` and ``controllers`` can be broken."""

    kind = "real"

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._tokens = {user: secrets.token_hex(16) for user in ("admin", "serin", *_UNCOUNTED)}
        port = free_port()
        certificate = str(directory / "certificates" / "apiserver.crt")
        super().__init__(self._access(f"https://127.0.0.1:{port}", certificate, "admin"), directory)
        etcd_url = f"http://127.0.0.1:{free_port()}"
        self.etcd = Process(_etcd(etcd_url), directory)
        self.api_server = Process(_api_server(self.url, etcd_url), directory)
        self.controllers = Process(_controllers(), directory)
        self._kubelet = Kubelet(Api(self.url, self._tokens["kubelet"], certificate))
        self._audit_log = directory / "audit.log"

    def __enter__(self) -> RealCluster:
        self._write_files()
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End every part."""
        self._kubelet.stop()
        for process in (self.controllers, self.api_server, self.etcd):
            process.kill()

    def mark(self) -> int:
        """The length of the audit log, in bytes."""
        self._wait_for_log()
        return self._audit_log.stat().st_size

    def requests_by(self, user: str, since: int = 0) -> list[AuditEntry]:
        """See ``Cluster``."""
        self._wait_for_log()
        return [entry for entry in self._entries(since) if entry.user == user]

    @contextlib.contextmanager
    def api_down(self) -> Iterator[None]:
        """See ``Cluster``: the API server is killed, etcd stays."""
        with self.api_server.down():
            yield

    def _start(self) -> None:
        self.etcd.launch()
        self.api_server.launch()
        self.etcd.wait_ready()
        self.api_server.wait_ready()
        self.controllers.launch()
        self.api.create("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", _everything_for_serin())
        self._kubelet.start()
        self.controllers.wait_ready()

    def _write_files(self) -> None:
        groups = {"serin": ""}
        rows = [f'{token},{user},{user},"{groups.get(user, "system:masters")}"' for user, token in self._tokens.items()]
        self._write("tokens.csv", "\n".join(rows) + "\n")
        self._write("audit-policy.yaml", json.dumps(_AUDIT_POLICY))
        self._write(
            "controllers.kubeconfig", json.dumps(kubeconfig(self._access(self.url, self.ca_file, "controllers")))
        )
        self._write("service-accounts.pem", _private_key())

    def _write(self, name: str, text: str) -> None:
        file = self._directory / name
        file.touch(mode=0o600)
        file.write_text(text)

    def _access(self, url: str, ca_file: str | None, user: str) -> Access:
        return Access(url, ca_file, self._tokens[user], self._tokens["serin"])

    def _wait_for_log(self) -> None:
        """An entry may be written just after its client has the answer. So ask something that nobody else asks, and
        wait until the log has it: everything answered before is there then."""
        fence = f"/version?fence={secrets.token_hex(8)}"
        start = self._audit_log.stat().st_size
        with contextlib.suppress(ApiDownError):
            self.api.get(fence)
            eventually("the audit log has the last request", lambda: fence.encode() in self._read(start), every=0.005)

    def _entries(self, since: int) -> Iterator[AuditEntry]:
        for line in self._read(since).splitlines():
            event = json.loads(line)
            if "/version?fence=" not in event["requestURI"]:
                yield _entry(event)

    def _read(self, since: int) -> bytes:
        with self._audit_log.open("rb") as log:
            log.seek(since)
            return log.read()


def _entry(event: Json) -> AuditEntry:
    about = event.get("objectRef", {})
    return AuditEntry(
        user=event["user"]["username"],
        verb=event["verb"],
        resource=about.get("resource", ""),
        subresource=about.get("subresource", ""),
        namespace=about.get("namespace", ""),
        name=about.get("name", ""),
        code=event["responseStatus"]["code"],
    )


def _etcd(url: str) -> Program:
    peers = f"http://127.0.0.1:{free_port()}"
    argv = (
        str(tools.path_of(tools.Name.ETCD)),
        "--data-dir=etcd",
        f"--listen-client-urls={url}",
        f"--advertise-client-urls={url}",
        f"--listen-peer-urls={peers}",
        f"--initial-advertise-peer-urls={peers}",
        f"--initial-cluster=default={peers}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    )
    return Program("etcd", argv, lambda: answers(f"{url}/health"))


def _api_server(url: str, etcd_url: str) -> Program:
    argv = (
        str(tools.path_of(tools.Name.API_SERVER)),
        f"--etcd-servers={etcd_url}",
        f"--secure-port={url.rpartition(':')[2]}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        "--endpoint-reconciler-type=none",  # loopback is no address that an endpoint may have
        "--cert-dir=certificates",
        "--token-auth-file=tokens.csv",
        "--authorization-mode=RBAC",
        "--service-account-issuer=https://kubernetes.default",
        "--service-account-key-file=service-accounts.pem",
        "--service-account-signing-key-file=service-accounts.pem",
        "--service-cluster-ip-range=10.0.0.0/16",
        "--disable-admission-plugins=ServiceAccount",  # nobody makes the account that each pod would need
        "--audit-policy-file=audit-policy.yaml",
        "--audit-log-path=audit.log",
        "--audit-log-maxsize=10000",  # megabytes; a rotated log would lose its marks
    )
    return Program("kube-apiserver", argv, lambda: answers(f"{url}/readyz"))


def _controllers() -> Program:
    port = free_port()
    argv = (
        str(tools.path_of(tools.Name.CONTROLLERS)),
        "--kubeconfig=controllers.kubeconfig",
        "--leader-elect=false",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        "--cert-dir=certificates-of-controllers",
        f"--controllers={','.join(_CONTROLLERS)}",
        "--kube-api-qps=500",
        "--kube-api-burst=1000",
        "--horizontal-pod-autoscaler-sync-period=1s",
    )
    return Program("kube-controller-manager", argv, lambda: answers(f"https://127.0.0.1:{port}/healthz"))


def _private_key() -> str:
    """Signs the tokens of service accounts; the API server does not start without one."""
    key = ec.generate_private_key(ec.SECP256R1())
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    return key.private_bytes(*form).decode()


def _everything_for_serin() -> Json:
    return {
        "metadata": {"name": "serin"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "serin"}],
    }
