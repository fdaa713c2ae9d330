"""Whether a command can do anything to a rollout as it stands, in words for whoever asked.

It follows the engine, which decides: between this look and the tick the rollout may move on, and then the engine says
the same in the run's history.
"""

from __future__ import annotations

from shared.revision import revision_mark
from shared.rollout import RESTING, Phase, Rollout, Verb


def pointless(verb: Verb, rollout: Rollout) -> str:
    """Why there is nothing to do, as the rest of a sentence after the rollout's name; empty if there is."""
    match verb, rollout.phase:
        case Verb.ABORT, phase if phase in RESTING:
            return f"has no run to abort: {_ended(rollout)}"
        case Verb.ABORT, Phase.INITIALIZING | Phase.TERMINATING:
            return f"has no run to abort: it is {rollout.phase}"
        case Verb.PROMOTE, Phase.PROMOTING | Phase.FINALISING:
            return f"is being promoted already (run {rollout.runs})"
        case Verb.PROMOTE, phase if phase is not Phase.PROGRESSING:
            return f"has no run to promote: {_ended(rollout)}"
        case Verb.APPROVE, _ if not rollout.gate:
            return f"waits for no approval: it is {rollout.phase}"
        case Verb.PAUSE, _ if rollout.paused:
            return "is paused already"
        case Verb.RESUME, _ if not rollout.paused:
            return "is not paused"
        case Verb.RETRY, phase if phase is not Phase.FAILED:
            return f"has no failed run to retry: it is {phase}"
        case _:
            return ""


def outdated(run: str, revision: str, rollout: Rollout) -> str:
    """Why a button is too old, as the rest of a sentence after the rollout's name; empty if it is not."""
    if run != rollout.run:
        return f"has gone on to run {rollout.runs} since: this button is of run {int(run) if run.isdigit() else run}"
    if revision != revision_mark(rollout.applied):
        return "has another revision since: this button is for the one before"
    return ""


def _ended(rollout: Rollout) -> str:
    traffic = f"{rollout.weight} % of the traffic is" if rollout.weight else "no traffic is"
    return f"run {rollout.runs} is {rollout.phase}, {traffic} on the canary"
