"""What happened, out of the history: the checks that failed and on what evidence, and how runs ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.chat.answer import Answer, say
from shared.checks.verdict import Verdict
from shared.mrkdwn import age, code, context, cut, escape, fence, section
from shared.rollout import Phase, Severity, parse_moment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from shared.json_types import Json

_MARKS = {
    Verdict.PASS: ":white_check_mark:",
    Verdict.FAIL: ":x:",
    Verdict.WAIT: ":hourglass_flowing_sand:",
    Verdict.ABORT: ":octagonal_sign:",
    Verdict.UNKNOWN: ":grey_question:",
}
_ENDS = {Phase.SUCCEEDED: ":white_check_mark:", Phase.FAILED: ":x:"}
_LONGEST_LINE = 300
_MOST_CHECKS = 10


def last_checks(entries: Sequence[Json]) -> list[str]:
    """The checks that were asked last, one a line; none if none were."""
    results = next((entry["results"] for entry in reversed(entries) if entry["results"]), ())
    return [_check(result) for result in results[:_MOST_CHECKS]]


def had_trouble(entries: Sequence[Json]) -> bool:
    """Whether anything in a run is worth an explanation: a warning, or a check that did not pass."""
    return bool(_warnings(entries)) or any(_troubles(entries))


def explain(name: str, entries: Sequence[Json], now: datetime) -> Answer:
    """Why a run stands where it does: what was said last, and each check that last did not pass, with its evidence."""
    if not had_trouble(entries):
        return say(f"Nothing went wrong with *{escape(name)}* lately: no check failed.")
    troubles, said = list(_troubles(entries))[:_MOST_CHECKS], _warnings(entries)
    end = f": {escape(cut(said[-1], _LONGEST_LINE))}" if said else ""
    headline = f"*{escape(name)}*, run {int(entries[0]['run'])}{end}"
    blocks = [section(headline)]
    for entry, result in troubles:
        told = f"{age(now - parse_moment(entry['at']))} ago at {entry['weight']} % canary"
        evidence = f"\n{fence(result['query'])}" if result["query"] else ""
        answer = f"\nanswered: {code(cut(result['answer'], _LONGEST_LINE))}" if result["answer"] else ""
        blocks.append(section(f"{_check(result)}, {told}{evidence}{answer}"))
    if not troubles:
        blocks.append(context("No check failed in this run."))
    return Answer("\n".join([headline, *(_check(result) for _, result in troubles)]), tuple(blocks))


def recount(name: str, runs: Sequence[tuple[Json, Sequence[Json]]], now: datetime) -> Answer:
    """The last runs, newest first, each with its entries: when, how long, how it ended, who asked for what."""
    if not runs:
        return say(f"*{escape(name)}* has no history yet.")
    title = f"*{escape(name)}*: last {len(runs)} runs" if len(runs) > 1 else f"*{escape(name)}*: one run"
    told = [_run(run, entries, now) for run, entries in runs]
    return Answer("\n".join([title, *told]), (section(title), *map(section, told)))


def _run(run: Json, entries: Sequence[Json], now: datetime) -> str:
    started, updated, phase = parse_moment(run["started"]), parse_moment(run["updated"]), Phase(run["phase"])
    icon = _ENDS.get(phase, ":small_blue_diamond:")
    head = f"{icon} *run {int(run['run'])}* {phase} · {age(now - started)} ago · took {age(updated - started)}"
    said = _warnings(entries)
    end = [f">{escape(cut(said[-1], _LONGEST_LINE))}"] if said and phase is Phase.FAILED else []
    return "\n".join([head, *end, *(f">{each}" for each in _commands(entries))])


def _commands(entries: Sequence[Json]) -> list[str]:
    commands = [command for entry in entries for command in entry["commands"]]
    return [_command(command) for command in commands[-_MOST_CHECKS:]]


def _command(command: Json) -> str:
    where = f" in {escape(command['source'])}" if command.get("source") else ""
    why = f": {escape(cut(command['reason'], _LONGEST_LINE))}" if command["reason"] else ""
    return f"{command['verb']} by {escape(command['by'])}{where}{why}"


def _warnings(entries: Sequence[Json]) -> list[str]:
    return [line["text"] for entry in entries for line in entry["lines"] if line["severity"] != Severity.INFO]


def _troubles(entries: Sequence[Json]) -> Iterator[tuple[Json, Json]]:
    """The last time that each check did not pass, newest first."""
    seen: set[str] = set()
    for entry in reversed(entries):
        for result in entry["results"]:
            if result["verdict"] != Verdict.PASS and result["name"] not in seen:
                seen.add(result["name"])
                yield entry, result


def _check(result: Json) -> str:
    value = "no value" if result["value"] is None else f"{result['value']:.4g}"
    bounds = f" (must be {escape(result['bounds'])})" if result["bounds"] else ""
    measured = f" {value}{bounds}" if result["kind"] == "metric" else ""
    return f"{_MARKS[Verdict(result['verdict'])]} *{escape(result['name'])}*{measured}"
