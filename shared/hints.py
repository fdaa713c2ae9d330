"""Leaving a hint with the rollouts that it concerns, so that they look soon, and look again while the change is not
stored yet.

It must never decide anything: a hint is a reason to look, and looking is the tick's.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from shared.concerned import concerned
from shared.errors import StaleRollout
from shared.hint import HintKind
from shared.rollout import Rollout, with_hint

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from shared.hint import Hint
    from shared.rollout import RolloutKey
    from shared.state.store import Store

PATIENCE = timedelta(seconds=30)
"""How long a rollout goes on looking for a change that it was told of."""

FRESH = timedelta(seconds=25)
"""A hint that is good for longer than this is not left again: many objects of one release change at once."""

ATTEMPTS = 5


def leave_hint(store: Store, cluster: str, hint: Hint, now: datetime) -> Sequence[RolloutKey]:
    """Wake the rollouts that ``hint`` concerns; which ones. A Canary that is new gets a rollout that is still to be
    born.

    Raises StoreUnavailable.
    """
    keys = concerned(store, cluster, hint)
    for key in keys:
        _leave(store, key, hint, now)
    return keys


def _leave(store: Store, key: RolloutKey, hint: Hint, now: datetime) -> None:
    """Compare and set, against ticks and other hints; whoever loses too often can trust that others looked."""
    for _ in range(ATTEMPTS):
        hinted = _hinted(store.load(key), hint, now)
        if hinted is None:
            return
        try:
            store.commit(key, hinted, None)
        except StaleRollout:
            continue
        return


def _hinted(rollout: Rollout | None, hint: Hint, now: datetime) -> Rollout | None:
    """The rollout to be written; None if there is nothing to write."""
    if rollout is None:
        return with_hint(Rollout(born=False, phase_since=now), now, PATIENCE) if hint.kind is HintKind.CANARY else None
    if rollout.active and rollout.hinted and rollout.hinted_until - now > FRESH:
        return None
    return with_hint(rollout, now, PATIENCE)
