"""The plain-dict form of a rollout, and what holds between two releases of Serin that keep the same document.

During a deploy, and after a rollback, a document is written by one release and gone on with by the other. So a release
only ever adds fields: one that is missing takes its default, and one that a reader does not know stays in the document
and is written back (``Rollout.kept``). Inside a part, a command or a notice, such a field is read over, and goes with
the next write: there, its default must do no harm.

What a release before it could not bear, another meaning or a new value of an enumeration, comes in two steps: one
release reads it, and only the next writes it, with a higher SCHEMA. A document of a higher one is refused, which holds
its rollout where it is: guessing could move traffic.

The form holds only JSON types, so that SQLite and Firestore keep the same document.
"""

from __future__ import annotations

from dataclasses import asdict, fields
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from shared.json_types import of_fields
from shared.notice import read_mail
from shared.rollout import Command, Heard, Letter, Line, Phase, Revision, Rollout, Severity, Verb, moment, parse_moment
from shared.tally import tally_from_dict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from shared.json_types import Json, JsonObject

SCHEMA = 1
"""Version of the dict form: it goes up only with what an earlier release cannot read. Up to its own, each is read."""

_KNOWN = frozenset(each.name for each in fields(Rollout)) - {"kept"}


def to_dict(rollout: Rollout) -> JsonObject:
    """The rollout as plain JSON types; moments as ISO 8601 UTC with microseconds, which sort as text."""
    written = {name: _plain(value) for name, value in asdict(rollout).items() if name in _KNOWN}
    return {**rollout.kept, "schema": SCHEMA, **written}


def from_dict(document: Json) -> Rollout:
    """The rollout that ``document`` holds.

    Fields that it lacks take their defaults, those of another release are kept; ValueError if this one cannot read it.
    """
    if document.get("schema", 0) > SCHEMA:
        raise ValueError(
            f"it has schema {document['schema']} and this Serin reads up to {SCHEMA}: deploy the release that wrote it"
        )
    known = {name: _READERS.get(name, _as_is)(value) for name, value in document.items() if name in _KNOWN}
    return Rollout(**known, kept={name: value for name, value in document.items() if name not in {*_KNOWN, "schema"}})


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return moment(value)
        case StrEnum():
            return str(value)
        case dict():
            return {key: _plain(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_plain(inner) for inner in value]
        case _:
            return value


def _as_is(value: Any) -> Any:
    return value


def _moment_or_none(text: str | None) -> datetime | None:
    return parse_moment(text) if text else None


def _revision(value: Json) -> Revision:
    return Revision(value["template"], dict(value["configs"]))


def _commands(values: list[Json]) -> tuple[Command, ...]:
    return tuple(_command(value) for value in values)


def _command(value: Json) -> Command:
    return Command(**{**of_fields(Command, value), "verb": Verb(value["verb"]), "at": parse_moment(value["at"])})


def _heard(values: list[Json]) -> tuple[Heard, ...]:
    return tuple(Heard(v["id"], parse_moment(v["at"])) for v in values)


def _lines(values: list[Json]) -> tuple[Line, ...]:
    return tuple(map(_line, values))


def _line(value: Json) -> Line:
    return Line(value["sequence"], parse_moment(value["at"]), Severity(value["severity"]), value["text"])


def _letters(values: list[Json]) -> tuple[Letter, ...]:
    return tuple(Letter(v["hook"], _line(v["line"]), v["phase"], v["checksum"]) for v in values)


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "phase": Phase,
    "phase_since": parse_moment,
    "waiting_since": _moment_or_none,
    "due_at": parse_moment,
    "hinted_until": parse_moment,
    "step_at": parse_moment,
    "step_since": parse_moment,
    "applied": _revision,
    "promoted": _revision,
    "opened": tuple,
    "ask_at": parse_moment,
    "watches": tuple,
    "commands": _commands,
    "heard": _heard,
    "outbox": _lines,
    "letters": _letters,
    "tally": tally_from_dict,
    "mail": read_mail,
}
