"""A strategy as pure data: the ordered steps of a run, and the way home after it.

A step says what the router must show and who has to agree before it. Weighted canary, A/B testing, blue/green and
mirroring differ in nothing but the plan that is made here: the engine walks plans and knows no strategy by name.
Weights never pass ``maxWeight`` and the last step is always ``maxWeight`` itself, so that promotion never depends on
whether ``stepWeight`` divides it.

It must never look at a rollout or a clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from typing import TYPE_CHECKING

from shared.canary.model import HookType

if TYPE_CHECKING:
    from shared.canary.model import Analysis, Canary

_RISING = (HookType.CONFIRM_TRAFFIC_INCREASE,)
"""What has to agree before more users get the canary."""


class Strategy(StrEnum):
    """What kind of plan it is, in the words of Flagger's metric label ``deployment_strategy``. A run whose Canary asks
    for another kind begins anew.
    """

    CANARY = "canary"
    AB_TESTING = "ab-testing"
    BLUE_GREEN = "blue-green"


@dataclass(frozen=True, slots=True)
class Route:
    """What the router shows, in percent: the canary's share of the requests, and how many of them it gets copies of.

    With ``matching`` the share is that of the requests that ``analysis.match`` describes; all others go to the primary.
    ``cookie`` (``name=value``) keeps a user on the canary while that has a share, and is taken back when it has none.
    """

    canary: int
    mirror: int = 0
    matching: bool = False
    cookie: str = ""

    def __post_init__(self) -> None:
        for share in (self.canary, self.mirror):
            if not 0 <= share <= 100:
                raise ValueError(f"{share} percent is not between 0 and 100")

    @property
    def primary(self) -> int:
        """The primary's share."""
        return 100 - self.canary

    @property
    def told(self) -> str:
        """Who gets what, for people: ``25 % canary, 75 % primary``."""
        if self.matching:
            return f"{self.canary} % canary for those who match"
        copies = f", copies of {self.mirror} % for the canary" if self.mirror else ""
        return f"{self.canary} % canary, {self.primary} % primary{copies}"

    @property
    def home(self) -> bool:
        """Whether the canary gets nothing at all, not even copies."""
        return not (self.canary or self.mirror)


HOME = Route(canary=0)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a run. ``says`` is its line in the log, with places for ``round`` and ``rounds``; ``gates`` are the
    hooks that have to agree before it.
    """

    route: Route
    says: str
    gates: tuple[HookType, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """``steps`` are those of the analysis, in order: the canary's share never falls on the way. ``homeward`` are its
    shares while traffic comes back after promotion, ending at 0. ``rounds`` is ``analysis.iterations``, 0 for a plan
    that counts weights. ``gates`` are the hooks that have to agree before the promotion.
    """

    strategy: Strategy
    steps: tuple[Step, ...]
    homeward: tuple[int, ...]
    rounds: int = 0
    gates: tuple[HookType, ...] = (HookType.CONFIRM_PROMOTION,)

    def announce(self, index: int) -> str:
        """The line in the log that says that the run is at step ``index``."""
        return self.steps[index].says.format(round=index + 1, rounds=self.rounds)

    def round_of(self, index: int) -> int:
        """``status.iterations`` at step ``index``, or at -1, before the first. The switch of a blue/green run counts as
        a round more than there are (Flagger).
        """
        return index + 1 if self.rounds else 0


def make_plan(canary: Canary) -> Plan:
    """The plan of a Canary's analysis, as Flagger chooses it: ``iterations`` with ``match`` is A/B testing, without it
    blue/green, and without ``iterations`` there are weights.
    """
    analysis = canary.analysis
    steps = _rounds(canary) if analysis.iterations else _weights(canary)
    back = analysis.step_weight_promotion
    falling = range(steps[-1].route.canary - back, 0, -back) if back else ()
    gates = (*(() if analysis.iterations else _RISING), HookType.CONFIRM_PROMOTION)
    return Plan(_strategy(analysis), steps, (*falling, 0), analysis.iterations, gates)


def nearest_step(plan: Plan, step: int, canary_share: int) -> int:
    """Where in ``plan`` a run stands that made step ``step`` of an earlier form of it; -1 before the first step.

    It is the last step that does not send more than ``canary_share`` to the canary, and of several that send the same
    not a later one than ``step``: an edit never raises the weight by itself, and skips no round.
    """
    first = sum(one.route.canary < canary_share for one in plan.steps) if canary_share else -1
    last = sum(one.route.canary <= canary_share for one in plan.steps) - 1
    return max(min(step, last), min(first, last))


def _strategy(analysis: Analysis) -> Strategy:
    if analysis.match:
        return Strategy.AB_TESTING
    return Strategy.BLUE_GREEN if analysis.iterations else Strategy.CANARY


def _rounds(canary: Canary) -> tuple[Step, ...]:
    """Every round alike. Blue/green then sends everybody to the canary, as far as there is a router, so that the
    primary is updated without traffic: that is the step that needs the approval of a promotion (Flagger).
    """
    analysis, says = canary.analysis, f"Advance {canary} canary iteration {{round}}/{{rounds}}"
    if analysis.match:
        return (Step(Route(canary=100, matching=True), says),) * analysis.iterations
    rounds = (Step(Route(canary=0, mirror=_mirror(analysis)), says),) * analysis.iterations
    return (*rounds, _switch(analysis)) if canary.has_router else rounds


def _switch(analysis: Analysis) -> Step:
    mirrored = "Stop traffic mirroring and route all traffic to canary"
    says = mirrored if analysis.mirror else "Routing all traffic to canary"
    return Step(Route(canary=100), says, (HookType.CONFIRM_PROMOTION,))


def _weights(canary: Canary) -> tuple[Step, ...]:
    """One round of copies, if they are wanted, before the first weight: users get no answer of the canary's in it, so
    nobody has to agree to it. With ``match`` the weights are of those users (Flagger).
    """
    analysis = canary.analysis
    weights = _rising(analysis.step_weights or _equal_steps(analysis.step_weight, analysis.max_weight))
    matching = bool(analysis.match)
    says, copies = f"Advance {canary} canary weight {{share}}", Route(canary=0, mirror=_mirror(analysis))
    copying = (Step(copies, says.format(share=0)),) if analysis.mirror and not matching else ()
    rising = (Step(Route(canary=share, matching=matching), says.format(share=share), _RISING) for share in weights)
    return (*copying, *rising)


def _mirror(analysis: Analysis) -> int:
    return analysis.mirror_weight if analysis.mirror else 0


def _equal_steps(step: int, maximum: int) -> tuple[int, ...]:
    return tuple(chain(range(step, maximum, step), (maximum,)))


def _rising(weights: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted({min(weight, 100) for weight in weights}))
