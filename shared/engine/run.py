"""The run: from a new revision, step by step, to the decision to promote it or to roll it back.

Traffic moves one step at a time, only to pods that are ready, only after every check passed. An unanswered check holds
the run and never counts against it; a run that stays blind sends its traffic home and waits there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.canary.model import HookType
from shared.checks.verdict import Verdict
from shared.cookies import with_cookie
from shared.engine import capacity, gates
from shared.engine.position import is_switched, next_step
from shared.plan import make_plan
from shared.revision import changed, refreshed
from shared.rollout import EPOCH, Phase, Severity
from shared.workload import exceeded, readiness, serving

if TYPE_CHECKING:
    from shared.canary.model import Canary
    from shared.checks.verdict import CheckResult
    from shared.engine.decide import Situation
    from shared.engine.draft import Draft
    from shared.rollout import Revision

_NO_CHECKS = frozenset(HookType) - {HookType.PRE_ROLLOUT, HookType.ROLLOUT}
"""Kinds of answers that say nothing of the release: those of gates, and of hooks that are only asked for a rollback."""


def start(situation: Situation, draft: Draft, revision: Revision) -> Draft:
    """A new run of ``revision``: the target is scaled to the primary's size, or, if that needs approval, to zero until
    it has it. Traffic stays with the primary.
    """
    canary = situation.canary
    draft = _tell_configs(draft, changed(draft.rollout.applied, revision))
    gated = canary.analysis.hooks_of(HookType.CONFIRM_ROLLOUT)
    draft = draft.say(f"New revision detected! {'Asking for approval of' if gated else 'Scaling up'} {_target(canary)}")
    size = 0 if gated else _size(situation)
    return _begin(draft, revision).set(replicas=size, capacity=_size(situation)).enter(Phase.PROGRESSING).at_once()


def progress(situation: Situation, draft: Draft) -> Draft:
    """The next thing to do in phase Progressing."""
    rollout, seen = draft.rollout, situation.seen
    if seen.target is None:
        return roll_back(situation, draft, f"{situation.canary.target.word} {_target(situation.canary)} not found")
    if seen.revision is None:
        return draft.look_again()
    if seen.revision != rollout.applied:
        return _other_revision(situation, draft, seen.revision)
    draft = draft.looked()
    if rollout.replicas == 0:
        return _scale_up(situation, draft)
    if is_switched(situation.canary, rollout):
        return _other_strategy(situation, draft)
    if reason := readiness(seen.target, situation.canary.analysis.canary_ready_threshold):
        return _await_canary(situation, draft, reason)
    return _analyse(situation, draft)


def _analyse(situation: Situation, draft: Draft) -> Draft:
    """The canary is up: make a step, unless somebody holds the run or wants it over."""
    pods_are_missing = _primary_waits(situation) or draft.rollout.canary_floor
    draft = draft if pods_are_missing else draft.set(waiting_since=None)
    rollout = draft.rollout
    if rollout.paused:
        return draft.hold(f"Canary {situation.canary} is paused at weight {rollout.weight}").step_done()
    if situation.seen.pending:
        return draft.hold(f"Halt {situation.canary} advancement {situation.seen.pending}").step_done()
    if situation.canary.skip_analysis or rollout.skipped:
        return _promote(situation, draft.set(skipped=True))
    if situation.now < rollout.step_at:
        return draft.set(due_at=rollout.step_at)
    return _judge(situation, draft)


def roll_back(situation: Situation, draft: Draft, reason: str) -> Draft:
    """All traffic to the primary now; the target is scaled down once the router shows it."""
    draft = draft.warn(f"Rolling back {situation.canary} {reason}")
    return capacity.raise_primary(situation, draft.go_home().set(blind=False).enter(Phase.FAILED)).at_once()


def _judge(situation: Situation, draft: Draft) -> Draft:
    verdicts = {result.verdict for result in _checks(situation)}
    if Verdict.UNKNOWN in verdicts:
        return _unanswered(situation, draft)
    if draft.rollout.blind:
        return _see_again(situation, draft)
    draft = draft.set(unknown=0)
    if Verdict.FAIL in verdicts:
        return _failed(situation, draft)
    if Verdict.WAIT in verdicts:
        return _asked_to_wait(situation, draft)
    if draft.rollout.step < 0:
        draft = gates.remember(draft, gates.before_traffic(situation.canary, draft.rollout))
    if reason := _primary_waits(situation):
        return _await_primary(situation, draft, reason)
    if off := capacity.find_primary_off(situation):
        return draft.hold(off).step_done()
    return _next_step(situation, draft)


def _checks(situation: Situation) -> tuple[CheckResult, ...]:
    """The answers that speak of the release itself."""
    return tuple(result for result in situation.results if result.kind not in _NO_CHECKS)


def _next_step(situation: Situation, draft: Draft) -> Draft:
    canary, ahead = situation.canary, gates.before_next_step(situation.canary, draft.rollout)
    if closed := gates.find_closed(ahead, situation.results):
        return gates.wait_at(situation, draft, closed)
    draft = gates.say_passed(draft, ahead)
    step, steps = next_step(canary, draft.rollout), make_plan(canary).steps
    if step == len(steps):
        return _promote(situation, draft.freed())
    needed = capacity.of_canary(situation, steps[step].route)
    if capacity.lacks(situation.seen.target, needed):
        return _await_capacity(situation, draft, needed)
    return _advance(situation, draft.freed(), step)


def _advance(situation: Situation, draft: Draft, step: int) -> Draft:
    if draft.rollout.step < 0:
        draft = draft.say(f"Starting canary analysis for {_target(situation.canary)}")
    plan = make_plan(situation.canary)
    route = with_cookie(plan.steps[step].route, situation.canary, draft.rollout)
    draft = draft.say(plan.announce(step)).show(route)
    return draft.set(step=step, strategy=str(plan.strategy), step_since=situation.now).step_done()


def _promote(situation: Situation, draft: Draft) -> Draft:
    """Decide to promote. The copying is the next tick's work, so that what is copied is read again and compared."""
    canary = situation.canary
    copying = f"Copying {_target(canary)} template spec to {canary.primary_name}.{canary.namespace}"
    return draft.say(copying).enter(Phase.PROMOTING).at_once()


def _failed(situation: Situation, draft: Draft) -> Draft:
    draft = draft.set(failed=draft.rollout.failed + 1, halt="")
    for result in _checks(situation):
        if result.verdict is Verdict.FAIL:
            draft = draft.warn(result.text)
    if draft.rollout.failed >= situation.canary.analysis.threshold:
        return roll_back(situation, draft, f"failed checks threshold reached {draft.rollout.failed}")
    return draft.step_done()


def _unanswered(situation: Situation, draft: Draft) -> Draft:
    """Hold.

    The first unanswered check in a row is said once; beyond the limit traffic goes home and the run waits there. Before
    the first step there is no traffic to send home.
    """
    unknown = draft.rollout.unknown + 1
    draft = draft.set(unknown=unknown)
    unanswered = dict.fromkeys(result.text for result in _checks(situation) if result.verdict is Verdict.UNKNOWN)
    for text in unanswered if unknown == 1 else ():
        draft = draft.warn(text)
    if unknown >= situation.canary.analysis.max_unknown and draft.rollout.step >= 0:
        draft = (
            draft.warn(
                f"Halt {situation.canary} advancement {unknown} checks in a row were not answered: "
                "routing all traffic to primary until they are"
            )
            .go_home()
            .set(blind=True)
        )
    return draft.step_done()


def _asked_to_wait(situation: Situation, draft: Draft) -> Draft:
    """A check needs more time: the step stays, nothing is counted, and it is said once."""
    texts = dict.fromkeys(result.text for result in _checks(situation) if result.verdict is Verdict.WAIT)
    return draft.hold("; ".join(texts), Severity.INFO).step_done()


def _see_again(situation: Situation, draft: Draft) -> Draft:
    draft = draft.say(f"Checks are answered again! Restarting analysis for {_target(situation.canary)}")
    return draft.set(unknown=0, failed=0, blind=False).at_once()


def _other_revision(situation: Situation, draft: Draft, revision: Revision) -> Draft:
    """Another revision than the analysed one: back to the promoted one ends the run, anything else restarts it."""
    rollout = draft.rollout
    differences = changed(rollout.applied, revision)
    if not differences:
        return draft.set(applied=refreshed(rollout.applied, revision)).look_again()
    if revision == rollout.promoted:
        return _withdraw(situation, draft, revision)
    draft = _tell_configs(draft, differences)
    draft = draft.say(f"New revision detected! Restarting analysis for {_target(situation.canary)}")
    recycle = "template" not in differences or situation.canary.analysis.hooks_of(HookType.CONFIRM_ROLLOUT)
    return _begin(draft, revision).set(replicas=0 if recycle else rollout.replicas).at_once()


def _withdraw(situation: Situation, draft: Draft, revision: Revision) -> Draft:
    draft = draft.say(f"Revision withdrawn! {_target(situation.canary)} is back at the promoted one")
    return (
        draft.go_home()
        .set(applied=revision, failed=0, unknown=0, blind=False)
        .enter(Phase.INITIALIZED)
        .found()
        .at_once()
    )


def _other_strategy(situation: Situation, draft: Draft) -> Draft:
    """What was checked under one strategy says little about the next: traffic goes home, and the analysis restarts."""
    strategy = make_plan(situation.canary).strategy
    draft = draft.say(
        f"Strategy changed from {draft.rollout.strategy} to {strategy}! "
        f"Restarting analysis for {_target(situation.canary)}"
    )
    return draft.go_home().set(failed=0, unknown=0).at_once()


def _scale_up(situation: Situation, draft: Draft) -> Draft:
    """No pod of a new revision runs before every ``confirm-rollout`` hook agreed."""
    rollout, ahead = draft.rollout, gates.before_start(situation.canary, draft.rollout)
    if not ahead:
        return _recycle(situation, draft)
    if rollout.paused:
        return draft.hold(f"Canary {situation.canary} is paused at weight {rollout.weight}").step_done()
    if situation.now < rollout.step_at:
        return draft.set(due_at=rollout.step_at)
    if closed := gates.find_closed(ahead, situation.results):
        return gates.wait_at(situation, draft, closed)
    draft = gates.remember(draft, ahead).freed().say(f"Scaling up {_target(situation.canary)}")
    return _recycle(situation, draft)


def _recycle(situation: Situation, draft: Draft) -> Draft:
    """Configs read at a pod's start are read again by new pods only: scale to zero, then up."""
    target = situation.seen.target
    if target is None or target.replicas or target.current:
        return draft.look_again()
    return draft.set(replicas=_size(situation)).at_once()


def _await_canary(situation: Situation, draft: Draft, reason: str) -> Draft:
    canary, target, draft = situation.canary, situation.seen.target, draft.waiting()
    if target is not None and (draft.overdue(canary.progress_deadline) or exceeded(target)):
        return roll_back(
            situation,
            draft,
            f"progress deadline exceeded {canary.target.word} does not have minimum availability "
            f"for more than {canary.progress_deadline:.0f}s",
        )
    draft = draft.hold(f"Halt advancement {_target(canary)} {reason}")
    if target is not None and not draft.rollout.route.home and not serving(target):
        draft = draft.warn(
            f"Halt {canary} advancement no pod of {_target(canary)} is ready: routing all traffic to primary"
        )
        return draft.go_home().at_once()
    return draft.look_again()


def _await_capacity(situation: Situation, draft: Draft, needed: int) -> Draft:
    canary, target, draft = situation.canary, situation.seen.target, draft.waiting()
    ready = target.available if target else 0
    lack = f"{_target(canary)} has {ready} of {needed} pods that the next step needs"
    if draft.overdue(canary.progress_deadline):
        deadline = f"for more than {canary.progress_deadline:.0f}s"
        return roll_back(situation, draft, f"progress deadline exceeded {lack} {deadline}")
    return draft.hold(f"Halt advancement {lack}").set(canary_floor=needed).step_done()


def _await_primary(situation: Situation, draft: Draft, reason: str) -> Draft:
    """Hold. The checks of a step were asked for this look, and are asked again when the next step would be due."""
    canary, draft = situation.canary, draft.waiting()
    if draft.overdue(canary.progress_deadline):
        return roll_back(
            situation,
            draft,
            f"progress deadline exceeded {canary.primary_name}.{canary.namespace} {reason} "
            f"for more than {canary.progress_deadline:.0f}s",
        )
    draft = draft.hold(f"Halt advancement {canary.primary_name}.{canary.namespace} {reason}")
    return draft.look_again() if draft.rollout.step < 0 else draft.step_done()


def _primary_waits(situation: Situation) -> str:
    if situation.seen.primary is None:
        return "not found"
    return readiness(situation.seen.primary, situation.canary.analysis.primary_ready_threshold)


def _begin(draft: Draft, revision: Revision) -> Draft:
    """The counters of a new run."""
    return (
        draft.go_home()
        .set(
            applied=revision,
            runs=draft.rollout.runs + 1,
            failed=0,
            unknown=0,
            blind=False,
            skipped=False,
            opened=(),
            ask_at=EPOCH,
            active=True,
        )
        .freed()
        .found()
    )


def _tell_configs(draft: Draft, differences: tuple[str, ...]) -> Draft:
    kinds = {"configmap": "ConfigMap", "secret": "Secret"}
    for kind, _, name in (difference.partition("/") for difference in differences):
        if kind in kinds:
            draft = draft.say(f"{kinds[kind]} {name} has changed")
    return draft


def _size(situation: Situation) -> int:
    primary = situation.seen.primary
    return max(primary.replicas, 1) if primary else 1


def _target(canary: Canary) -> str:
    return f"{canary.target.name}.{canary.namespace}"
