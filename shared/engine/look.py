"""What a rollout needs to see in its phase. Every look is a request, so this says no more than needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.engine import farewell
from shared.observed import Look
from shared.plan import make_plan
from shared.rollout import Phase

if TYPE_CHECKING:
    from shared.canary.model import Canary
    from shared.rollout import Rollout


def look_for(canary: Canary, rollout: Rollout) -> Look:
    """What the next tick of this rollout has to look at."""
    if canary.deleting or rollout.phase is Phase.TERMINATING:
        return farewell.look_for(canary, rollout)
    if canary.suspend and not rollout.commands:
        return Look.NOTHING
    if rollout.phase is Phase.INITIALIZING or rollout.reconciled != canary.generation:
        return Look.ALL
    return _look_in_phase(canary, rollout) | (Look.ROUTER if rollout.commands else Look.NOTHING)


def _look_in_phase(canary: Canary, rollout: Rollout) -> Look:
    match rollout.phase:
        case Phase.PROGRESSING:
            return Look.TARGET | Look.PRIMARY | Look.ROUTER | _configs(canary, rollout)
        case Phase.PROMOTING if rollout.promoted != rollout.applied:
            return Look.TARGET | Look.PRIMARY | Look.COPIES
        case Phase.PROMOTING:
            return Look.PRIMARY | Look.ROUTER | Look.TARGET
        case Phase.FINALISING:
            return Look.ROUTER | Look.AUTOSCALER
        case _ if rollout.replicas == 0:
            return Look.TARGET | _pausing(canary)
        case _ if rollout.replicas is not None:
            return Look.TARGET | Look.ROUTER
        case _:
            return Look.TARGET | Look.PRIMARY | Look.CONFIGS


def _pausing(canary: Canary) -> Look:
    pausable = canary.autoscaler is not None and canary.autoscaler.pausable
    return Look.PAUSE if pausable else Look.NOTHING


def _configs(canary: Canary, rollout: Rollout) -> Look:
    """All of them after a hint, which the sweep gives if the cluster did not, and when promotion may be next: what is
    promoted was analysed. No tick in between costs more because there are many.
    """
    may_be_promoted = rollout.step + 1 == len(make_plan(canary).steps)
    looks = may_be_promoted or rollout.hinted or canary.skip_analysis or rollout.skipped
    return Look.CONFIGS if looks else Look.NOTHING
