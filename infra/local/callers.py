"""The callers of one app: each request takes the routes in force to a pod, and is answered as that pod is told to.

Pure but for its random generator: a :class:`~infra.local.mesh.State` goes in, counts and metrics come out, and one
seed always gives the same. Nothing is arranged: a route to a side without ready pods loses its requests, as in a
mesh.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from random import Random
from typing import TYPE_CHECKING

from infra.local.mesh import Behaviour, Side, State
from infra.local.telemetry import Answer, Telemetry

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from infra.local.mesh import Rule
    from infra.local.series import Labels

MATCHING_SHARE = 0.25
"""The share of callers who meet the conditions of a route that has others after it: the audience of an A/B test.

All callers meet those of the last route: they know the app that they call.
"""

_TYPICAL_MILLISECONDS, _SPREAD = 35.0, 0.22  # of a log-normal distribution: nearly all answers take 20 to 60 ms
_REFUSED_MILLISECONDS = 0.4


@dataclass(frozen=True, slots=True)
class SideCounts:
    """What one side's pods answered since the start, copies by a mirror included; ``errors`` are 5xx."""

    requests: int = 0
    errors: int = 0
    milliseconds: float = 0.0

    def plus(self, answer: Answer) -> SideCounts:
        """With one more answer."""
        return SideCounts(
            self.requests + 1, self.errors + (answer.code >= 500), self.milliseconds + answer.milliseconds
        )


@dataclass(frozen=True, slots=True)
class Counts:
    """All requests since the start: ``sent`` by callers, ``lost`` to nobody, or answered by a side."""

    sent: int = 0
    lost: int = 0
    primary: SideCounts = field(default_factory=SideCounts)
    canary: SideCounts = field(default_factory=SideCounts)


class Callers:
    """Callers of ``app``. Not safe for threads, except that ``counts`` may be read by any."""

    def __init__(self, namespace: str, app: str, seed: int) -> None:
        self.counts = Counts()
        self._app = app
        self._random = Random(seed)
        self._telemetry = Telemetry(namespace, app)
        self._rules: Sequence[Rule] = ()
        self._pods: dict[Side, Behaviour] = {}

    def follow(self, state: State) -> None:
        """Take new routes and pods into account. A new template's pods answer once no others are left."""
        for side, workload in state.workloads.items():
            if not workload.ready:
                self._pods.pop(side, None)
            elif side not in self._pods:
                self._pods[side] = workload.behaviour
                self._telemetry.restart(side)
            elif workload.settled:
                self._pods[side] = workload.behaviour
        self._rules = state.rules

    def send(self, requests: int) -> None:
        """Let so many requests happen; none happen before there is a route."""
        for _ in range(requests if self._rules else 0):
            self._send()

    def samples(self) -> Iterator[tuple[Labels, float]]:
        """What a scrape of all proxies would find now."""
        return self._telemetry.samples(self._pods)

    def _send(self) -> None:
        rule = next(filter(self._meets, self._rules[:-1]), self._rules[-1])
        side = self._choose(rule)
        self._answer(self._ask(side))
        if self._random.random() < rule.mirror_share and rule.mirror in self._pods:
            self._copy(self._ask(rule.mirror))

    def _meets(self, rule: Rule) -> bool:
        return not rule.conditional or self._random.random() < MATCHING_SHARE

    def _choose(self, rule: Rule) -> Side | None:
        sides = [side for side, _ in rule.weights]
        weights = [weight for _, weight in rule.weights]
        return self._random.choices(sides, weights)[0] if sum(weights) > 0 else None

    def _ask(self, side: Side | None) -> Answer:
        """The answer of one of a side's pods; 503 with Envoy's flag "no healthy upstream" if it has none."""
        host = side.host(self._app) if side else self._app
        if side is None or side not in self._pods:
            return Answer(host, None, 503, _REFUSED_MILLISECONDS, "UH")
        behaviour = self._pods[side]
        failed = self._random.random() < behaviour.error_rate
        noise = self._random.lognormvariate(math.log(_TYPICAL_MILLISECONDS), _SPREAD)
        return Answer(host, side, 500 if failed else 200, noise + behaviour.delay * 1000)

    def _answer(self, answer: Answer) -> None:
        self._telemetry.count(answer)
        counts = replace(self.counts, sent=self.counts.sent + 1, lost=self.counts.lost + (answer.side is None))
        self.counts = _counted(counts, answer)

    def _copy(self, answer: Answer) -> None:
        self._telemetry.count_mirrored(answer)
        self.counts = _counted(self.counts, answer)


def _counted(counts: Counts, answer: Answer) -> Counts:
    match answer.side:
        case Side.PRIMARY:
            return replace(counts, primary=counts.primary.plus(answer))
        case Side.CANARY:
            return replace(counts, canary=counts.canary.plus(answer))
        case None:
            return counts
