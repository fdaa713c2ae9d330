"""How a person's command gets into a rollout: compare-and-set, the same over every store.

A tick may commit between the load and the commit; then the command is put onto what that tick wrote. ``with_command``
makes a repeated request one command, also when the answer to the first was lost on its way.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from shared.errors import Refused, StaleRollout
from shared.rollout import MEMORY, with_command
from shared.state.document import LONGEST_LIST

if TYPE_CHECKING:
    from shared.rollout import Command, Rollout, RolloutKey
    from shared.state.store import Store

ATTEMPTS = 10
"""A tick commits once a second at most and needs longer than a submit: more conflicts are no ordinary race."""


def submit(store: Store, key: RolloutKey, command: Command) -> Rollout:
    """The rollout with ``command`` waiting in it, committed.

    KeyError if there is no rollout; Refused if LONGEST_LIST commands wait already or were given lately; StaleRollout
    if every attempt lost its race.
    """
    for _ in range(ATTEMPTS):
        rollout = _load(store, key)
        changed = with_command(rollout, command)
        if changed == rollout:
            return rollout
        _refuse_crowd(key, rollout, changed)
        with suppress(StaleRollout):
            store.commit(key, changed, None)
            return changed
    raise StaleRollout(f"rollout {key} changed {ATTEMPTS} times while {command.verb} was being written: try again")


def _load(store: Store, key: RolloutKey) -> Rollout:
    rollout = store.load(key)
    if rollout is None:
        raise KeyError(f"there is no rollout {key}")
    return rollout


def _refuse_crowd(key: RolloutKey, rollout: Rollout, changed: Rollout) -> None:
    """None may be forgotten while its request could come again, and a document keeps so many at most."""
    if len(rollout.commands) >= LONGEST_LIST:
        raise Refused(
            f"rollout {key} has {len(rollout.commands)} commands waiting that no tick has taken up: "
            "see whether the heartbeat runs, and why its ticks of this rollout fail"
        )
    if len(changed.heard) > LONGEST_LIST:
        raise Refused(
            f"rollout {key} was given {LONGEST_LIST} commands within {MEMORY.seconds // 60} minutes: wait a little"
        )
