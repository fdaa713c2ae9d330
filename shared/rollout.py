"""The rollout: Serin's whole memory of one Canary, as a frozen value with a plain-dict form for the store.

The document is the truth and the cluster follows it. ``version`` is the compare-and-set token and the fence that every
write to the router carries. The dict form holds only JSON types, so that SQLite and Firestore keep the same document.

It must never talk to a store, a cluster or a clock.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from shared.json_types import Json, JsonObject

SCHEMA = 1
"""Version of the dict form. A reader takes every version up to its own."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Phase(StrEnum):
    """Where a rollout stands; the words of Flagger's ``status.phase``."""

    INITIALIZING = "Initializing"
    INITIALIZED = "Initialized"
    PROGRESSING = "Progressing"
    PROMOTING = "Promoting"
    FINALISING = "Finalising"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


RESTING = frozenset({Phase.INITIALIZED, Phase.SUCCEEDED, Phase.FAILED})
"""Phases in which nothing happens until a new revision arrives."""


class Verb(StrEnum):
    """What a person can ask for."""

    ABORT = "abort"
    PROMOTE = "promote"
    PAUSE = "pause"
    RESUME = "resume"
    RETRY = "retry"


class Severity(StrEnum):
    """How loud a line is; the words are Google Cloud Logging's."""

    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


@dataclass(frozen=True, slots=True)
class RolloutKey:
    """Identity of a rollout: one Canary in one cluster."""

    cluster: str
    namespace: str
    name: str

    def __str__(self) -> str:
        """The document's id, ``cluster:namespace:name``: none of the three may hold a colon."""
        return f"{self.cluster}:{self.namespace}:{self.name}"

    @classmethod
    def parse(cls, text: str) -> RolloutKey:
        """The key whose ``str`` is ``text``; ValueError if there is none."""
        cluster, namespace, name = text.split(":")
        return cls(cluster, namespace, name)


@dataclass(frozen=True, slots=True)
class Command:
    """Something that a person asked for. ``id`` makes a repeated request one command."""

    id: str
    verb: Verb
    by: str
    at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened, in the words of the log; ``sequence`` is unique in its rollout and names its Kubernetes
    Event.
    """

    sequence: int
    at: datetime
    severity: Severity
    text: str


@dataclass(frozen=True, slots=True)
class Revision:
    """What a target is made of: the hash of its pod template, and of each tracked config (``configmap/x`` or
    ``secret/y``).
    """

    template: str = ""
    configs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rollout:
    """The durable record of one Canary.

    ``weight`` is the canary's share in percent that the router must show, ``step`` the index into the plan (-1 before
    the first). ``applied`` is the revision of the last run, ``promoted`` the one that the primary serves. ``replicas``
    is the size that the target must have; None leaves it to its owner. ``failed`` counts failed checks of the run,
    ``unknown`` unanswered ones in a row; ``blind`` says that traffic went home because of them. ``waiting_since`` is
    when pods were first found not ready; the progress deadline counts from it. None: they are ready. ``due_at`` is when
    the rollout wants to be looked at; a hint may bring it forward. ``step_at`` is when it may move next; nothing but a
    tick sets that, so that a hint never hurries an analysis. ``active`` rollouts are ticked when they fall due; a
    ``hinted`` one looks for a change although it rests. ``reconciled`` is the Canary's generation up to which all
    generated objects were seen to be as they should. ``outbox`` holds lines whose Event is still to be written.
    """

    version: int = 0
    phase: Phase = Phase.INITIALIZING
    phase_since: datetime = EPOCH
    waiting_since: datetime | None = None
    weight: int = 0
    step: int = -1
    failed: int = 0
    unknown: int = 0
    blind: bool = False
    skipped: bool = False
    paused: bool = False
    applied: Revision = field(default_factory=Revision)
    promoted: Revision = field(default_factory=Revision)
    replicas: int | None = None
    reconciled: int = 0
    runs: int = 0
    active: bool = True
    hinted: bool = True
    due_at: datetime = EPOCH
    step_at: datetime = EPOCH
    sequence: int = 0
    commands: tuple[Command, ...] = ()
    outbox: tuple[Line, ...] = ()
    halt: str = ""
    last_error: str = ""

    @property
    def run(self) -> str:
        """Id of the current or last run, in the order of their start; run 0 is the initialization."""
        return f"{self.runs:06d}"


def to_dict(rollout: Rollout) -> JsonObject:
    """The rollout as plain JSON types; moments as ISO 8601 UTC with microseconds, which sort as text."""
    return {"schema": SCHEMA, **{name: _plain(value) for name, value in asdict(rollout).items()}}


def from_dict(document: Json) -> Rollout:
    """The rollout that ``document`` holds.

    Fields that it lacks take their defaults; ValueError if a newer Serin wrote it.
    """
    if document.get("schema", 0) > SCHEMA:
        raise ValueError(f"rollout has schema {document['schema']}, this Serin reads up to {SCHEMA}: upgrade it")
    known = {f.name for f in fields(Rollout)}
    return Rollout(**{name: _READERS.get(name, _as_is)(value) for name, value in document.items() if name in known})


def with_command(rollout: Rollout, command: Command) -> Rollout:
    """The rollout with one more waiting command, due at once; unchanged if it has that command already."""
    if any(waiting.id == command.id for waiting in rollout.commands):
        return rollout
    return replace(
        rollout,
        version=rollout.version + 1,
        commands=(*rollout.commands, command),
        active=True,
        due_at=command.at,
    )


def with_hint(rollout: Rollout, now: datetime) -> Rollout:
    """The rollout woken up to look for a change. Its next step does not come any earlier."""
    return replace(rollout, version=rollout.version + 1, active=True, hinted=True, due_at=now)


def moment(at: datetime) -> str:
    """``at`` as text that sorts by time."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_moment(text: str) -> datetime:
    """The inverse of :func:`moment`."""
    return datetime.fromisoformat(text)


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
    return tuple(Command(v["id"], Verb(v["verb"]), v["by"], parse_moment(v["at"]), v["reason"]) for v in values)


def _lines(values: list[Json]) -> tuple[Line, ...]:
    return tuple(Line(v["sequence"], parse_moment(v["at"]), Severity(v["severity"]), v["text"]) for v in values)


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "phase": Phase,
    "phase_since": parse_moment,
    "waiting_since": _moment_or_none,
    "due_at": parse_moment,
    "step_at": parse_moment,
    "applied": _revision,
    "promoted": _revision,
    "commands": _commands,
    "outbox": _lines,
}
