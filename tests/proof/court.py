"""Watches every call of every process, and holds each rule against each moment that it is about.

It must never raise while Serin works, or Serin would take it for an error: what is broken is kept, and asserted between
the steps.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.proof.evidence import NAME, SIDES, Commit, End, Rest, Work, Write
from tests.proof.rules import ALWAYS, AT_COMMIT, AT_END, AT_REST, AT_WRITE

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable

    from shared.json_types import Json
    from shared.rollout import Rollout
    from tests.proof.rules import Rule
    from tests.proof.wire import Outward
    from tests.proof.world import World

_KEPT = {"canaries": "canary", "deployments": "deployment", "services": "service", "virtualservices": "virtualservice"}


@dataclass(slots=True)
class Court:
    """One world under watch. ``checked`` counts how often each rule had something to say, ``happened`` what else is
    worth a number; both outlive the world.
    """

    world: World
    checked: Counter[str]
    happened: Counter[str]
    broken: list[str] = field(default_factory=list)
    documents: dict[int, Rollout] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)

    def judge(self, rules: Iterable[Rule], moment: Any) -> None:
        """Hold these rules against a moment."""
        for rule in rules:
            held = rule.holds(moment)
            if held is None:
                continue
            self.checked[rule.says] += 1
            if not held:
                self.broken.append(f"rule {rule.number}, {rule.says}: {_described(moment)}")

    def look(self) -> None:
        """What holds at any moment."""
        self.judge(ALWAYS, self.world)

    def rest(self, rollout: Rollout, *, released: bool) -> None:
        """Everything has come to rest."""
        self.judge(AT_REST, Rest(self.world, rollout, released))


@dataclass(slots=True)
class Watcher:
    """What one process does, call by call. ``wakes`` is for those who are no tick: who command and who hint."""

    court: Court
    wakes: bool = False
    work: Work = field(init=False)
    _before: Any = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Another piece of work begins."""
        self.work = Work(self.court.world.clock())

    def end(self) -> None:
        """The tick is over, and nothing happened to it."""
        if self.work.clean:
            self.court.judge(AT_END, End(self.court.world, self.work))

    def asked(self, call: Outward) -> None:
        """See Witness."""
        world = self.court.world
        if call.what == "store load":
            self.begin()
        elif call.what == "store commit":
            self._before = world.rollout()
        elif call.writes:
            self._before = self._live(call)
        self.work.ready.update(name for name in SIDES if world.available(name))

    def done(self, call: Outward, answer: Any) -> None:
        """See Witness."""
        match call.what:
            case "store load":
                self.work.loaded, self.work.now = answer, self.court.world.clock()
            case "store commit":
                self._committed(call.body)
            case "store delete":
                self.court.documents.clear()
            case _ if call.writes:
                self._wrote(call, answer)
            case _ if call.what.startswith("GET "):
                self._read(call, answer)

    def failed(self, call: Outward) -> None:
        """See Witness."""
        if call.what == "store commit":
            self.work.failed_commits += 1
        elif call.writes:
            self.work.refused += 1
        elif call.what.startswith("GET ") and not self.work.committed:
            self.work.failed_reads += 1

    def heard(self, results: Any) -> None:
        """What the checks said, as far as the process knows."""
        self.work.results = results

    def _committed(self, after: Rollout) -> None:
        court, before = self.court, self._before
        if before is None:
            court.documents.clear()
        court.documents[after.version] = after
        court.told.update(line.text for line in after.outbox)
        self.work.committed.append(after)
        wakes = self.wakes or (self.work.loaded is None and before is not None)
        court.judge(AT_COMMIT, Commit(court.world, self.work, before, after, wakes))
        if before is None or before.phase is not after.phase:
            court.happened[f"phase {after.phase}"] += 1
        if before is not None and after.runs > before.runs:
            court.happened["run"] += 1
        for command in before.commands if before and not after.commands else ():
            court.happened[f"command {command.verb}"] += 1

    def _wrote(self, call: Outward, answer: Any) -> None:
        if answer.status >= 300:
            known = call.what == "POST events" and answer.status == 409  # the other process wrote it
            self.work.refused += not known
            self.court.happened[f"{answer.status} {call.what}"] += 1
            return
        if call.what in ("POST virtualservices", "PUT virtualservices"):
            self.court.world.tampered = False
        court = self.court
        court.judge(AT_WRITE, Write(court.world, self.work, call, self._before, answer, court.documents, court.told))

    def _read(self, call: Outward, answer: Any) -> None:
        if answer.status not in (200, 404):
            self.failed(call)
            return
        resource, name = call.what.removeprefix("GET "), call.path.rpartition("/")[2]
        if resource in _KEPT:
            self.work.seen[resource, name] = json.loads(answer.read()) if answer.status == 200 else None

    def _live(self, call: Outward) -> Json | None:
        """The object that a write is about, as it is before."""
        resource = call.what.partition(" ")[2].partition("/")[0]
        parts = call.path.split("/")
        name = call.body["metadata"]["name"] if call.what.startswith("POST ") else parts[parts.index(resource) + 1]
        return self.court.world.find(_KEPT[resource], name) if resource in _KEPT else None


def _described(moment: Any) -> str:
    match moment:
        case Commit():
            return f"{_brief(moment.before)} became {_brief(moment.after)}"
        case Write():
            call = moment.call
            return f"{call.what} {call.path} {json.dumps(call.body)[:1500]} in {_brief(moment.work.loaded)}"
        case End():
            return f"{_brief(moment.work.loaded)} became {_brief(moment.work.committed[-1])}"
        case Rest():
            return _brief(moment.rollout)
        case _:
            return f"{NAME} in phase {_brief(moment.rollout())}"


def _brief(rollout: Rollout | None) -> str:
    if rollout is None:
        return "no document"
    shown = f"weight {rollout.weight}, step {rollout.step}, size {rollout.replicas}, failed {rollout.failed}"
    return f"version {rollout.version} ({rollout.phase}, {shown}, halt {rollout.halt!r}, error {rollout.last_error!r})"
