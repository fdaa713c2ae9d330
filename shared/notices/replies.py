"""What came of a command, for whoever gave it: told when its effect is in the cluster, not when it was heard.

Of several commands an abort wins, and the others are told so. ``AFTER`` stands for the time from the command to its
effect, which is known only when the cluster has followed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.notices.occasions import given_by, obeyed
from shared.rollout import Phase, Verb

if TYPE_CHECKING:
    from shared.notices.evidence import Evidence
    from shared.rollout import Command, Rollout

AFTER = "{after}"

BESIDE = "#beside"
"""At the end of a response URL whose answer must not take the place of the message: it is a run's, and has buttons."""


def tell_outcome(command: Command, before: Rollout, after: Rollout, evidence: Evidence) -> str:
    """The sentence for one command that the decision from ``before`` to ``after`` obeyed."""
    refused = _refusal(command, evidence)
    if refused:
        return refused
    abort = obeyed(before, Verb.ABORT)
    if abort is not None and command.verb is not Verb.ABORT:
        return f"Not done: {evidence.canary} was aborted {given_by(abort)}"
    who = given_by(abort or command)
    match command.verb:
        case Verb.ABORT if after.phase is Phase.FAILED:
            return f"Aborted {evidence.canary} {who}: traffic back on primary{AFTER}"
        case Verb.ABORT:
            return f"{evidence.canary} is promoted already: all traffic goes to the primary, asked for {who}"
        case Verb.PROMOTE:
            return f"Promotion of {evidence.canary} {who}: the rest of the analysis is skipped, readiness is not"
        case Verb.PAUSE:
            return f"Paused {evidence.canary} at weight {after.weight} {who}"
        case Verb.RESUME:
            return f"Resumed {evidence.canary} at weight {after.weight} {who}"
        case Verb.APPROVE:
            return _said(command, evidence)
        case Verb.RETRY if after.runs > before.runs:
            return f"Started {evidence.canary} again {who}: run {after.run}"
        case _:
            return f"{command.verb.capitalize()} of {evidence.canary} {who}: {_said(command, evidence)}"


def _refusal(command: Command, evidence: Evidence) -> str:
    asked = f"{command.by} asked to {command.verb}"
    return next((line.text for line in evidence.lines if line.text.startswith(asked)), "")


def _said(command: Command, evidence: Evidence) -> str:
    """What the log says of it."""
    return "; ".join(line.text for line in evidence.lines if command.by in line.text) or "done"
