"""How rollouts stand, as people read it in Slack: phase, weight, run, age, and what each waits for.

It must never ask anybody: it is given the rollout and, for a closer look, its history.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.chat.answer import MOST_BLOCKS, Answer
from shared.chat.past import last_checks
from shared.mrkdwn import age, bar, code, context, cut, escape, section
from shared.rollout import RESTING, Phase, parse_moment

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from shared.json_types import Json, JsonObject
    from shared.rollout import Rollout

SHOWN = 20
"""Rollouts under way that are shown each with blocks of their own: two each, and some are needed for the others."""

_LONGEST_WAIT = 400

_ICONS = {
    Phase.INITIALIZING: ":hatching_chick:",
    Phase.INITIALIZED: ":white_circle:",
    Phase.PROGRESSING: ":large_yellow_circle:",
    Phase.PROMOTING: ":large_blue_circle:",
    Phase.FINALISING: ":large_blue_circle:",
    Phase.SUCCEEDED: ":white_check_mark:",
    Phase.FAILED: ":red_circle:",
    Phase.TERMINATING: ":wastebasket:",
}


def show_many(rollouts: Sequence[tuple[str, Rollout]], now: datetime, *, everything: bool) -> Answer:
    """Who is under way, each with its bar; the others in one line, or with ``everything`` by name. Names are given."""
    busy = [each for each in rollouts if each[1].phase not in RESTING]
    quiet = [each for each in rollouts if each[1].phase in RESTING]
    blocks = [block for name, rollout in busy[:SHOWN] for block in _brief(name, rollout, now)]
    if len(busy) > SHOWN:
        blocks.append(context(f"and {len(busy) - SHOWN} more under way: narrow it down, for example `status shop/*`"))
    if everything and quiet:
        blocks += _sections([f"{_icon(rollout)} {_headline(name, rollout, now)}" for name, rollout in quiet])
    summary = f"{len(busy)} under way, {len(quiet)} at rest"
    return Answer("\n".join([summary, *(_plain(*each) for each in busy[:SHOWN])]), (section(f"*{summary}*"), *blocks))


def show_one(name: str, rollout: Rollout, entries: Sequence[Json], now: datetime) -> Answer:
    """One rollout in full; ``entries`` are the history of its run."""
    blocks = _brief(name, rollout, now)
    facts = [f"revision {code(rollout.applied.template)}"] if rollout.applied.template else []
    if entries:
        facts.insert(0, f"started {age(now - parse_moment(entries[0]['at']))} ago")
    if rollout.failed or rollout.unknown:
        facts.append(f"{rollout.failed} failed, {rollout.unknown} unanswered in a row")
    if facts:
        blocks.append(context(" · ".join(facts)))
    if checks := last_checks(entries):
        blocks.append(section("\n".join(checks)))
    return Answer(_plain(name, rollout), tuple(blocks))


def waits_for(rollout: Rollout, now: datetime) -> str:
    """What has to happen before the rollout moves on; empty if nothing has."""
    if rollout.commands:
        command = rollout.commands[0]
        return f"{escape(command.by)} asked to {command.verb}: the next tick obeys"
    if rollout.gate:
        return f"waits for approval at {code(rollout.gate)}"
    if rollout.paused:
        return "is paused until somebody resumes it"
    if rollout.blind:
        return "checks are not answered: all traffic is on the primary until they are"
    if said := rollout.last_error or rollout.halt:
        return escape(cut(said, _LONGEST_WAIT))
    if rollout.phase is Phase.PROGRESSING and rollout.step_at > now:
        return f"next step in {age(rollout.step_at - now)}"
    return ""


def _brief(name: str, rollout: Rollout, now: datetime) -> list[JsonObject]:
    text = f"{_icon(rollout)} {_headline(name, rollout, now)}"
    if rollout.phase not in RESTING or not rollout.route.home:
        text += f"\n`{bar(rollout.weight)}` {rollout.route.told}"
    waits = waits_for(rollout, now)
    return [section(text), *([context(f":hourglass_flowing_sand: {waits}")] if waits else [])]


def _headline(name: str, rollout: Rollout, now: datetime) -> str:
    return f"*{escape(name)}* {rollout.phase} · run {rollout.runs} · for {age(now - rollout.phase_since)}"


def _plain(name: str, rollout: Rollout) -> str:
    return f"{escape(name)}: {rollout.phase}, run {rollout.runs}, {rollout.route.told}"


def _icon(rollout: Rollout) -> str:
    return ":double_vertical_bar:" if rollout.paused or rollout.gate else _ICONS[rollout.phase]


def _sections(lines: Sequence[str]) -> list[JsonObject]:
    """Lines in as few sections as hold them; what a message cannot hold is counted."""
    size, room = 20, MOST_BLOCKS // 5
    groups = [lines[start : start + size] for start in range(0, len(lines), size)]
    blocks = [section("\n".join(group)) for group in groups[:room]]
    left = len(lines) - size * room
    return [*blocks, context(f"and {left} more")] if left > 0 else blocks
