"""The embedded API server of ``make demo``, in the shape that the tests know clusters by.

It lives in this process, and brings its own controllers and kubelet, which the same annotations bend. It does not ask
who is there: any token is welcome, and only names the user. Being away means that it answers 503 to everybody; its
controllers go on meanwhile.
"""

from __future__ import annotations

import contextlib
import secrets
from typing import TYPE_CHECKING

from infra.local.kubernetes.server import LocalKubernetes
from tests.support.cluster import Access, AuditEntry, Cluster

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class EmbeddedCluster(Cluster):
    """A context manager that runs the embedded server. ``server`` is it, with its ``fail_with`` for faults."""

    kind = "embedded"

    def __init__(self, directory: Path) -> None:
        tokens = {user: secrets.token_hex(16) for user in ("admin", "serin")}
        self.server = LocalKubernetes(tokens={token: user for user, token in tokens.items()})
        super().__init__(Access(self.server.url, None, tokens["admin"], tokens["serin"]), directory)

    def __enter__(self) -> EmbeddedCluster:
        self.server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.stop()

    def mark(self) -> int:
        """The number of requests so far."""
        return len(self.server.audit)

    def requests_by(self, user: str, since: int = 0) -> list[AuditEntry]:
        """See ``Cluster``."""
        return [
            AuditEntry(
                entry.user, entry.verb, entry.resource, entry.subresource, entry.namespace, entry.name, entry.code
            )
            for entry in self.server.audit[since:]
            if entry.user == user and entry.verb != "watch"
        ]

    @contextlib.contextmanager
    def api_down(self) -> Iterator[None]:
        """See ``Cluster``: every request is answered with 503."""
        self.server.fail_with = lambda _: 503
        try:
            yield
        finally:
            self.server.fail_with = None
