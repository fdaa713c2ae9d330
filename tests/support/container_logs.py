"""What containers wrote, as a kubelet hands it out: the endpoint behind ``kubectl logs``.

The API server asks the node of a pod for its logs, so a node of the tests is told to be at this server. It knows the
files of processes that stand for containers. It gives whole logs and no parts; a request for less is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tests.support.kubelet import NODE
from tests.support.web import WebServer, make_certificate, reply

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.cluster import Cluster
    from tests.support.web import Handler


class ContainerLogs:
    """A context manager that answers for the cluster's node. ``files`` has logs by namespace and container's name."""

    def __init__(self, cluster: Cluster, directory: Path) -> None:
        self.files: dict[tuple[str, str], Path] = {}
        self._cluster = cluster
        self._server = WebServer(self._answer, pem=make_certificate(directory / "kubelet.pem"))

    def __enter__(self) -> ContainerLogs:
        self._server.__enter__()
        here = {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": self._server.server_port}},
        }
        self._cluster.api.patch(f"/api/v1/nodes/{NODE}/status", {"status": here})
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__()

    def _answer(self, handler: Handler) -> None:
        asked = urlsplit(handler.path)
        match asked.path.split("/"):
            case ["", "containerLogs", namespace, _, container] if not asked.query:
                file = self.files.get((namespace, container))
                reply(200, file.read_bytes() if file else "")(handler)
            case _:
                reply(400, f"The kubelet of the tests does not know {handler.path}")(handler)
