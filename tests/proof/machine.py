"""The model: one app and its Canary, two processes of Serin, a team, and whatever can happen, in any order.

    engine + tick + store + embedded cluster, all real, in a time of their own

Hypothesis chooses what happens; after each step the five rules must hold, and when it is over, everything must come to
rest and a good release must be promoted.
"""

from __future__ import annotations

import sys
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from shared.checks.verdict import Verdict
from shared.rollout import Phase, Rollout, Verb
from tests.proof.cluster import Embedded
from tests.proof.court import Court, Watcher
from tests.proof.evidence import NAME, PRIMARY
from tests.proof.instance import Instance, Surroundings
from tests.proof.specs import GATES, SPECS
from tests.proof.wire import Accident, Kind, Wire, WiredStore
from tests.proof.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CALLS = (
    *range(20),
    *(
        "store commit",
        "POST virtualservices",
        "PUT virtualservices",
        "PATCH deployments/scale",
        "PATCH canaries/status",
    ),
    *("PUT deployments", "PUT services", "POST events", "checks", "chat", "event hook", "store delete"),
)
"""Where something may happen: at a call of that number, or at the first of that name."""

TRIES = 5
"""Ticks that wait for the call of that name."""

PATIENCE = 150
"""Ticks until everything has come to rest, when nothing fails any more."""

DEEDS: Mapping[str, Callable[[World], None]] = {
    "new image": World.upgrade,
    "image that never gets ready": World.upgrade_badly,
    "old image put back": World.put_back,
    "tracked config edited": World.reconfigure,
    **{f"Canary becomes {name}": lambda world, name=name: world.edit(name) for name in SPECS},  # type: ignore[misc]
    "suspended": lambda world: world.suspend(True),
    "no longer suspended": lambda world: world.suspend(False),
    "sides resized to 3": lambda world: world.resize(3),
    "sides resized to 1": lambda world: world.resize(1),
    "router edited by hand": lambda world: world.tamper(70),
    "canary's pods fail": lambda world: world.fail_pods(NAME),
    "primary's pods fail": lambda world: world.fail_pods(PRIMARY),
    "pods recover": World.recover_pods,
    "clock put forward 5 min": lambda world: world.jump(300),
    "clock put back 5 min": lambda world: world.jump(-300),
    "document lost": World.lose_document,
    "hint": World.hint,
    "Canary deleted": World.delete_canary,
    "Canary made": World.make_canary,
    "time passes": lambda world: world.cluster.advance(15),
    **{f"asked to {verb}": lambda world, verb=verb: world.command(verb) for verb in Verb},  # type: ignore[misc]
}
ACCIDENTS = tuple(kind for kind in Kind if kind is not Kind.INTERRUPTED)

processes = st.sampled_from((0, 1))
calls = st.sampled_from(CALLS)
races = st.sampled_from((*CALLS, *["PUT virtualservices"] * 6))
"""Two decisions about the router at once are what matters most, and rare by themselves."""

deeds = st.sampled_from((*DEEDS, *["asked to abort"] * 4))
accidents = st.sampled_from(ACCIDENTS)


class Model(RuleBasedStateMachine):
    """See the module. What was seen is counted over all rollouts of this process."""

    happened: ClassVar[Counter[str]] = Counter()
    checked: ClassVar[Counter[str]] = Counter()
    cluster: ClassVar[Embedded | None] = None

    @initialize(spec=st.sampled_from(tuple(SPECS)), begun=st.booleans(), slow=st.booleans(), release=st.booleans())
    def install(self, spec: str, begun: bool, slow: bool, release: bool) -> None:
        self.release = release
        if Model.cluster is None:
            Model.cluster = Embedded()
        self.happened["rollout"] += 1
        self.world = World(Model.cluster, spec, slow)
        self.court = Court(self.world, self.checked, self.happened)
        self.world.somebody = WiredStore(self.world.store, Wire(Watcher(self.court, wakes=True)))
        world = self.world
        around = Surroundings(world.cluster.application, world.store, world.key, world.clock, world.answer)
        self.watchers = (Watcher(self.court), Watcher(self.court))
        self.instances = tuple(Instance(around, watcher) for watcher in self.watchers)
        self.sweep(0)
        for _ in range(12 if begun else 0):
            self.tick(0)
        if begun:
            world.upgrade()

    @rule(count=st.integers(1, 3), process=processes)
    def time_passes(self, count: int, process: int) -> None:
        for _ in range(count):
            self.tick(process)

    @rule(count=st.integers(4, 9), process=processes)
    def much_time_passes(self, count: int, process: int) -> None:
        for _ in range(count):
            self.tick(process)

    @rule(process=processes, kind=accidents, at=calls)
    def a_tick_has_an_accident(self, process: int, kind: Kind, at: int | str) -> None:
        self._until_met(process, Accident(kind, at))

    @rule(process=processes, kind=accidents, at=calls)
    def a_sweep_has_an_accident(self, process: int, kind: Kind, at: int | str) -> None:
        self.sweep(process, Accident(kind, at))

    @rule(process=processes, at=races, kind=st.none() | accidents, there=calls)
    def two_tick_at_once(self, process: int, at: int | str, kind: Kind | None, there: int | str) -> None:
        """One comes between two calls of the other, wholly, or until it dies."""
        inner = Accident(kind, there) if kind else None
        self._until_met(process, Accident(Kind.INTERRUPTED, at, lambda: self._race(process, inner)))

    @rule(process=processes, at=calls, deed=deeds)
    def somebody_gets_in_between(self, process: int, at: int | str, deed: str) -> None:
        self._until_met(process, Accident(Kind.INTERRUPTED, at, lambda: self._meddle(process, deed)))

    @rule(process=processes, deed=deeds)
    def somebody_does_something(self, process: int, deed: str) -> None:
        self.happened[f"deed {deed}"] += 1
        DEEDS[deed](self.world)
        self.tick(process)

    @rule(process=processes, deed=deeds, phase=st.sampled_from((Phase.PROGRESSING, Phase.PROMOTING, Phase.FINALISING)))
    def somebody_does_something_in_a_phase(self, process: int, deed: str, phase: Phase) -> None:
        """Some phases are short: they are waited for."""
        for _ in range(2 * TRIES):
            rollout = self.world.rollout()
            if rollout is not None and rollout.phase is phase:
                break
            self.tick(process)
        self.somebody_does_something(process, deed)

    @rule(
        who=st.sampled_from((*["metrics"] * 6, *GATES, "rollback")),
        says=st.sampled_from([Verdict.PASS, *Verdict]),
        count=st.integers(0, 3),
    )
    def checks_change_their_mind(self, who: str, says: Verdict, count: int) -> None:
        self.world.says[who] = says
        self.happened[f"{who} {says}"] += 1
        for _ in range(count):
            self.tick(0)

    @rule(process=processes)
    def it_is_swept(self, process: int) -> None:
        self.sweep(process)

    @rule(process=processes, count=st.integers(1, 3))
    def the_api_is_away(self, process: int, count: int) -> None:
        self.world.outage(True)
        for _ in range(count):
            self.tick(process)
        self.world.outage(False)

    @invariant()
    def the_rules_hold(self) -> None:
        if not hasattr(self, "court"):
            return
        self.court.look()
        assert not self.court.broken, "\n".join(self.court.broken)
        faults = [fault for instance in self.instances for fault in instance.pages.faults]
        assert not faults, faults

    def teardown(self) -> None:
        if not hasattr(self, "court"):
            return
        try:
            if sys.exc_info()[0] is None:
                self._let_it_rest()
        finally:
            self.world.close()

    def tick(self, process: int, accident: Accident | None = None) -> None:
        """Until the rollout is due, and one tick."""
        self._wait(1.0)
        self.happened["tick"] += 1
        watcher = self.watchers[process]
        watcher.begin()
        lived = self.instances[process].tick(accident)
        if accident is None or not accident.met:
            watcher.end()
        self._note(accident, lived)

    def _until_met(self, process: int, accident: Accident) -> None:
        """Ticks, until one of them makes that call."""
        for _ in range(TRIES if isinstance(accident.at, str) else 1):
            self.tick(process, accident)
            if accident.met:
                return

    def sweep(self, process: int, accident: Accident | None = None) -> None:
        """A sweep, with the first ticks of what it finds."""
        self.happened["sweep"] += 1
        self.watchers[process].begin()
        self._note(accident, self.instances[process].sweep(accident))

    def _wait(self, least: float) -> None:
        """Until the rollout is due, and so many seconds at least."""
        rollout = self.world.rollout()
        due = (rollout.due_at - self.world.clock()).total_seconds() if rollout and rollout.active else 0.0
        self.world.cluster.advance(max(due, least))

    def _note(self, accident: Accident | None, lived: bool) -> None:
        if accident is not None and accident.met:
            self.happened[f"{accident.kind} {accident.met}"] += 1
        assert lived or (accident is not None and accident.met)

    def _race(self, process: int, inner: Accident | None) -> None:
        """The first tick stands still until the rollout is due again, by what is committed at that moment."""
        self.happened["race"] += 1
        self._wait(0.0)
        other = 1 - process
        before = self.world.rollout()
        self.watchers[other].begin()
        lived = self.instances[other].tick(inner)
        self._note(inner, lived)
        after = self.world.rollout()
        if before and after and before.version != after.version:
            self.happened["race with two commits"] += 1
        self.watchers[process].work.interrupted = True

    def _meddle(self, process: int, deed: str) -> None:
        self.happened[f"deed in a tick {deed}"] += 1
        DEEDS[deed](self.world)
        self.watchers[process].work.interrupted = True

    def _let_it_rest(self) -> None:
        """Every failure ends, whoever has to help helps; then a good release comes."""
        self._end_failures()
        self.court.rest(self._rest(), released=False)
        self.the_rules_hold()
        if self.release:
            self.world.upgrade()
            self.court.rest(self._rest(), released=True)
            self.the_rules_hold()

    def _end_failures(self) -> None:
        world = self.world
        world.says.clear()
        world.skew = max(world.skew, timedelta())
        world.recover_pods()
        world.suspend(False)
        canary = world.find("canary")
        if canary is not None and canary["metadata"].get("deletionTimestamp"):
            self._until(lambda _: world.find("canary") is None)
        world.make_canary()
        rollout = world.rollout()
        if world.spec == "no router" and rollout is not None and rollout.provider != "kubernetes" and rollout.replicas:
            world.edit("weighted")  # as the rollout asks for: its run went by a router
        if world.is_bad():
            world.upgrade()
        world.command(Verb.RESUME)

    def _rest(self) -> Rollout:
        self.sweep(0)
        self._until(lambda found: found is not None and not found.active)
        self.sweep(1)
        return self._until(lambda found: found is not None and not found.active)

    def _until(self, holds: Callable[[Rollout | None], bool]) -> Rollout:
        for count in range(PATIENCE):
            found = self.world.rollout()
            if holds(found):
                return found or Rollout(phase=Phase.INITIALIZING)
            self.tick(count % 2)
            self.the_rules_hold()
        raise AssertionError(f"it does not come to rest: {self.world.rollout()}")
