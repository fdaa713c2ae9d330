"""Where a run stands in the plan of its Canary, which may have been edited since its last step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.plan import make_plan, nearest_step

if TYPE_CHECKING:
    from shared.canary.model import Canary
    from shared.rollout import Rollout


def next_step(canary: Canary, rollout: Rollout) -> int:
    """Index of the step after the one that the run is at; beyond the plan's last it is promotion."""
    return nearest_step(make_plan(canary), rollout.step, rollout.weight) + 1


def is_switched(canary: Canary, rollout: Rollout) -> bool:
    """Whether the Canary asks for another kind of plan than the one whose steps the run went."""
    return rollout.step >= 0 and rollout.strategy not in ("", make_plan(canary).strategy)
