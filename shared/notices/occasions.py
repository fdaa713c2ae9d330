"""What a decision means to people: the few moments of a run that somebody wants to be told of, and how much they
matter.

It is read off the rollout before and after the decision, so that the engine need not know that anybody listens; every
way into Failed is told, whatever led there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.notice import Level, Occasion
from shared.rollout import RESTING, Phase, Severity, Verb

if TYPE_CHECKING:
    from shared.notices.evidence import Evidence
    from shared.rollout import Command, Rollout

ENDS = frozenset({Occasion.PROMOTED, Occasion.ROLLED_BACK, Occasion.ABORTED, Occasion.WITHDRAWN})
"""After these a run is over."""

LEVELS = {
    Occasion.ABORTED: Level.WARN,
    Occasion.WAITING: Level.WARN,
    Occasion.ROLLED_BACK: Level.ERROR,
    Occasion.STUCK: Level.ERROR,
}
"""What matters more than to be known; the rest is information."""


@dataclass(frozen=True, slots=True)
class Told:
    """An occasion, and the sentence that tells it."""

    occasion: Occasion
    text: str

    @property
    def level(self) -> Level:
        """How much it matters."""
        return LEVELS.get(self.occasion, Level.INFO)


def occasions(before: Rollout, after: Rollout, evidence: Evidence) -> tuple[Told, ...]:
    """What a tick brought about, in the order in which it is told."""
    started = (Told(Occasion.STARTED, "New revision detected, starting canary analysis."),)
    moved = _moved(before, after, evidence) if after.phase is not before.phase else None
    held = moved or _held(before, after, evidence)
    return (*(started if after.runs > before.runs else ()), *((held,) if held else ()))


def obeyed(before: Rollout, verb: Verb) -> Command | None:
    """The first waiting command with this verb."""
    return next((command for command in before.commands if command.verb is verb), None)


def given_by(command: Command) -> str:
    """Who gave a command, and why."""
    return f"by {command.by}" + (f": {command.reason}" if command.reason else "")


def _moved(before: Rollout, after: Rollout, evidence: Evidence) -> Told | None:
    match before.phase, after.phase:
        case Phase.INITIALIZING, Phase.INITIALIZED:
            return Told(Occasion.INITIALIZED, "New deployment detected, initialization completed.")
        case _, Phase.SUCCEEDED:
            how = "was skipped" if after.skipped else "completed successfully"
            return Told(Occasion.PROMOTED, f"Canary analysis {how}, promotion finished.")
        case _, Phase.FAILED:
            return _failed(before, evidence)
        case _, Phase.INITIALIZED:
            return Told(Occasion.WITHDRAWN, "Revision withdrawn, the target is back at the promoted one.")
        case _, Phase.TERMINATING if before.phase not in RESTING and before.phase is not Phase.INITIALIZING:
            return Told(Occasion.WITHDRAWN, "The Canary is being deleted: its target is given back.")
        case _:
            return None


def _failed(before: Rollout, evidence: Evidence) -> Told:
    command = obeyed(before, Verb.ABORT)
    if command is not None:
        return Told(Occasion.ABORTED, f"Aborted {given_by(command)}")
    return Told(Occasion.ROLLED_BACK, _reason(evidence) or "Canary analysis failed.")


def _held(before: Rollout, after: Rollout, evidence: Evidence) -> Told | None:
    """Somebody has to help, or nothing will go on."""
    if after.gate and after.gate != before.gate and not _is_mute(after.gate, evidence):
        return Told(Occasion.WAITING, _reason(evidence) or f"Gate {after.gate} is closed.")
    if after.blind and not before.blind:
        return Told(Occasion.STUCK, _reason(evidence) or "The checks are not answered: all traffic is at the primary.")
    stuck = evidence.problems and after.halt != before.halt and after.halt and before.phase not in RESTING
    return Told(Occasion.STUCK, f"Stuck: {after.halt}") if stuck else None


def _is_mute(gate: str, evidence: Evidence) -> bool:
    """Whether the hook of a gate (``confirm-promotion/sign-off``) is kept out of alerts (``muteAlert``)."""
    hooks = evidence.canary.analysis.hooks
    return any(hook.mute_alert and f"{gate}/".startswith(f"{hook.type}/{hook.name}/") for hook in hooks)


def _reason(evidence: Evidence) -> str:
    """What the last warning about the run says, without the words that every such line begins with."""
    openings = (f"Rolling back {evidence.canary} ", f"Halt {evidence.canary} advancement ", "Halt advancement ")
    warnings = [line.text for line in evidence.lines if line.severity is not Severity.INFO]
    about = [text for text in warnings if text.startswith(openings)] or warnings
    text = about[-1] if about else ""
    for opening in openings:
        text = text.removeprefix(opening)
    return text[:1].upper() + text[1:]
