"""What the rules are judged by: one tick as it went, and the moments in it that matter.

Everything is taken from what really happened in store and cluster, never from what Serin thinks of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from shared.rollout import Rollout, Verb
from tests.proof.world import PRIMARY
from tests.support.app import NAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from shared.checks.verdict import CheckResult
    from shared.json_types import Json
    from tests.proof.wire import Outward
    from tests.proof.world import World

VERSION = "serin.dev/version"
SIDES = (NAME, PRIMARY)

__all__ = ["NAME", "PRIMARY", "SIDES", "VERSION", "Commit", "End", "Rest", "Work", "Write"]


@dataclass(slots=True)
class Work:
    """One tick. ``ready`` are the sides that had a pod for traffic at its beginning or at any interruption;
    ``seen`` is what its reads brought, by resource and name; ``refused`` counts writes that the API did not take.
    """

    now: datetime
    loaded: Rollout | None = None
    results: tuple[CheckResult, ...] = ()
    committed: list[Rollout] = field(default_factory=list)
    seen: dict[tuple[str, str], Json | None] = field(default_factory=dict)
    ready: set[str] = field(default_factory=set)
    failed_reads: int = 0
    failed_commits: int = 0
    refused: int = 0
    interrupted: bool = False

    @property
    def clean(self) -> bool:
        """It did all that it meant to, and nobody got in between."""
        failures = self.failed_reads + self.failed_commits + self.refused
        return bool(self.committed) and not failures and not self.interrupted

    @property
    def aborted(self) -> bool:
        """Somebody's abort was waiting, or a hook asked for the end."""
        commands = self.loaded.commands if self.loaded else ()
        return any(command.verb is Verb.ABORT for command in commands) or any(
            result.verdict == "abort" for result in self.results
        )


@dataclass(frozen=True, slots=True)
class Commit:
    """A document was written over the one ``before``; in the tick ``work``, or by somebody who only wakes."""

    world: World
    work: Work
    before: Rollout | None
    after: Rollout
    wakes: bool


@dataclass(frozen=True, slots=True)
class Write:
    """The cluster took a write. ``before`` is the object that was there, ``documents`` are all that were committed
    since the store last had none, by version.
    """

    world: World
    work: Work
    call: Outward
    before: Json | None
    after: Any
    documents: Mapping[int, Rollout]
    told: set[str]

    @property
    def name(self) -> str:
        """The object's name."""
        parts = self.call.path.split("/")
        return parts[-2] if parts[-1] in ("scale", "status") else parts[-1]

    @property
    def is_router(self) -> bool:
        return self.call.what in ("PUT virtualservices", "POST virtualservices")


@dataclass(frozen=True, slots=True)
class End:
    """A tick is over, and it was clean."""

    world: World
    work: Work


@dataclass(frozen=True, slots=True)
class Rest:
    """Everything is at rest, long after the last failure; ``released`` after one more good release."""

    world: World
    rollout: Rollout
    released: bool


def rules_of(router: Json) -> list[Json]:
    """The HTTP rules of a VirtualService."""
    return list(router["spec"].get("http") or ())


def shares(rule: Json) -> dict[str, int]:
    """What each host gets of the requests that a rule is for; one without a weight gets all."""
    return {route["destination"]["host"]: route.get("weight", 100) for route in rule.get("route") or ()}


def canary_shares(router: Json | None) -> list[int]:
    """The canary's share by each rule; the last rule is for everybody whom no other describes."""
    return [shares(rule).get(f"{NAME}-canary", 0) for rule in rules_of(router)] if router else [0]


def copies(router: Json | None) -> int:
    """Percent of the requests that the canary gets copies of."""
    rules = rules_of(router) if router else []
    mirrored = [rule.get("mirrorPercentage", {}).get("value", 100) for rule in rules if rule.get("mirror")]
    return int(max(mirrored, default=0))


def shown(router: Json | None) -> tuple[int, int]:
    """What a router does with the requests of everybody: the canary's share, and its copies."""
    return canary_shares(router)[-1] if router else 0, copies(router)


def wanted(rollout: Rollout) -> tuple[int, int]:
    """The same, as a document wants it."""
    return 0 if rollout.matching else rollout.weight, rollout.mirror


def standing(rollout: Rollout) -> tuple[Any, ...]:
    """All of a document that says how far a run is."""
    counted = (rollout.failed, rollout.unknown, rollout.runs, rollout.skipped, rollout.paused)
    made = (rollout.phase, rollout.route, rollout.step, rollout.step_at, rollout.replicas)
    return (*made, rollout.applied, rollout.promoted, *counted)


def destinations(world: World) -> Iterator[str]:
    """The Deployments whose pods get requests at this moment."""
    router, apex = world.find("virtualservice"), world.find("service")
    hosts = {f"{NAME}-canary": NAME, PRIMARY: PRIMARY}
    if router is None:
        if apex is not None:
            yield str(apex["spec"]["selector"]["app"])
        return
    for rule in rules_of(router):
        for host, share in shares(rule).items():
            if share:
                yield hosts.get(host, NAME)
