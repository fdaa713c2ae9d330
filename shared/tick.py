"""The tick: one bounded piece of work for one rollout, in seven steps, always in this order.

load, observe, analyse, decide, commit, converge, deliver. Commit comes before converge: what is in the store is the
truth, and a tick that dies half-way is healed by the next one. Whoever loses the commit stops without a word.

It must never move a rollout by more than one step, and never act on what it could not commit.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from shared.adoption import adopted, can_adopt
from shared.canary import conflicts, parse_canary
from shared.canary.leaving import is_leaving, read_canary, without_ours
from shared.canary.references import find_foreign
from shared.checks.subject import Subject
from shared.cluster.converge import converge, release, report
from shared.cluster.kinds import BY_NAME, Kind
from shared.cluster.observe import look_at, see
from shared.cluster.templates import Templates
from shared.concerned import watches_of
from shared.counting import IN_RUN, counted
from shared.delivery.courier import Courier, Round
from shared.desired import changes
from shared.engine import Situation, decide, look_for, what_to_ask
from shared.engine.draft import SOON
from shared.errors import InvalidCanary, SerinError, StaleRollout, StoreUnavailable
from shared.history import Entry
from shared.jobs.always import AlwaysOn
from shared.letters import PAUSE, write_letters
from shared.notices.announce import announce, close
from shared.notices.evidence import Evidence
from shared.observed import Look
from shared.outbox import BUDGET, Delivered, deliver
from shared.render.status import canary_status, invalid_status
from shared.restore import restored
from shared.revision import tracked_refs
from shared.rollout import RESTING, Line, Rollout, Severity
from shared.scene import target_of
from shared.workload import template_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from shared.canary.model import Canary
    from shared.checks.questions import Questions
    from shared.checks.verdict import CheckResult
    from shared.cluster.gateway import Gateway
    from shared.engine.draft import Decision
    from shared.jobs.protocol import Jobs
    from shared.json_types import Json
    from shared.letters import Postman
    from shared.logs import Log
    from shared.notice import Mail
    from shared.rollout import RolloutKey
    from shared.scene import Scene
    from shared.state.store import Store

RETRY = timedelta(seconds=5)
"""When to look again after something did not answer."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What ticks work with: ``gateway`` opens a cluster by name, ``analyse`` asks the hooks and metrics of a Canary,
    ``templates`` remembers what MetricTemplates say, ``postman`` brings event hooks their letters, ``keys`` are the
    installation's, for hashes of Secrets; ``namespaces`` are those that are swept, all if empty; ``foreign`` says
    whether Canaries may name objects of other namespaces."""

    store: Store
    gateway: Callable[[str], Gateway]
    analyse: Callable[[Subject], tuple[CheckResult, ...]]
    postman: Postman
    clock: Callable[[], datetime]
    log: Log
    keys: tuple[bytes, ...]
    jobs: Jobs = field(default_factory=AlwaysOn)
    templates: Templates = field(default_factory=Templates)
    delivered: Delivered = field(default_factory=Delivered)
    courier: Courier = field(default_factory=Courier)
    namespaces: tuple[str, ...] = ()
    foreign: bool = True


@dataclass(frozen=True, slots=True)
class Job:
    """The subject of one tick: a Canary as the API returned it, its rollout as loaded, at one moment, through one
    gateway.
    """

    key: RolloutKey
    raw: Json
    loaded: Rollout
    now: datetime
    gateway: Gateway

    @property
    def name(self) -> str:
        """``name.namespace``, as in every line of the log."""
        return f"{self.key.name}.{self.key.namespace}"


def tick(parts: Parts, key: RolloutKey) -> None:
    """Do the next bit of work for a rollout, if it is due. What does not answer holds the rollout, and is said once."""
    loaded = None
    try:
        loaded = parts.store.load(key)
        now = parts.clock()
        if loaded is None or (loaded.active and loaded.due_at <= now):
            _work(parts, key, loaded, now)
    except StaleRollout:
        return
    except SerinError as error:
        _hold(parts, key, loaded, error)


def _work(parts: Parts, key: RolloutKey, loaded: Rollout | None, now: datetime) -> None:
    gateway = parts.gateway(key.cluster)
    raw = gateway.get(Kind.CANARY, key.namespace, key.name)
    if raw is None:
        _await_or_forget(parts, key, loaded, gateway, now)
        return
    job = Job(key, raw, loaded or Rollout(phase_since=now, due_at=now), now, gateway)
    try:
        if _only_delivers(job.loaded) and not is_leaving(raw):
            _flush(parts, job)
            return
        canary = _read(parts, raw)
        if not (loaded and loaded.born):
            job = replace(job, loaded=_begun(parts, job, canary))
        look = look_for(canary, job.loaded)
        if look == Look.ALL:
            _refuse_rival(job, canary)
    except InvalidCanary as error:
        (_let_go if is_leaving(raw) else _refuse)(parts, job, error)
        return
    _step(parts, job, canary, look)


def _read(parts: Parts, raw: Json) -> Canary:
    """The Canary, unless it reaches where this installation lets none reach; one that is leaving asks nobody."""
    canary = read_canary(raw)
    problems = () if parts.foreign or is_leaving(raw) else find_foreign(raw)
    if problems:
        raise InvalidCanary(f"Canary {canary}", problems)
    return canary


def _step(parts: Parts, job: Job, canary: Canary, look: Look) -> None:
    scene = look_at(job.gateway, canary, job.loaded, look)
    situation = Situation(canary, job.loaded, see(canary, job.loaded, scene, parts.keys), job.now)
    if questions := what_to_ask(situation):
        situation = replace(situation, results=parts.analyse(_subject(parts, job, canary, questions)))
    decision = decide(situation)
    tally = counted(canary, job.loaded, decision.rollout, situation.results, job.now)
    mail = _announce(parts, situation, decision, scene, job.key)
    watches = _watches(canary, scene, decision.rollout)
    rollout = replace(decision.rollout, last_error="", watches=watches, tally=tally, mail=mail)
    rollout = replace(rollout, letters=(*rollout.letters, *write_letters(canary, rollout, decision.lines)))
    committed = _commit(parts, job, rollout, decision.lines, situation.results)
    try:
        converge(job.gateway, canary, changes(canary, committed, scene))
        report(job.gateway, job.raw, canary_status(canary, committed))
        _write_events(parts, job, committed)
        parts.log.warn_once("", job.name)
    except SerinError as error:
        parts.log.warn_once(f"{error}: the next tick goes on from here", job.name)
    else:
        _send_mail(parts, job, committed)
    parts.postman.deliver(canary, job.key, committed.letters, job.now)


def _subject(parts: Parts, job: Job, canary: Canary, questions: Questions) -> Subject:
    sources = parts.templates.sources(job.gateway, job.key.cluster, canary) if questions.metrics else {}
    return Subject(job.key.cluster, canary, questions, sources, job.gateway)


def _write_events(parts: Parts, job: Job, committed: Rollout) -> None:
    """As many as the budget allows, of which the mail may need a request."""
    budget = BUDGET - parts.courier.requests_needed(job.key, committed.mail, job.now)
    deliver(parts.delivered, job.gateway, job.key, job.raw, committed.outbox, budget)


def _announce(parts: Parts, situation: Situation, decision: Decision, scene: Scene, key: RolloutKey) -> Mail:
    """What people are told of this decision."""
    evidence = Evidence(
        key, situation.canary, scene, situation.now, decision.lines, situation.results, situation.seen.problems
    )
    return announce(parts.courier.audience, situation.rollout, decision.rollout, evidence)


def _send_mail(parts: Parts, job: Job, committed: Rollout) -> None:
    """Tell people, now that the cluster shows it. What cannot be found out later is committed at once."""
    if not parts.courier.deliver(Round(job.key, committed, job.now, parts.clock, job.gateway, parts.log)):
        return
    following = replace(committed, version=committed.version + 1)
    mail = parts.courier.prepare(job.key, following, parts.clock(), parts.log)
    with suppress(SerinError):  # what became of it is in this process's memory, for the next commit
        parts.store.commit(job.key, replace(following, mail=mail), None)


def _watches(canary: Canary, scene: Scene, rollout: Rollout) -> tuple[str, ...]:
    """What this rollout depends on, as far as this tick could see it."""
    target = target_of(canary, scene)
    if target is None:
        return rollout.watches or watches_of(canary, rollout.applied)
    return watches_of(canary, rollout.applied, tracked_refs(template_of(target)))


def _commit(
    parts: Parts, job: Job, rollout: Rollout, lines: tuple[Line, ...], results: tuple[CheckResult, ...] = ()
) -> Rollout:
    """Write the next rollout with its history, and only then say the lines.

    Raises StaleRollout if another tick was first.
    """
    outbox = parts.delivered.left(job.key, rollout.outbox)
    letters = parts.postman.left(job.key, rollout.letters, job.now)
    version = job.loaded.version + 1
    tally = rollout.tally.ticked((parts.clock() - job.now).total_seconds(), job.loaded.phase in IN_RUN)
    active = rollout.active or bool(outbox or letters)
    rollout = replace(rollout, version=version, outbox=outbox, letters=letters, active=active, tally=tally)
    rollout = _with_mail(parts, job, rollout)
    entry = Entry(rollout.run, version, job.now, rollout.phase, rollout.weight, lines, results, job.loaded.commands)
    parts.store.commit(job.key, rollout, entry if lines or results or job.loaded.commands else None)
    for line in lines:
        parts.log.write(line.severity, line.text, job.name)
    return rollout


def _with_mail(parts: Parts, job: Job, rollout: Rollout) -> Rollout:
    """With the mail that this tick may deliver; who rests is due again for what it could not."""
    mail = parts.courier.prepare(job.key, rollout, job.now, parts.log)
    again = parts.courier.next_try(mail, job.now)
    if again is None or rollout.active:
        return replace(rollout, mail=mail)
    return replace(rollout, mail=mail, active=True, due_at=again)


def _only_delivers(rollout: Rollout) -> bool:
    """Whether nothing is left to do but to deliver."""
    settled = rollout.phase in RESTING and rollout.replicas is None and not rollout.ended
    return settled and not rollout.hinted and not rollout.commands


def _flush(parts: Parts, job: Job) -> None:
    """Deliver what is left, and look again for as long as something is: a hook that does not answer is not hurried."""
    loaded = job.loaded
    deliver(parts.delivered, job.gateway, job.key, job.raw, loaded.outbox)
    if loaded.letters:
        parts.postman.deliver(read_canary(job.raw), job.key, loaded.letters, job.now)
    pause = PAUSE if loaded.letters else SOON
    _send_mail(parts, job, _commit(parts, job, replace(loaded, active=False, due_at=job.now + pause), ()))


def _begun(parts: Parts, job: Job, canary: Canary) -> Rollout:
    """The rollout of a Canary that the store does not know: a new one, a lost one, or one that Flagger runs."""
    status, rollout = job.raw.get("status") or {}, job.loaded
    if status.get("phase"):
        primary = job.gateway.get(BY_NAME[canary.target.kind], canary.namespace, canary.primary_name)
        if can_adopt(status, primary):
            scene = look_at(job.gateway, canary, rollout, Look.ALL)
            rollout = adopted(canary, status, scene, parts.keys, job.now)
            parts.log.info(f"Taking over from Flagger in phase {rollout.phase}", job.name)
        else:
            rollout = restored(canary, status, primary, job.now)
    told = replace(rollout, version=job.loaded.version, hinted_until=job.loaded.hinted_until, born=True)
    return replace(told, runs=_next_run(parts, job.key))


def _next_run(parts: Parts, key: RolloutKey) -> int:
    """The number after the last run in the history, which outlives a rollout's document."""
    latest = parts.store.runs(key, 1)
    return int(latest[0]["run"]) + 1 if latest else 0


def _refuse_rival(job: Job, canary: Canary) -> None:
    """Of several Canaries for one target only one may act: the others are invalid."""
    found = []
    for raw in job.gateway.every(Kind.CANARY, canary.namespace):
        try:
            found.append(parse_canary(raw))
        except InvalidCanary:
            continue
    problems = conflicts(found).get((canary.namespace, canary.name), ())
    if problems:
        raise InvalidCanary(f"Canary {canary}", problems)


def _refuse(parts: Parts, job: Job, error: InvalidCanary) -> None:
    """Say what is wrong with the Canary, once, in its status, its events and the log; traffic stays where it is."""
    rollout, lines = _complain(job, str(error))
    busy = rollout.phase not in RESTING and not rollout.route.home
    rollout = replace(rollout, hinted=False, active=busy, due_at=job.now + RETRY)
    committed = _commit(parts, job, rollout, lines)
    report(job.gateway, job.raw, invalid_status(job.raw, error.problems, job.now))
    deliver(parts.delivered, job.gateway, job.key, job.raw, committed.outbox)
    _send_mail(parts, job, committed)


def _let_go(parts: Parts, job: Job, error: InvalidCanary) -> None:
    """Nobody can read what the Canary made: nothing is touched, the primary serves on, and Serin does not keep it."""
    rollout, lines = _complain(job, f"{error}: it is being deleted, so nothing is removed and the primary serves on")
    held = without_ours(job.raw) is not None
    committed = _commit(parts, job, replace(rollout, hinted=False, active=held, due_at=job.now + SOON), lines)
    deliver(parts.delivered, job.gateway, job.key, job.raw, committed.outbox)
    release(job.gateway, job.raw)


def _complain(job: Job, text: str) -> tuple[Rollout, tuple[Line, ...]]:
    """The rollout after this was said, and the line; none if it was the last thing said."""
    rollout = job.loaded
    if text == rollout.last_error:
        return rollout, ()
    line = Line(rollout.sequence + 1, job.now, Severity.WARNING, text)
    return replace(rollout, sequence=line.sequence, outbox=(*rollout.outbox, line), last_error=text), (line,)


def _await_or_forget(parts: Parts, key: RolloutKey, loaded: Rollout | None, gateway: Gateway, now: datetime) -> None:
    """A Canary that is not there: not stored yet, if a hint told of it just now, or else gone."""
    if loaded is not None and not loaded.born and now < loaded.hinted_until:
        parts.store.commit(key, replace(loaded, version=loaded.version + 1, due_at=now + SOON), None)
        return
    if loaded is not None:
        _tell_last(parts, key, loaded, gateway, now)
    parts.store.delete(key)
    parts.log.info("Canary not found: its rollout is forgotten, its history stays", f"{key.name}.{key.namespace}")


def _tell_last(parts: Parts, key: RolloutKey, loaded: Rollout, gateway: Gateway, now: datetime) -> None:
    """What is still to be told is tried once more: after that nothing remembers it."""
    following = replace(loaded, version=loaded.version + 1, mail=close(loaded.mail, now))
    last = replace(following, mail=parts.courier.prepare(key, following, now, parts.log))
    if parts.courier.next_try(last.mail, now) is None:
        return
    parts.store.commit(key, last, None)
    parts.courier.deliver(Round(key, last, now, parts.clock, gateway, parts.log))


def _hold(parts: Parts, key: RolloutKey, loaded: Rollout | None, error: SerinError) -> None:
    """Remember that something did not answer, and look again soon. Said once for as long as it stays the same."""
    name, text = f"{key.name}.{key.namespace}", str(error)
    if loaded is None or isinstance(error, StoreUnavailable):
        parts.log.error(text, name)
        return
    if text != loaded.last_error:
        parts.log.error(f"{text}: holding {name}", name)
    tally, again = loaded.tally.held_up(), parts.clock() + RETRY
    held = replace(loaded, version=loaded.version + 1, last_error=text, due_at=again, tally=tally)
    try:
        parts.store.commit(key, held, None)
    except SerinError as second:
        parts.log.warning(str(second), name)
