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
    """``shared.jobs.protocol.Jobs`` by ``loop``, whose jobs name their clusters."""

    def __init__(self, loop: LocalLoop, log: Log) -> None:
        self._loop = loop
        self._complaints = Complaints(log)

    def resume(self, cluster: str) -> bool:
        """See ``Jobs``; the next call comes at once, or when the pause after the last one is over."""
        return self._settle("resume", cluster, self._loop.resume(HEARTBEAT, cluster))

    def pause(self, cluster: str) -> bool:
        """See ``Jobs``."""
        return self._settle("pause", cluster, self._loop.pause(HEARTBEAT, cluster))

    def force(self, cluster: str) -> bool:
        """See ``Jobs``; a call under way is followed by one more."""
        return self._settle("run", cluster, self._loop.force(HEARTBEAT, cluster))

    def _settle(self, action: str, cluster: str, done: bool) -> bool:
        if done:
            self._complaints.settle(cluster, action)
        else:
            text = f"Could not {action} the heartbeat of cluster {cluster}: the loop of this process has no such job"
            self._complaints.add(cluster, action, "missing", f"{text}, or has ended")
        return done
