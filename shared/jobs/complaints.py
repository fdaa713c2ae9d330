"""Says what is wrong with a cluster's heartbeat job: each kind of trouble once, until what failed works again.

A trouble lasts for many ticks, webhooks and commands; one line says it as well as a thousand. It is over only when the
action that met it first succeeds: a role that may run a job but not pause it would otherwise be news every minute.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.logs import Log


class Complaints:
    """What has been said and still holds. Threads may share it."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._lock = Lock()
        self._said: dict[tuple[str, str], str] = {}  # cluster and kind: the action that met it first

    def add(self, cluster: str, action: str, kind: str, text: str) -> None:
        """Log ``text``, unless this kind of trouble with this cluster has been said."""
        with self._lock:
            known = (cluster, kind) in self._said
            self._said.setdefault((cluster, kind), action)
        if not known:
            self._log.error(text, cluster=cluster, trouble=kind)

    def settle(self, cluster: str, action: str) -> None:
        """``action`` works: what it met is over, and would be news again."""
        with self._lock:
            self._said = {key: met for key, met in self._said.items() if (key[0], met) != (cluster, action)}
