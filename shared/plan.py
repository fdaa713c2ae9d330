"""A strategy as pure data: the ordered steps of a run, and the way home after it.

A step says what the router must show; the engine walks steps and knows no strategy by name. Weights never pass
``maxWeight`` and the last step is always ``maxWeight`` itself, so that promotion never depends on whether
``stepWeight`` divides it.

It must never look at a rollout or a clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.canary.model import Analysis


@dataclass(frozen=True, slots=True)
class Route:
    """What share of the traffic, in percent, each side gets. The shares sum to 100."""

    canary: int

    def __post_init__(self) -> None:
        if not 0 <= self.canary <= 100:
            raise ValueError(f"canary weight {self.canary} is not between 0 and 100")

    @property
    def primary(self) -> int:
        """The primary's share."""
        return 100 - self.canary


HOME = Route(canary=0)


@dataclass(frozen=True, slots=True)
class Plan:
    """``steps`` are the routes of the analysis, in order; ``homeward`` those that bring traffic back after promotion,
    ending at HOME.
    """

    steps: tuple[Route, ...]
    homeward: tuple[Route, ...]


def make_plan(analysis: Analysis) -> Plan:
    """The plan of a weighted canary (``stepWeight`` or ``stepWeights``, ``maxWeight``, ``stepWeightPromotion``)."""
    weights = _rising(analysis.step_weights or _equal_steps(analysis.step_weight, analysis.max_weight))
    back = analysis.step_weight_promotion
    falling = range(weights[-1] - back, 0, -back) if back else ()
    return Plan(
        steps=tuple(Route(canary=weight) for weight in weights),
        homeward=(*(Route(canary=weight) for weight in falling), HOME),
    )


def nearest_step(plan: Plan, canary_weight: int) -> int:
    """Index of the last step that does not send more than ``canary_weight`` to the canary; -1 before the first.

    A run whose Canary is edited half-way goes on from here, so an edit never raises the weight by itself.
    """
    return sum(step.canary <= canary_weight for step in plan.steps) - 1


def _equal_steps(step: int, maximum: int) -> tuple[int, ...]:
    return tuple(chain(range(step, maximum, step), (maximum,)))


def _rising(weights: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted({min(weight, 100) for weight in weights}))
