"""A decision in the making: a rollout, and what is to be said about it. Each method returns a new draft.

It must never decide anything: the phases do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from shared.plan import HOME
from shared.rollout import EPOCH, Line, Phase, Severity

if TYPE_CHECKING:
    from datetime import datetime

    from shared.plan import Route
    from shared.rollout import Rollout

SOON = timedelta(seconds=1)
"""The next look at something that Serin itself is about to change."""

PATIENCE = timedelta(seconds=5)
"""The longest pause between two looks at pods that are starting."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a tick decided: the next rollout (its version is not yet raised) and the new lines."""

    rollout: Rollout
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Draft:
    """See the module. ``interval`` is the Canary's, the pause between two steps."""

    rollout: Rollout
    now: datetime
    interval: timedelta
    lines: tuple[Line, ...] = ()

    def set(self, **changes: Any) -> Draft:
        """With these fields of the rollout changed."""
        return replace(self, rollout=replace(self.rollout, **changes))

    def show(self, route: Route) -> Draft:
        """With the router showing ``route``. Whoever has a cookie keeps it until the router takes it back."""
        cookie = route.cookie or self.rollout.cookie
        return self.set(weight=route.canary, mirror=route.mirror, matching=route.matching, cookie=cookie)

    def go_home(self) -> Draft:
        """With all traffic at the primary, and the run before its first step."""
        return self.show(HOME).set(step=-1)

    def enter(self, phase: Phase) -> Draft:
        """In another phase, with nothing left of the old one's waiting. Staying in a phase is no transition."""
        if phase is self.rollout.phase:
            return self
        ended = phase in (Phase.SUCCEEDED, Phase.FAILED)
        moved = self.set(phase=phase, phase_since=self.now, ended=ended, ask_at=EPOCH)
        return moved.freed()

    def say(self, text: str, severity: Severity = Severity.INFO) -> Draft:
        """With one more line for log and events."""
        line = Line(self.rollout.sequence + 1, self.now, severity, text)
        return replace(self.set(sequence=line.sequence), lines=(*self.lines, line))

    def warn(self, text: str) -> Draft:
        """With a warning."""
        return self.say(text, Severity.WARNING)

    def hold(self, text: str, severity: Severity = Severity.WARNING) -> Draft:
        """Held up by ``text``, which is said once for as long as it stays the same."""
        if text == self.rollout.halt:
            return self
        return self.say(text, severity).set(halt=text)

    def waiting(self) -> Draft:
        """Waiting for pods, since now if it was not yet."""
        return self.set(waiting_since=self.rollout.waiting_since or self.now)

    def overdue(self, deadline: float) -> bool:
        """Whether it has been waiting for more than ``deadline`` seconds."""
        since = self.rollout.waiting_since or self.now
        return (self.now - since).total_seconds() > deadline

    def freed(self) -> Draft:
        """No longer held up, and waiting neither for pods nor at a gate."""
        return self.set(halt="", waiting_since=None, gate="", canary_floor=0, primary_floor=0)

    def again(self, pause: timedelta) -> Draft:
        """Looked at again after ``pause``; the next step is not before that."""
        return self.set(due_at=self.now + pause, step_at=self.now + pause)

    def look_again(self) -> Draft:
        """Looked at again soon, because pods are starting; the moment of the next step stays."""
        return self.set(due_at=self.now + min(self.interval, PATIENCE))

    def at_once(self) -> Draft:
        """Looked at again as soon as the cluster can have followed."""
        return self.again(SOON)

    def step_done(self) -> Draft:
        """One step made: the next not before an interval has passed."""
        return self.again(self.interval)

    def looked(self) -> Draft:
        """The target's revision was looked at, and nothing new was found; a fresh hint makes it look again."""
        return self.set(hinted=self.now < self.rollout.hinted_until)

    def found(self) -> Draft:
        """The change that a hint told of was found."""
        return self.set(hinted=False, hinted_until=EPOCH)

    def rest(self) -> Draft:
        """Nothing more to do until something changes."""
        return self.set(active=False, due_at=EPOCH, step_at=EPOCH, primary_floor=0)

    def decided(self) -> Decision:
        """The decision. New lines wait in the outbox for their events."""
        rollout = _looking_again(self.rollout, self.now)
        return Decision(replace(rollout, outbox=(*rollout.outbox, *self.lines)), self.lines)


def _looking_again(rollout: Rollout, now: datetime) -> Rollout:
    """Who was told of a change and has not found it looks again soon: a hint comes before the change is stored."""
    if not rollout.hinted or now >= rollout.hinted_until:
        return rollout
    soon = now + SOON
    return replace(rollout, active=True, due_at=min(soon, rollout.due_at) if rollout.active else soon)
