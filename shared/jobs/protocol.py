"""What Serin asks of whoever calls its tick function: to call a cluster's heartbeat, to leave it alone, or to call now.

Only the heartbeat is ever told anything. The sweep is always on: it is what finds work that a lost word left behind.

Telling must never cost a tick: none of these methods raises, none takes longer than a few seconds, and what goes wrong
is said in the log once.
"""

from __future__ import annotations

from typing import Protocol

HEARTBEAT = "heartbeat"
"""The ``job`` in the body of a heartbeat's call."""

SWEEP = "sweep"
"""The same of a sweep's."""


class Jobs(Protocol):
    """Each method says whether the scheduler is known to have it so. Threads may share one object.

    A process may remember for up to a minute that a heartbeat is on, while another process has paused it. So whoever
    leaves work behind calls ``force``, which always asks; and whoever pauses looks for work once more afterwards, and
    resumes if there is some, because work that came in between met a heartbeat that was still on.
    """

    def resume(self, cluster: str) -> bool:
        """Have the cluster's heartbeat called again and again."""

    def pause(self, cluster: str) -> bool:
        """Have it called no more. A call under way goes on, and one that was forced before still comes."""

    def force(self, cluster: str) -> bool:
        """Have it called now, beside a call that may be under way, and from then on as after ``resume``.

        Of several who ask while a request is on its way to the scheduler, the next request serves all.
        """
