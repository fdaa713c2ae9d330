"""What people ask for, looked at before anything else.

Abort needs no metrics, no ready pods and no particular phase.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.engine import ending, gates, run
from shared.revision import revision_mark
from shared.rollout import RESTING, Phase, Verb

if TYPE_CHECKING:
    from shared.engine.decide import Situation
    from shared.engine.draft import Draft
    from shared.rollout import Command, Rollout


def obey(situation: Situation, draft: Draft) -> Draft | None:
    """The draft after the waiting commands; None when there are none, or none that ends the tick here.

    The first abort wins over whatever else waits. Otherwise commands are obeyed in the order in which they came. None
    goes without a word: somebody waits to hear what came of it.
    """
    waiting = draft.rollout.commands
    if not waiting:
        return None
    draft = draft.set(commands=())
    abort = next((command for command in waiting if command.verb is Verb.ABORT), None)
    if abort is not None:
        return _overrule(_abort(situation, draft, abort), abort, waiting)
    for command in waiting:
        draft = _obey(situation, draft, command)
    return draft


def _obey(situation: Situation, draft: Draft, command: Command) -> Draft:
    rollout, revision = draft.rollout, situation.seen.revision
    match command.verb, rollout.phase:
        case ((Verb.RESUME | Verb.PROMOTE | Verb.APPROVE | Verb.RETRY), _) if _is_late(rollout, command):
            return draft.warn(f"{_asked(command)} another revision than the one that is there now").look_again()
        case Verb.PAUSE, _:
            return _said(draft.set(paused=True), command, "Paused").at_once()
        case Verb.RESUME, _:
            return _said(draft.set(paused=False), command, "Resumed").at_once()
        case Verb.PROMOTE, Phase.PROGRESSING:
            return _said(draft.set(skipped=True, paused=False, gate=""), command, "Promotion").at_once()
        case Verb.APPROVE, Phase.PROGRESSING if rollout.gate:
            return gates.approve(draft, command)
        case Verb.RETRY, Phase.FAILED if revision is not None and revision != rollout.promoted:
            return run.start(situation, _said(draft, command, "Retry"), revision)
        case _:
            return _nothing(draft, command)


def _abort(situation: Situation, draft: Draft, command: Command) -> Draft:
    """Ends the run, and with it a pause: the next revision is not held up by what was said of this one."""
    rollout = draft.rollout
    if rollout.phase in RESTING or rollout.phase is Phase.INITIALIZING:
        return _nothing(draft, command)
    return ending.end(situation, draft.set(paused=False), _reason("aborted", command))


def _overrule(draft: Draft, abort: Command, waiting: tuple[Command, ...]) -> Draft:
    for command in waiting:
        if command is not abort:
            draft = draft.warn(f"{_asked(command)}, but the abort by {abort.by} comes first")
    return draft


def _is_late(rollout: Rollout, command: Command) -> bool:
    """Whether it was given for a revision that has been replaced since."""
    return bool(command.revision) and command.revision != revision_mark(rollout.applied)


def _nothing(draft: Draft, command: Command) -> Draft:
    """It is said, and hurries nothing."""
    nothing = f"there is nothing to {command.verb} in phase {draft.rollout.phase}"
    return draft.warn(f"{_asked(command)}, but {nothing}").look_again()


def _asked(command: Command) -> str:
    return f"{command.by} asked to {command.verb}"


def _said(draft: Draft, command: Command, what: str) -> Draft:
    return draft.warn(_reason(what, command))


def _reason(what: str, command: Command) -> str:
    return f"{what} by {command.by}" + (f": {command.reason}" if command.reason else "")
