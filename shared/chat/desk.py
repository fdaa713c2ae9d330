"""The desk: reads rollouts for people, checks who may, and puts commands into rollouts by compare-and-set.

A command is bound to the revision that it was given for. Whatever happens to the cluster is the next tick's; the desk
forces the heartbeat so that it comes at once. It must never talk to the cluster.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from shared.chat import board, past
from shared.chat.answer import Answer, say
from shared.chat.guide import correct, show_help
from shared.chat.naming import find, full_keys, is_pattern, nearest, show
from shared.chat.order import Order, Question, Unclear, read_order
from shared.chat.permission import may
from shared.chat.request import Pressed, Typed
from shared.chat.sense import outdated, pointless
from shared.errors import Refused, StaleRollout
from shared.mrkdwn import code, escape, mention
from shared.notices.replies import BESIDE
from shared.revision import revision_mark
from shared.rollout import Command, RolloutKey, Verb, has_heard

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from shared.chat.permission import Rules
    from shared.jobs.protocol import Jobs
    from shared.json_types import JsonObject
    from shared.rollout import Rollout
    from shared.state.store import Store

RUNS = 6
"""Runs that ``history`` tells of. Each is read in full."""

_CAREFUL = frozenset({Verb.PROMOTE, Verb.APPROVE, Verb.RESUME, Verb.RETRY})
"""Verbs that bring traffic to a revision: for these a part of a name is not enough."""


@dataclass(frozen=True, slots=True)
class Meant:
    """The rollout that somebody means, as loaded, and the name that they read."""

    key: RolloutKey
    rollout: Rollout
    name: str

    @property
    def title(self) -> str:
        """The name in mrkdwn."""
        return f"*{escape(self.name)}*"


@dataclass(frozen=True, slots=True)
class Desk:
    """What commands work with. ``command`` is the slash command's name."""

    store: Store
    jobs: Jobs
    clusters: tuple[str, ...]
    rules: Rules
    clock: Callable[[], datetime]
    command: str

    def serve(self, request: Typed | Pressed) -> Answer:
        """Do what was asked for; what is to be said. Raises Unknown if the store does not answer."""
        if isinstance(request, Typed):
            return self._serve_typed(request)
        return self._serve_pressed(request)

    def _serve_typed(self, request: Typed) -> Answer:
        order = read_order(request.text)
        match order:
            case Unclear():
                return correct(order, self.command)
            case Order(Question.HELP):
                return show_help(self.command)
            case Order(Question.STATUS, subject) if subject in ("", "*", "all") or is_pattern(subject):
                return self._show_many(subject)
        if not order.subject:
            return say(f"Which canary? Try {code(f'{self.command} {order.word} NAME.NAMESPACE')}.")
        found = self._find(order)
        if isinstance(found, Answer):
            return found
        if isinstance(order.word, Verb):
            command = self._command(request, order.word, found, order.reason)
            return self._give(request, found, command)
        return self._tell(order.word, found)

    def _serve_pressed(self, request: Pressed) -> Answer:
        try:
            key = RolloutKey.parse(request.rollout)
        except ValueError:
            return say("This button cannot be read any more: " + self._hint("help"))
        rollout = self.store.load(key) if key.cluster in self.clusters else None
        if rollout is None:
            return say(f"There is no canary {code(request.rollout)} any more.")
        subject = self._subject(key, rollout)
        if late := outdated(request.run, request.revision, rollout):
            return say(f"{subject.title} {late}. Nothing was done.", self._hint("status"))
        return self._give(request, subject, self._command(request, Verb(request.action), subject, ""))

    def _show_many(self, subject: str) -> Answer:
        rollouts = self._all()
        pattern = subject if is_pattern(subject) else "*"
        keys = set(find(pattern, rollouts).keys)
        chosen = [(self._name(key), rollout) for key, rollout in rollouts.items() if key in keys]
        return board.show_many(chosen, self.clock(), everything=bool(subject))

    def _find(self, order: Order) -> Meant | Answer:
        """The one rollout that was meant. A full name costs one read a cluster, anything else a look at all."""
        named = full_keys(order.subject, self.clusters)
        rollout = self.store.load(named[0]) if len(named) == 1 else None
        if rollout is not None and rollout.born:
            return self._subject(named[0], rollout)
        rollouts = self._all()
        found = find(order.subject, rollouts)
        if len(found.keys) == 1 and not (found.guessed and order.word in _CAREFUL):
            return self._subject(found.keys[0], rollouts[found.keys[0]])
        if not found.keys:
            return self._ask_back("There is no canary", order, nearest(order.subject, tuple(rollouts)))
        return self._ask_back(
            "Only a full name will do, not" if found.guessed else "Several are called", order, found.keys
        )

    def _ask_back(self, complaint: str, order: Order, keys: Sequence[RolloutKey]) -> Answer:
        asked = f"{complaint} {code(order.subject)}."
        if not keys:
            return say(asked, self._hint("status *"))
        names = [code(f"{self.command} {order.word} {self._name(key)}") for key in keys[:5]]
        return say(f"{asked} Did you mean {' or '.join(names)}?")

    def _tell(self, question: Question, subject: Meant) -> Answer:
        if question is Question.STATUS:
            entries = self.store.history(subject.key, subject.rollout.run)
            return board.show_one(subject.name, subject.rollout, entries, self.clock())
        runs = self.store.runs(subject.key, RUNS)
        if question is Question.HISTORY:
            told = [(run, self.store.history(subject.key, run["run"])) for run in runs]
            return past.recount(subject.name, told, self.clock())
        return past.explain(subject.name, self._troubled(subject, runs), self.clock())

    def _troubled(self, subject: Meant, runs: Sequence[JsonObject]) -> Sequence[JsonObject]:
        """The entries of the latest run in which something went wrong; if nothing did, of none."""
        histories = (self.store.history(subject.key, run["run"]) for run in runs)
        return next(filter(past.had_trouble, histories), ())

    def _command(self, request: Typed | Pressed, verb: Verb, subject: Meant, reason: str) -> Command:
        """An abort is for whatever runs; everything else is for the revision of now, and an approval for the gate that
        was shown, or else for that of now.
        """
        person, rollout = request.person, subject.rollout
        # What comes of a press is told beside the message that has the button: that one is the run's.
        reply = request.reply + BESIDE if request.reply and isinstance(request, Pressed) else request.reply
        command = Command(request.id, verb, person.by, self.clock(), reason, person.source, reply)
        if verb is Verb.ABORT:
            return command
        shown = request.gate if isinstance(request, Pressed) else ""
        gate = (shown or rollout.gate) if verb is Verb.APPROVE else ""
        return replace(command, revision=revision_mark(rollout.applied), gate=gate)

    def _give(self, request: Typed | Pressed, subject: Meant, command: Command) -> Answer:
        """Put the command into the rollout, unless its giver may not, or it was given before, or nothing would come of
        it.
        """
        refusal = may(self.rules, request.person, command.verb, subject.key)
        if refusal:
            return say(f"You may not {command.verb} {subject.title}. Nothing was done.", refusal)
        heard = has_heard(subject.rollout, command.id)
        if heard and not request.continued:
            return say(f"This request to {command.verb} {subject.title} was taken already: nothing is done twice.")
        if not heard and (idle := pointless(command.verb, subject.rollout)):
            return say(f"{subject.title} {idle}.", self._hint(f"status {subject.name}"))
        try:
            told = self.store.submit(subject.key, command)
        except KeyError:
            return say(f"{subject.title} was deleted meanwhile. Nothing was done.")
        except (Refused, StaleRollout) as error:
            return say(f":warning: Nothing was done: {escape(str(error))}")
        forced = self.jobs.force(subject.key.cluster)
        return _accepted(request, replace(subject, rollout=told), command, forced=forced)

    def _all(self) -> dict[RolloutKey, Rollout]:
        return {key: rollout for cluster in self.clusters for key, rollout in self.store.all(cluster) if rollout.born}

    def _subject(self, key: RolloutKey, rollout: Rollout) -> Meant:
        return Meant(key, rollout, self._name(key))

    def _name(self, key: RolloutKey) -> str:
        return show(key, self.clusters)

    def _hint(self, words: str) -> str:
        return f"See {code(f'{self.command} {words}')}."


def _accepted(request: Typed | Pressed, subject: Meant, command: Command, *, forced: bool) -> Answer:
    rollout = subject.rollout
    reason = f": {escape(command.reason)}" if command.reason else ""
    asked = f"{mention(request.person.user)} asked to *{command.verb}* {subject.title}{reason}"
    stand = f"run {rollout.runs}, {rollout.phase}, {rollout.route.told}"
    others = [f"{each.verb} by {escape(each.by)}" for each in rollout.commands if each.id != command.id]
    waiting = f" · also asked: {', '.join(others)}; an abort wins" if others else ""
    when = "the next tick obeys" if forced else "the heartbeat could not be called, so its next turn obeys"
    return say(asked, f"{stand} · {when}{waiting}", public=True)
