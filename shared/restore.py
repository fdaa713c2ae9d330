"""A rollout made anew from what the cluster says, when the store has none: for a new Canary, and after a lost document.

Only a state at rest is restored. A run that was under way is not gone on with: its traffic is sent home, its target
scaled down, and then the target's revision is found to be new and analysed from the first step. What traffic the target
has is restored where it has to keep it: after a promotion that failed, and where the Canary names no router any more
that could bring it home.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.cookies import known_cookie
from shared.render.router import router_of
from shared.render.workload import carried_revision
from shared.revision import parse_mark
from shared.rollout import RESTING, Phase, Revision, Rollout

if TYPE_CHECKING:
    from datetime import datetime

    from shared.canary.model import Canary
    from shared.json_types import Json


def restored(canary: Canary, status: Json, primary: Json | None, now: datetime) -> Rollout:
    """The rollout of a Canary that the store does not know, from the Canary's status and the live primary; a new one
    without them.
    """
    promoted = parse_mark(carried_revision(primary)) if primary else Revision()
    phase = status.get("phase", "")
    if not promoted.template or phase in ("", Phase.INITIALIZING):
        return Rollout(phase_since=now, due_at=now)
    failed = phase == Phase.FAILED
    weight = int(status.get("canaryWeight") or 0) if failed or router_of(canary) is None else 0
    last = Revision(str(status.get("lastAppliedSpec", "")), dict(status.get("trackedConfigs") or {}))
    return Rollout(
        phase=Phase.FAILED if failed else Phase.INITIALIZED,
        phase_since=now,
        due_at=now,
        applied=last if failed else promoted,
        promoted=promoted,
        replicas=None if phase in RESTING else 1,
        weight=weight,
        matching=bool(weight) and not failed,  # whose share it was is lost: a router that is back sends nobody else
        cookie=known_cookie(status),
    )
