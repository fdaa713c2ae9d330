"""The rollout: Serin's whole memory of one Canary, as a frozen value.

The document is the truth and the cluster follows it. ``version`` is the compare-and-set token and the fence that every
write to the router carries. How it is kept in a store, and read by other releases of Serin: ``schema``.

It must never talk to a store, a cluster or a clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from shared.notice import Mail
from shared.plan import Route
from shared.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Mapping

MEMORY = timedelta(minutes=10)
"""How long the ids of commands are remembered: Slack's signatures are good for five minutes either way."""

_PHASES_AT_GATES = {"confirm-rollout": "Waiting", "confirm-promotion": "WaitingPromotion"}

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
    TERMINATING = "Terminating"


RESTING = frozenset({Phase.INITIALIZED, Phase.SUCCEEDED, Phase.FAILED})
"""Phases in which nothing happens until a new revision arrives."""


class Verb(StrEnum):
    """What a person can ask for."""

    ABORT = "abort"
    PROMOTE = "promote"
    PAUSE = "pause"
    RESUME = "resume"
    APPROVE = "approve"
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
    source: str = ""
    """Where it was given, for people: ``Slack #shop``."""
    reply: str = field(default="", repr=False)
    """URL at which the asker is told what came of it. Whoever has it can write there: it is kept out of the history."""
    revision: str = ""
    """The mark of the revision that an approval is for (``revision.revision_mark``); empty for whichever waits."""
    gate: str = ""
    """The gate that an approval is for, as in ``Rollout.gate``; empty for whichever waits."""


@dataclass(frozen=True, slots=True)
class Heard:
    """The id of a command and its moment: the same request may come again, also after it was obeyed."""

    id: str
    at: datetime


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
class Letter:
    """A line on its way to the event hook of that name, with the phase and the checksum of its moment."""

    hook: str
    line: Line
    phase: str
    checksum: str


@dataclass(frozen=True, slots=True)
class Revision:
    """What a target is made of: the hash of its pod template, and of each tracked config (``configmap/x`` or
    ``secret/y``).
    """

    template: str = ""
    configs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rollout:
    """The durable record of one Canary."""

    version: int = 0
    born: bool = True
    """False while only a hint has made it: nobody has looked at its Canary yet."""
    phase: Phase = Phase.INITIALIZING
    phase_since: datetime = EPOCH
    weight: int = 0
    """The canary's share, in percent, that the router must show."""
    mirror: int = 0
    """Percent of the requests that the canary must get copies of."""
    matching: bool = False
    """The canary's share is that of the requests that ``analysis.match`` describes."""
    cookie: str = ""
    """The last session cookie that users of the canary were given, ``name=value``."""
    step: int = -1
    """Index into the plan; -1 before the first step."""
    step_since: datetime = EPOCH
    """When that step began."""
    provider: str = ""
    """The ``spec.provider`` whose objects were last seen to be as they should; empty if that is not known."""
    strategy: str = ""
    """What kind of plan ``step`` is of; empty before the first step."""
    failed: int = 0
    """Failed checks of the run."""
    unknown: int = 0
    """Unanswered checks in a row."""
    blind: bool = False
    """Traffic went home because too many checks were not answered."""
    skipped: bool = False
    """The rest of the analysis is skipped: ``skipAnalysis``, or somebody asked for promotion."""
    paused: bool = False
    gate: str = ""
    """The gate at which the run waits for approval, ``confirm-promotion/sign-off``; empty while none is closed."""
    opened: tuple[str, ...] = ()
    """Gates that people opened, and hooks that passed, and that are not asked again in this run."""
    ask_at: datetime = EPOCH
    """When rollback hooks may be asked again in this phase."""
    unheard: bool = False
    """A rollback hook does not answer, and that was said."""
    ended: bool = False
    """A run ended, and hooks of type ``post-rollout`` are still to be told."""
    applied: Revision = field(default_factory=Revision)
    """The revision of the last run."""
    promoted: Revision = field(default_factory=Revision)
    """The revision that the primary serves."""
    watches: tuple[str, ...] = ()
    """Objects whose change is a reason to look (``deployment/x``, ``configmap/y``), sorted."""
    replicas: int | None = None
    """The size that the target must have; None leaves it to its owner."""
    capacity: int = 0
    """Pods that carried all of the traffic when the run began; 0: not known."""
    canary_floor: int = 0
    primary_floor: int = 0
    """What each side is to be raised to, so that it can carry its next share; 0: nothing was asked for."""
    waiting_since: datetime | None = None
    """When pods were first found not ready; the progress deadline counts from it. None: they are ready."""
    reconciled: int = 0
    """The Canary's generation up to which all generated objects were seen to be as they should."""
    runs: int = 0
    active: bool = True
    """It is ticked when it falls due."""
    due_at: datetime = EPOCH
    """When it wants to be looked at; a hint may bring it forward."""
    step_at: datetime = EPOCH
    """When it may move next. Only a tick sets that, so that a hint never hurries an analysis."""
    hinted: bool = True
    """It looks for a change although it rests."""
    hinted_until: datetime = EPOCH
    """Until then it looks again if there is none: a webhook is called before the change is stored."""
    sequence: int = 0
    """The number of its last line."""
    commands: tuple[Command, ...] = ()
    heard: tuple[Heard, ...] = ()
    """Commands given lately, waiting or obeyed."""
    outbox: tuple[Line, ...] = ()
    """Lines whose Event is still to be written."""
    letters: tuple[Letter, ...] = ()
    """What event hooks are still to be told."""
    mail: Mail = field(default_factory=Mail)
    """What people are still to be told, and what they were shown of the last run."""
    halt: str = ""
    """What holds it up, as last said."""
    last_error: str = ""
    tally: Tally = field(default_factory=Tally)
    """What its metrics are made of; nothing is decided by it."""
    kept: Mapping[str, object] = field(default_factory=dict)
    """Fields of its document that another release of Serin wrote: carried along for it, and never looked at."""

    @property
    def route(self) -> Route:
        """What the router must show."""
        return Route(self.weight, self.mirror, self.matching, self.cookie)

    @property
    def run(self) -> str:
        """Id of the current or last run, in the order of their start; run 0 is the initialization."""
        return f"{self.runs:06d}"


def with_command(rollout: Rollout, command: Command) -> Rollout:
    """The rollout with one more waiting command, due at once; unchanged if it was given that command already."""
    if has_heard(rollout, command.id):
        return rollout
    recent = (heard for heard in rollout.heard if command.at - heard.at < MEMORY)
    return replace(
        rollout,
        version=rollout.version + 1,
        commands=(*rollout.commands, command),
        heard=(*recent, Heard(command.id, command.at)),
        active=True,
        due_at=command.at,
    )


def has_heard(rollout: Rollout, command: str) -> bool:
    """Whether the command with this id waits, or was obeyed lately."""
    waiting = (each.id for each in rollout.commands)
    return command in waiting or any(each.id == command for each in rollout.heard)


def with_hint(rollout: Rollout, now: datetime, patience: timedelta = timedelta()) -> Rollout:
    """The rollout woken up to look for a change, and to look again for ``patience`` while there is none.

    Its next step does not come any earlier.
    """
    until = max(rollout.hinted_until, now + patience)
    return replace(rollout, version=rollout.version + 1, active=True, hinted=True, hinted_until=until, due_at=now)


def shown_phase(rollout: Rollout) -> str:
    """The phase in Flagger's words, which has two more: for a run that waits to start, and to be promoted."""
    kind, _, _ = rollout.gate.partition("/")
    return _PHASES_AT_GATES.get(kind, str(rollout.phase))


def moment(at: datetime) -> str:
    """``at`` as text that sorts by time."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_moment(text: str) -> datetime:
    """The inverse of :func:`moment`."""
    return datetime.fromisoformat(text)
