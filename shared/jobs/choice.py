"""Which scheduler calls the heartbeat: Cloud Scheduler where a place for its jobs is set, else this process's own loop.

Without either it is somebody else's loop, which calls whatever it is told.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shared.jobs.always import AlwaysOn

if TYPE_CHECKING:
    from shared.jobs.protocol import Jobs
    from shared.logs import Log

PLACE = re.compile(r"projects/([^/]+)/locations/([^/]+)")
"""``SERIN_SCHEDULER``: where the jobs are."""

PREFIX = "serin"
"""How the names of the jobs begin."""

_own: list[Jobs] = []


def offer(jobs: Jobs) -> None:
    """Let the functions of this process tell ``jobs``; to be called before they are first used."""
    _own[:] = [jobs]


def choose_jobs(place: str, log: Log) -> Jobs:
    """The heartbeat jobs at ``place`` (``projects/P/locations/L``), or if it is empty those of this process."""
    found = PLACE.fullmatch(place)
    if found is None:
        return _own[0] if _own else AlwaysOn()
    from shared.jobs.cloud_scheduler import CloudScheduler, Place  # noqa: PLC0415  loaded when needed

    return CloudScheduler(Place(found[1], found[2], PREFIX), log)
