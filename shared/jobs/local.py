"""Heartbeat jobs of a self-hosted Serin: the local loop in this very process, told by the same three words.

It must never wait: the loop's thread makes the calls, and says itself when one of them fails.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.jobs.complaints import Complaints
from shared.jobs.protocol import HEARTBEAT

if TYPE_CHECKING:
    from shared.logs import Log
    from shared.schedule import LocalLoop


class LocalJobs:
    """``shared.jobs.protocol.Jobs`` by ``loop``, which serves one ``cluster``."""

    def __init__(self, loop: LocalLoop, cluster: str, log: Log) -> None:
        self._loop, self._cluster = loop, cluster
        self._complaints = Complaints(log)

    def resume(self, cluster: str) -> bool:
        """See ``Jobs``; the next call comes at once, or when the pause after the last one is over."""
        return self._settle("resume", cluster, cluster == self._cluster and self._loop.resume(HEARTBEAT))

    def pause(self, cluster: str) -> bool:
        """See ``Jobs``."""
        return self._settle("pause", cluster, cluster == self._cluster and self._loop.pause(HEARTBEAT))

    def force(self, cluster: str) -> bool:
        """See ``Jobs``; a call under way is followed by one more."""
        return self._settle("run", cluster, cluster == self._cluster and self._loop.force(HEARTBEAT))

    def _settle(self, action: str, cluster: str, done: bool) -> bool:
        if done:
            self._complaints.settle(cluster, action)
        else:
            text = f"Could not {action} the heartbeat of cluster {cluster}: this process runs a loop for"
            self._complaints.add(cluster, action, "missing", f"{text} cluster {self._cluster} only, or none any more")
        return done
