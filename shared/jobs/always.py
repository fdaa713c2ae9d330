"""Heartbeat jobs for who calls the tick function regularly whatever it is told, as a loop in another process does."""

from __future__ import annotations


class AlwaysOn:
    """``shared.jobs.protocol.Jobs`` that nobody listens to: the heartbeat is called anyway."""

    def resume(self, cluster: str) -> bool:  # noqa: ARG002  there is nobody to tell
        """See ``Jobs``."""
        return True

    def pause(self, cluster: str) -> bool:  # noqa: ARG002  there is nobody to tell
        """See ``Jobs``."""
        return True

    def force(self, cluster: str) -> bool:  # noqa: ARG002  there is nobody to tell
        """See ``Jobs``."""
        return True
