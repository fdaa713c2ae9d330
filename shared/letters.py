"""Letters: what event hooks (``webhooks[].type: event``) are told of a rollout, every line of its log, at least once.

They are committed with the decision that they tell of and leave the rollout with the commit after their delivery, so a
tick that dies loses none. They go out last in a tick, in one short time limit: a hook that hangs or is gone holds up
nothing, hears of it later, and is given up after a while, for what it would be told then is history.

It must never raise: nobody waits for what a listener says.
"""

from __future__ import annotations

import json
from datetime import timedelta
from threading import Lock
from typing import TYPE_CHECKING

from shared.canary.model import HookType
from shared.checks.deadline import Deadline
from shared.checks.hooks import post
from shared.checks.transport import Patience
from shared.errors import CheckUnavailable
from shared.revision import revision_mark
from shared.rollout import Letter, Severity, shown_phase

if TYPE_CHECKING:
    from datetime import datetime

    from shared.canary.model import Canary, Hook
    from shared.checks.transport import Http
    from shared.logs import Log
    from shared.rollout import Line, Rollout, RolloutKey

LIMIT = 5.0
"""Seconds for all letters of one tick; Flagger gives that to each."""

PAUSE = timedelta(seconds=30)
"""How long a hook that did not take a letter is left alone."""

PATIENCE = timedelta(minutes=10)
"""How old a letter gets."""


def write_letters(canary: Canary, rollout: Rollout, lines: tuple[Line, ...]) -> tuple[Letter, ...]:
    """One letter for each of these lines and each event hook, in the order of the lines."""
    hooks = canary.analysis.hooks_of(HookType.EVENT)
    phase, checksum = shown_phase(rollout), revision_mark(rollout.applied)
    return tuple(Letter(hook.name, line, phase, checksum) for line in lines for hook in hooks)


def write_event(canary: Canary, hook: Hook, letter: Letter) -> bytes:
    """Flagger's payload of an event: the hook's metadata, which cannot replace the three keys that every event has."""
    line = letter.line
    event = {
        "eventMessage": line.text,
        "eventType": "Normal" if line.severity is Severity.INFO else "Warning",
        "timestamp": str(int(line.at.timestamp() * 1000)),
    }
    body = {
        "name": canary.name,
        "namespace": canary.namespace,
        "phase": letter.phase,
        "checksum": letter.checksum,
        "metadata": {**hook.metadata, **event},
    }
    return json.dumps(body, separators=(",", ":")).encode()


class Postman:
    """Delivers letters. What this process knows of their fate is kept here until a commit has written it down."""

    def __init__(self, http: Http, log: Log) -> None:
        self._http = http
        self._log = log
        self._lock = Lock()
        self._done: dict[RolloutKey, set[tuple[str, int]]] = {}
        self._shut: dict[tuple[RolloutKey, str], datetime] = {}

    def left(self, key: RolloutKey, letters: tuple[Letter, ...], now: datetime) -> tuple[Letter, ...]:
        """The letters that are still to be delivered: neither are they, nor are they too old."""
        with self._lock:
            done = self._done.get(key, set()) & {_id(letter) for letter in letters}
            self._done[key] = done
            if not done:
                del self._done[key]
        left = tuple(letter for letter in letters if _id(letter) not in done)
        fresh = tuple(letter for letter in left if now - letter.line.at < PATIENCE)
        for hook in {letter.hook for letter in left} - {letter.hook for letter in fresh}:
            self._log.warning(f"Event hook {hook} was given up: it took no event for {PATIENCE}", _name(key))
        return fresh

    def deliver(self, canary: Canary, key: RolloutKey, letters: tuple[Letter, ...], now: datetime) -> None:
        """Hand over what can be handed over within LIMIT, oldest first; each hook up to the first that it refuses."""
        deadline, hooks = Deadline.after(LIMIT), {hook.name: hook for hook in canary.analysis.hooks_of(HookType.EVENT)}
        for letter in self.left(key, letters, now):
            hook = hooks.get(letter.hook)
            if hook is not None and (self._is_shut(key, hook, now) or not deadline.left):
                continue
            if hook is None or self._hand_over(canary, hook, letter, deadline):
                self._note(key, letter)
            else:
                self._shut_out(key, hook, now)

    def _hand_over(self, canary: Canary, hook: Hook, letter: Letter, deadline: Deadline) -> bool:
        """Whether the hook has it. One that answers has, whatever it says: asking again would not change its mind."""
        try:
            answer = post(hook, write_event(canary, hook, letter), self._http, Patience(hook.timeout, deadline))
        except CheckUnavailable as error:
            self._complain(canary, hook, str(error))
            return False
        busy = answer.status == 429 or answer.status >= 500
        if busy:
            self._complain(canary, hook, f"HTTP {answer.status}")
        return not busy

    def _complain(self, canary: Canary, hook: Hook, reason: str) -> None:
        retry = f"it is called again in {PAUSE.seconds}s"
        self._log.warning(f"Event hook {hook.name} took no event ({reason}): {retry}", str(canary))

    def _is_shut(self, key: RolloutKey, hook: Hook, now: datetime) -> bool:
        with self._lock:
            until = self._shut.get((key, hook.name))
        return until is not None and now < until

    def _shut_out(self, key: RolloutKey, hook: Hook, now: datetime) -> None:
        with self._lock:
            self._shut[key, hook.name] = now + PAUSE

    def _note(self, key: RolloutKey, letter: Letter) -> None:
        with self._lock:
            self._done.setdefault(key, set()).add(_id(letter))
            self._shut.pop((key, letter.hook), None)


def _id(letter: Letter) -> tuple[str, int]:
    return letter.hook, letter.line.sequence


def _name(key: RolloutKey) -> str:
    return f"{key.name}.{key.namespace}"
