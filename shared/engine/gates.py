"""Gates: where a run waits until somebody says that it may go on.

A gate that does not open holds the run and never counts against it. What a person approved is one gate of one revision;
a new revision finds every gate closed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.revision import revision_mark

if TYPE_CHECKING:
    from shared.engine.draft import Draft
    from shared.rollout import Command


def approve(draft: Draft, command: Command) -> Draft:
    """The gate that waits is open, if it is the one that was approved, and for the revision that was approved."""
    rollout = draft.rollout
    if command.revision and command.revision != revision_mark(rollout.applied):
        return draft.warn(f"{command.by} approved another revision than the one that waits at {rollout.gate}").at_once()
    if command.gate and command.gate != rollout.gate:
        return draft.warn(f"{command.by} approved {command.gate}, but {rollout.gate} is what waits").at_once()
    reason = f": {command.reason}" if command.reason else ""
    draft = draft.warn(f"Gate {rollout.gate} approved by {command.by}{reason}")
    return draft.set(approved=(*rollout.approved, rollout.gate), gate="", halt="").at_once()
