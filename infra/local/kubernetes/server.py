"""A Kubernetes API server in this process: a real HTTP server on loopback, for `make demo` and for fast tests.

It behaves as kube-apiserver 1.35 in what Serin, kubectl and the official client use, together with the parts of the
controller manager and the kubelet that make Deployments and DaemonSets roll. The same contract tests run against it and
against the real one. What it does not have: authentication and authorization, admission webhooks, server-side apply,
CEL rules of CRDs, Nodes (pods run on one, `embedded`), ControllerRevisions, and containers that run.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from infra.local.kubernetes.audit import AuditEntry
from infra.local.kubernetes.core import Core
from infra.local.kubernetes.listener import Listener

__all__ = ["AuditEntry", "LocalKubernetes"]


class LocalKubernetes:
    """A cluster that lives as long as its `with` block. It forgets everything when it stops.

    `tokens` are bearer tokens and the users that they stand for in the audit log; everyone else is `admin`. Pods become
    ready `ready_after` seconds after they start.
    """

    def __init__(self, port: int = 0, tokens: Mapping[str, str] | None = None, ready_after: float = 0.1) -> None:
        self._core = Core(ready_after)
        self._application = self._core.application
        self._listener = Listener(port, dict(tokens or {}), self._application.handle)
        self._application.address = self._listener.url.removeprefix("http://")

    @property
    def url(self) -> str:
        return self._listener.url

    @property
    def audit(self) -> list[AuditEntry]:
        """Every request so far, in the order of the answers. A watch counts when it begins."""
        return self._application.audit

    @property
    def fail_with(self) -> Callable[[AuditEntry], int | None] | None:
        """Answers a request with the status that it makes of it, and properly where that is None. It can be set at any
        time.
        """
        return self._application.fault

    @fail_with.setter
    def fail_with(self, fault: Callable[[AuditEntry], int | None] | None) -> None:
        self._application.fault = fault

    def start(self) -> Self:
        self._core.begin()
        self._core.loop.start()
        self._listener.start()
        return self

    def stop(self) -> None:
        self._core.loop.stop()
        self._core.store.close()  # ends the watches properly, before their connections are cut
        self._listener.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def write_kubeconfig(self, path: Path) -> None:
        """Writes a configuration for kubectl and the official client (JSON, which is YAML)."""
        name = "serin-local"
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": {"server": self.url}}],
            "users": [{"name": name, "user": {}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": "default"}}],
            "current-context": name,
        }
        path.write_text(json.dumps(config, indent=2))
