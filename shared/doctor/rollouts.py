"""Canaries and their rollouts: those that nobody can run, those that nobody runs, and a Flagger that runs them too."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

from shared.canary import parse_canary
from shared.canary.conflicts import conflicts
from shared.cluster.kinds import Kind
from shared.errors import InvalidCanary, Refused
from shared.render.differences import at
from shared.rollout import RolloutKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from shared.canary.model import Canary
    from shared.doctor.finding import Area, Finding
    from shared.doctor.ground import Ground
    from shared.errors import Problem
    from shared.json_types import Json
    from shared.rollout import Rollout
    from shared.state.store import Store

    Name: TypeAlias = tuple[str, str]
    """Namespace and name of a Canary."""

MOST = 2000
"""Canaries, and rollouts, that are read; beyond that it is not said of a Canary that its rollout is missing."""
MOST_SHOWN = 10
LATE = timedelta(minutes=5)
"""A rollout that is due for longer is one that nobody ticks."""
UNSEEN = timedelta(minutes=20)
"""After so long every sweep should have met a new Canary."""

_FLAGGERS = ("app.kubernetes.io/name=flagger", "app=flagger")
"""Labels that Flagger's chart and its kustomization give its Deployment."""
_EDIT = "kubectl -n {} edit canary {}"


@dataclass(frozen=True, slots=True)
class Canaries:
    """Those of a cluster: ``valid`` can be run, ``invalid`` make no sense or are in the way of older ones. ``created``
    has all of them, ``serving`` those that have a primary; by namespace and name.
    """

    valid: tuple[Canary, ...] = ()
    invalid: Mapping[Name, tuple[Problem, ...]] = field(default_factory=dict)
    created: Mapping[Name, datetime] = field(default_factory=dict)
    serving: frozenset[Name] = frozenset()

    def only(self, wanted: Name) -> Canaries:
        """The same of one Canary."""
        return Canaries(
            tuple(each for each in self.valid if (each.namespace, each.name) == wanted),
            {name: problems for name, problems in self.invalid.items() if name == wanted},
            {name: created for name, created in self.created.items() if name == wanted},
            self.serving & {wanted},
        )


def read_canaries(ground: Ground) -> Canaries:
    """The first Canaries that Serin looks after. Refused if it may not."""
    listed = (raw for namespace in ground.namespaces for raw in ground.gateway.every(Kind.CANARY, namespace))
    return sort_canaries(islice(listed, MOST))


def sort_canaries(raws: Iterable[Json]) -> Canaries:
    """Which of them make sense."""
    valid: list[Canary] = []
    invalid: dict[Name, tuple[Problem, ...]] = {}
    created: dict[Name, datetime] = {}
    serving: set[Name] = set()
    for raw in raws:
        metadata = raw["metadata"]
        name = (metadata["namespace"], metadata["name"])
        created[name] = datetime.fromisoformat(metadata["creationTimestamp"])
        if at(raw, ("status", "phase")) not in (None, "", "Initializing"):
            serving.add(name)
        try:
            valid.append(parse_canary(raw))
        except InvalidCanary as error:
            invalid[name] = error.problems
    invalid |= conflicts(valid)
    working = tuple(each for each in valid if (each.namespace, each.name) not in invalid)
    return Canaries(working, invalid, created, frozenset(serving))


def judge_canaries(area: Area, canaries: Canaries) -> Iterator[Finding]:
    """Those that Serin cannot act on, each with everything that is wrong with it."""
    for (namespace, name), problems in islice(canaries.invalid.items(), MOST_SHOWN):
        seen = "; ".join(map(str, problems))
        yield area.bad(f"{name}.{namespace}", seen, "correct the fields:", _EDIT.format(namespace, name))
    yield from _more(area, len(canaries.invalid))
    if canaries.valid or not canaries.invalid:
        yield area.ok("Canaries", f"{len(canaries.valid)} can be run" if canaries.valid else "there are none")


def examine_rollouts(area: Area, ground: Ground, store: Store, canaries: Canaries, now: datetime) -> Iterator[Finding]:
    """What the store remembers, beside the Canaries that there are."""
    name = ground.cluster.name
    rollouts = dict(islice(store.all(name), MOST))
    return judge_rollouts(area, name, rollouts, canaries, now)


def judge_rollouts(
    area: Area, cluster: str, rollouts: Mapping[RolloutKey, Rollout], canaries: Canaries, now: datetime
) -> Iterator[Finding]:
    """Rollouts that are due and not ticked or in trouble, and Canaries that have none."""
    late = {key: now - each.due_at for key, each in rollouts.items() if each.active and now - each.due_at > LATE}
    troubled = {key: each.last_error for key, each in rollouts.items() if each.last_error and key not in late}
    unseen = [
        name
        for name, created in canaries.created.items()
        if RolloutKey(cluster, *name) not in rollouts and now - created > UNSEEN and len(rollouts) < MOST
    ]
    for key, wait in islice(late.items(), MOST_SHOWN):
        seen = f"is due since {wait // timedelta(minutes=1)} min, and nobody ticks it"
        yield area.bad(_name(key), seen, "see the scheduler below, and the log of the tick function")
    yield from _more(area, len(late))
    for key, trouble in islice(troubled.items(), MOST_SHOWN):
        yield area.warning(_name(key), f"held up: {trouble}", "see why; it is tried again by itself")
    yield from _more(area, len(troubled))
    for namespace, name in unseen[:MOST_SHOWN]:
        seen = "has no rollout: no sweep has met it"
        remedy = "see the sweep below, SERIN_NAMESPACES, and the log of the tick function"
        yield area.bad(f"{name}.{namespace}", seen, remedy)
    yield from _more(area, len(unseen))
    active = sum(each.active for each in rollouts.values())
    yield area.ok("rollouts", f"{len(rollouts)} remembered, {active} active")
    if len(rollouts) == MOST:
        yield area.unknown(
            "more rollouts", f"only the first {MOST} are read", "name a Canary with --canary NAMESPACE/NAME"
        )


def examine_flagger(area: Area, ground: Ground) -> Iterator[Finding]:
    """Whether a Flagger runs where Serin may look: both would write the same objects."""
    found: list[Json] = []
    for namespace in ground.namespaces:
        for selector in _FLAGGERS:
            try:
                listed = ground.gateway.look(Kind.DEPLOYMENT.path(namespace), labelSelector=selector, limit="50")
            except Refused as error:
                yield area.unknown("Flagger", str(error))
                return
            found += (listed or {}).get("items", ())
    yield from judge_flagger(area, found)
    if ground.settings.namespaces:
        yield area.unknown("Flagger elsewhere", f"only {', '.join(ground.settings.namespaces)} may be looked at")


def judge_flagger(area: Area, deployments: Sequence[Json]) -> Iterator[Finding]:
    """Deployments of Flagger that are not at zero."""
    running = [each for each in deployments if _runs_flagger(each)]
    for each in running:
        namespace, name = each["metadata"]["namespace"], each["metadata"]["name"]
        seen = f"{name}.{namespace} runs, and writes what Serin writes"
        yield area.bad("Flagger", seen, "stop it:", f"kubectl -n {namespace} scale deployment {name} --replicas 0")
    if not running:
        yield area.ok("Flagger", "does not run beside Serin")


def _runs_flagger(deployment: Json) -> bool:
    images = [str(each.get("image", "")) for each in at(deployment, ("spec", "template", "spec", "containers")) or ()]
    programs = {image.rpartition("/")[2].partition(":")[0].partition("@")[0] for image in images}
    return "flagger" in programs and at(deployment, ("spec", "replicas")) != 0


def _name(key: RolloutKey) -> str:
    return f"{key.name}.{key.namespace}"


def _more(area: Area, count: int) -> Iterator[Finding]:
    if count > MOST_SHOWN:
        yield area.unknown(f"{count - MOST_SHOWN} more", "are like these", "")
