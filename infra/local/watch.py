"""Looks at the running stack and says what there is to see: where a :class:`Picture` comes from.

Phase and failures are the Canary's status, the weight is what the router really says, pods are the Deployments', rates
are differences of the traffic's counters, and the answers of checks are the rollout's own history.

It must never change anything it looks at.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.local.picture import Answer, Picture, Side
from shared.canary import parse_canary
from shared.checks.verdict import Verdict
from shared.cluster.kinds import Kind
from shared.errors import InvalidCanary
from shared.plan import make_plan
from shared.render.istio_live import live_route

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from infra.local.callers import Counts, SideCounts
    from infra.local.client import Client
    from infra.local.picture import Happening, Scene
    from infra.local.traffic import Traffic
    from shared.canary.model import Canary
    from shared.json_types import Json
    from shared.rollout import RolloutKey
    from shared.state.store import Store

WINDOW_SECONDS = 2.0
"""How far back rates look."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What is looked at: the rollout of one Canary, through the cluster's API, the store and the traffic's counters."""

    client: Client
    store: Store
    key: RolloutKey
    traffic: Traffic


class Watch:
    """Takes pictures, one after the other; ``happenings`` is where the log's lines are added as they come."""

    def __init__(self, sources: Sources, happenings: Sequence[Happening]) -> None:
        self._sources = sources
        self._happenings = happenings
        self._rates = Rates()

    def look(self, scene: Scene, elapsed: float) -> Picture:
        """The picture at this moment. DemoError if the cluster does not answer."""
        counts = self._sources.traffic.counts
        self._rates.add(elapsed, counts)
        raw = self._find(Kind.CANARY, self._sources.key.name)
        canary = _parsed(raw)
        status = (raw or {}).get("status") or {}
        return Picture(
            scene=scene,
            elapsed=elapsed,
            phase=status.get("phase", ""),
            weight=self._weight(canary),
            weights=tuple(step.route.canary for step in make_plan(canary).steps) if canary else (),
            failed=status.get("failedChecks", 0),
            threshold=canary.analysis.threshold if canary else 0,
            primary=self._side(f"{self._sources.key.name}-primary", *self._rates.primary()),
            canary=self._side(self._sources.key.name, *self._rates.canary()),
            lost=counts.lost,
            answers=answers(canary, self._history()) if canary else (),
            happenings=tuple(self._happenings),
        )

    def _weight(self, canary: Canary | None) -> int | None:
        if canary is None:
            return None
        router = self._find(Kind.VIRTUAL_SERVICE, canary.service.name)
        route = live_route(router, canary) if router else None
        return route.canary if route else None

    def _side(self, deployment: str, rate: float, errors: float) -> Side:
        return side(self._find(Kind.DEPLOYMENT, deployment), rate, errors)

    def _find(self, kind: Kind, name: str) -> Json | None:
        return self._sources.client.find(kind, self._sources.key.namespace, name)

    def _history(self) -> Sequence[Json]:
        rollout = self._sources.store.load(self._sources.key)
        return self._sources.store.history(self._sources.key, rollout.run) if rollout else ()


class Rates:
    """Requests and errors per second of both sides, over the last moments, from counters that only grow."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, Counts]] = deque()

    def add(self, at: float, counts: Counts) -> None:
        """Add the counters as they were at ``at`` (seconds, growing)."""
        self._samples.append((at, counts))
        while len(self._samples) > 2 and at - self._samples[1][0] >= WINDOW_SECONDS:
            self._samples.popleft()

    def primary(self) -> tuple[float, float]:
        """Requests and errors per second at the primary."""
        return self._between(self._samples[0][1].primary, self._samples[-1][1].primary)

    def canary(self) -> tuple[float, float]:
        """Requests and errors per second at the canary."""
        return self._between(self._samples[0][1].canary, self._samples[-1][1].canary)

    def _between(self, first: SideCounts, last: SideCounts) -> tuple[float, float]:
        seconds = self._samples[-1][0] - self._samples[0][0]
        if seconds <= 0:
            return 0.0, 0.0
        return (last.requests - first.requests) / seconds, (last.errors - first.errors) / seconds


def _parsed(raw: Json | None) -> Canary | None:
    """The Canary; None also when somebody, playing with it, wrote one that makes no sense: the log tells about it."""
    try:
        return parse_canary(raw) if raw else None
    except InvalidCanary:
        return None


def side(deployment: Json | None, rate: float, errors: float) -> Side:
    """A side as its Deployment shows it; without one it has no version and no pods."""
    if deployment is None:
        return Side(rate=rate, errors=errors)
    status = deployment.get("status") or {}
    pods, ready, updated = (status.get(count, 0) for count in ("replicas", "readyReplicas", "updatedReplicas"))
    return Side(version_of(deployment), pods, ready, updated, rate, errors)


def version_of(deployment: Json) -> str:
    """The tag of a Deployment's first image."""
    image: str = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
    return image.rpartition(":")[2]


def answers(canary: Canary, history: Iterable[Json]) -> tuple[Answer, ...]:
    """What each metric of the Canary answered last in a run, and how it did before."""
    results = [result for entry in history for result in entry["results"]]
    return tuple(
        _answer(metric.name, [result for result in results if result["name"] == metric.name])
        for metric in canary.analysis.metrics
    )


def _answer(name: str, results: Sequence[Json]) -> Answer:
    if not results:
        return Answer(name)
    trail = tuple(Verdict(result["verdict"]) for result in results)
    return Answer(name, results[-1]["value"], results[-1]["bounds"], trail)
