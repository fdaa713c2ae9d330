"""The production store: Firestore. ``rollouts/{key}``, under it ``runs/{run}``, under that ``events/{event}``.

Without a transaction (which costs two more calls, and locks) the write of a commit is conditional on the server's
update time of the document that was loaded, remembered here per key and version; when it is not remembered, because
another instance loaded the rollout, one more read finds it. The history entry is created, never overwritten, in the
same batch. An event's id starts with the moment at which its rollout's document was made: a Canary that is deleted and
made again starts again at version 1 and must not meet its old history.

Calls never use the library's own retries: those go on for minutes (60 s for commits, 300 s for reads).
The library must never be imported elsewhere.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from google.api_core import exceptions
from google.api_core.retry import Retry
from google.auth.exceptions import GoogleAuthError
from google.cloud import firestore

from shared.errors import StaleRollout, StoreUnavailable
from shared.rollout import EPOCH, RolloutKey, moment, parse_moment
from shared.state.commands import submit
from shared.state.document import read_rollout, write_entry, write_rollout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import TypeAlias

    from google.cloud.firestore import CollectionReference, DocumentReference, DocumentSnapshot, Query, WriteBatch

    from shared.history import Entry
    from shared.json_types import Json, JsonObject
    from shared.rollout import Command, Rollout

    Snapshot: TypeAlias = DocumentSnapshot[DocumentReference]

BUDGET_SECONDS = 4.5
"""How long a call may take, its retries included: what fails quickly is retried, a slow answer is waited for."""

PAUSES = (0.1, 1.3)
"""Seconds before each retry. The second outlives the second (give or take 20%) for which gRPC, after a connection that
was refused, fails every call without trying."""

PAGE = 200
"""Documents that one query reads at once."""

REMEMBERED = 4096
"""Update times that are remembered: four versions each of 1,000 active rollouts, about 2 MiB."""

NEVER = Retry(predicate=lambda _: False)
"""No retries by the library. ``retry=None`` would say the same, but queries fail on it with an AttributeError."""

TRANSIENT = (
    exceptions.ServiceUnavailable,
    exceptions.InternalServerError,
    exceptions.ResourceExhausted,
)
"""Errors that are worth a retry, as Google's own client sees it."""

LOST_CREATE = (exceptions.AlreadyExists, exceptions.FailedPrecondition, exceptions.Aborted)
LOST_UPDATE = (*LOST_CREATE, exceptions.NotFound)
"""Errors of a conditional write that mean: somebody else wrote, or deleted, the document."""

ADVICE: tuple[tuple[type[Exception], str], ...] = (
    (GoogleAuthError, "give this process credentials: a service account, or `gcloud auth application-default login`"),
    (exceptions.Unauthenticated, "give this process credentials that are still valid"),
    (exceptions.PermissionDenied, "grant its service account roles/datastore.user on this database"),
    (exceptions.NotFound, "make this database, or correct the store's URL"),
    (exceptions.FailedPrecondition, "deploy infra/firestore.indexes.json; the database must be in Native mode"),
    (exceptions.ResourceExhausted, "see the project's Firestore quotas and billing"),
    (exceptions.InvalidArgument, "Serin sent what Firestore does not take: please report it"),
)
"""What the reader can do about an error (https://cloud.google.com/firestore/docs/understand-error-codes)."""

OTHER_ADVICE = "the next tick tries again; if it goes on, see the network and https://status.cloud.google.com"

T = TypeVar("T")


class FirestoreStore:
    """The Store in one Firestore database; in the emulator when FIRESTORE_EMULATOR_HOST is set."""

    def __init__(self, project: str, database: str, keep: timedelta | None = None) -> None:
        self._keep = keep
        self._name = f"Firestore {project}/{database}"
        self._seen = _Memory(REMEMBERED)
        try:
            self._client: firestore.Client | None = firestore.Client(project=project, database=database)
        except GoogleAuthError as error:
            raise StoreUnavailable(f"{self._name}: {error}: {_advise(error)}") from error

    def load(self, key: RolloutKey) -> Rollout | None:
        """See Store: one document read."""
        snapshot = self._get(key)
        return self._parse(key, snapshot) if snapshot.exists else None

    def commit(self, key: RolloutKey, rollout: Rollout, entry: Entry | None) -> None:
        """See Store: one batch of conditional writes.

        A retry after an answer that got lost finds its own write there and says StaleRollout: this tick stops, and the
        next one goes on from what was committed.
        """
        first = rollout.version == 1
        seen = _Seen(EPOCH, moment(datetime.now(UTC))) if first else self._recall(key, rollout.version - 1)
        batch = self._batch()
        self._write_rollout(batch, key, rollout, seen)
        if entry:
            event = f"{seen.born}.{rollout.version:010d}"
            _write_entry(batch, self._run(key, entry.run), entry, event, entry.at + self._keep if self._keep else None)
        doing = f"committing version {rollout.version} of rollout {key}"
        try:
            results = self._ask(doing, batch.commit, LOST_CREATE if first else LOST_UPDATE)
        except exceptions.GoogleAPICallError as error:
            raise _stale(key, rollout.version - 1) from error
        self._seen.put((key, rollout.version), _Seen(results[0].update_time, seen.born))

    def submit(self, key: RolloutKey, command: Command) -> Rollout:
        """See Store."""
        return submit(self, key, command)

    def due(self, cluster: str, now: datetime, limit: int) -> Sequence[RolloutKey]:
        """See Store: one document read for each that is due, at least one."""
        query = self._active(cluster).where(filter=firestore.FieldFilter("due_at", "<=", moment(now)))
        snapshots = self._fetch(f"looking for due rollouts of cluster {cluster}", query.select([]).limit(limit))
        return [RolloutKey.parse(snapshot.id) for snapshot in snapshots]

    def asked(self, cluster: str) -> Sequence[RolloutKey]:
        """See Store: one document read for each, at least one. Equality alone needs no index of its own."""
        query = self._rollouts().where(filter=firestore.FieldFilter("cluster", "==", cluster))
        query = query.where(filter=firestore.FieldFilter("asked", "==", value=True)).order_by("__name__")
        found = self._fetch_all(f"looking for commands in cluster {cluster}", query.select([]))
        return [RolloutKey.parse(snapshot.id) for snapshot in found]

    def watching(self, cluster: str, namespace: str, ref: str) -> Sequence[RolloutKey]:
        """See Store: one document read for each that watches, at least one. Served by a composite index."""
        query = self._rollouts().where(filter=firestore.FieldFilter("cluster", "==", cluster))
        query = query.where(filter=firestore.FieldFilter("namespace", "==", namespace))
        query = query.where(filter=firestore.FieldFilter("watches", "array_contains", ref)).order_by("__name__")
        found = self._fetch_all(f"looking for who watches {ref} in {namespace} of cluster {cluster}", query.select([]))
        return [RolloutKey.parse(snapshot.id) for snapshot in found]

    def all(self, cluster: str) -> Iterator[tuple[RolloutKey, Rollout]]:
        """See Store: one document read for each."""
        query = self._rollouts().where(filter=firestore.FieldFilter("cluster", "==", cluster)).order_by("__name__")
        for snapshot in self._fetch_all(f"listing the rollouts of cluster {cluster}", query):
            key = RolloutKey.parse(snapshot.id)
            yield key, self._parse(key, snapshot)

    def next_due(self, cluster: str) -> datetime | None:
        """See Store: one document read."""
        query = self._active(cluster).select(["due_at"]).limit(1)
        snapshots = self._fetch(f"looking for the next due rollout of cluster {cluster}", query)
        return parse_moment(_fields(snapshots[0])["due_at"]) if snapshots else None

    def delete(self, key: RolloutKey) -> None:
        """See Store: Firestore keeps what lies under a document that is deleted."""
        self._ask(f"deleting rollout {key}", self._rollout(key).delete)

    def history(self, key: RolloutKey, run: str) -> Sequence[JsonObject]:
        """See Store: in the order of their versions, those of an earlier rollout of the same name first."""
        query = self._run(key, run).collection("events").order_by("__name__")
        doing = f"reading the history of run {run} of rollout {key}"
        return [_without_expiry(_fields(snapshot)) for snapshot in self._fetch_all(doing, query)]

    def runs(self, key: RolloutKey, limit: int) -> Sequence[JsonObject]:
        """See Store."""
        query = self._rollout(key).collection("runs").order_by("run", direction="DESCENDING").limit(limit)
        return [_read_run(_fields(snapshot)) for snapshot in self._fetch(f"reading the runs of rollout {key}", query)]

    def expire(self, now: datetime) -> int:  # noqa: ARG002  as the protocol has it
        """See Store: the database has a policy for ``expires_at`` (infra/google/modules/state)."""
        return 0

    def close(self) -> None:
        """See Store: the channel closes with the last call that uses it; later calls raise StoreUnavailable."""
        self._client = None

    def _rollouts(self) -> CollectionReference:
        return self._open_client().collection("rollouts")

    def _rollout(self, key: RolloutKey) -> DocumentReference:
        return self._rollouts().document(str(key))

    def _run(self, key: RolloutKey, run: str) -> DocumentReference:
        return self._open_client().document("rollouts", str(key), "runs", run)

    def _batch(self) -> WriteBatch:
        return self._open_client().batch()

    def _open_client(self) -> firestore.Client:
        if self._client is None:
            raise StoreUnavailable(f"{self._name} is closed: this process is shutting down")
        return self._client

    def _active(self, cluster: str) -> Query:
        """Active rollouts, longest waiting first. Served by the composite index in infra/firestore.indexes.json."""
        ours = self._rollouts().where(filter=firestore.FieldFilter("cluster", "==", cluster))
        return ours.where(filter=firestore.FieldFilter("active", "==", value=True)).order_by("due_at")

    def _get(self, key: RolloutKey) -> Snapshot:
        snapshot = self._ask(f"loading rollout {key}", self._rollout(key).get)
        if snapshot.exists:
            fields = _fields(snapshot)
            self._seen.put((key, fields.get("version", 0)), _Seen(snapshot.update_time, fields.get("made_at", "")))
        return snapshot

    def _parse(self, key: RolloutKey, snapshot: Snapshot) -> Rollout:
        return read_rollout(self._name, key, _fields(snapshot))

    def _recall(self, key: RolloutKey, version: int) -> _Seen:
        """What this process, or else the server, knows of ``version``; StaleRollout if that is not the stored one."""
        seen = self._seen.get((key, version))
        if seen:
            return seen
        self._get(key)
        seen = self._seen.get((key, version))
        if seen is None:
            raise _stale(key, version)
        return seen

    def _write_rollout(self, batch: WriteBatch, key: RolloutKey, rollout: Rollout, seen: _Seen) -> None:
        document = {**write_rollout(key, rollout), "made_at": seen.born, "asked": bool(rollout.commands)}
        if rollout.version == 1:
            batch.create(self._rollout(key), document)
        else:
            unchanged = self._open_client().write_option(last_update_time=seen.updated)
            batch.update(self._rollout(key), document, unchanged)

    def _fetch(self, doing: str, query: Query) -> list[Snapshot]:
        return self._ask(doing, lambda **limits: list(query.stream(**limits)))

    def _fetch_all(self, doing: str, query: Query) -> Iterator[Snapshot]:
        page = self._fetch(doing, query.limit(PAGE))
        while page:
            yield from page
            page = self._fetch(doing, query.start_after(page[-1]).limit(PAGE)) if len(page) == PAGE else []

    def _ask(self, doing: str, send: Callable[..., T], expected: tuple[type[Exception], ...] = ()) -> T:
        """The answer to ``send``, asked again at most twice and for BUDGET_SECONDS; ``expected`` errors pass."""
        until = time.monotonic() + BUDGET_SECONDS
        pauses = iter(PAUSES)
        while True:
            try:
                return send(retry=NEVER, timeout=until - time.monotonic())
            except expected:
                raise
            except (exceptions.GoogleAPIError, GoogleAuthError) as error:
                pause = next(pauses, BUDGET_SECONDS)
                if not isinstance(error, TRANSIENT) or time.monotonic() + pause >= until:
                    raise StoreUnavailable(
                        f"{self._name}: {doing} failed ({_brief(error)}): {_advise(error)}"
                    ) from error
            time.sleep(pause)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a conditional write must know of the document that it replaces: its update time, and when it was made."""

    updated: datetime
    born: str


class _Memory:
    """The documents seen last, by key and version, for many threads. Forgetting one costs a read, never the truth."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = Lock()
        self._seen: OrderedDict[tuple[RolloutKey, int], _Seen] = OrderedDict()

    def get(self, state: tuple[RolloutKey, int]) -> _Seen | None:
        with self._lock:
            return self._seen.get(state)

    def put(self, state: tuple[RolloutKey, int], seen: _Seen) -> None:
        with self._lock:
            self._seen[state] = seen
            self._seen.move_to_end(state)
            if len(self._seen) > self._size:
                self._seen.popitem(last=False)


def _write_entry(batch: WriteBatch, run: DocumentReference, entry: Entry, event: str, ends: datetime | None) -> None:
    """``ends`` is written as a timestamp: a policy of Firestore's looks at nothing else."""
    expiry = {"expires_at": ends} if ends else {}
    batch.create(run.collection("events").document(event), {**write_entry(entry), **expiry})
    summary = {
        "expires_at": ends or firestore.DELETE_FIELD,
        "run": entry.run,
        "started": firestore.Minimum(_microseconds(entry.at)),
        "updated": moment(entry.at),
        "phase": str(entry.phase),
        "entries": firestore.Increment(1),
    }
    batch.set(run, summary, merge=True)


def _read_run(fields: Json) -> JsonObject:
    return {**_without_expiry(fields), "started": moment(EPOCH + timedelta(microseconds=fields["started"]))}


def _without_expiry(fields: Json) -> JsonObject:
    return {name: value for name, value in fields.items() if name != "expires_at"}


def _microseconds(at: datetime) -> int:
    """``at`` as a number, because Firestore can keep the least of numbers only."""
    return (at - EPOCH) // timedelta(microseconds=1)


def _fields(snapshot: Snapshot) -> JsonObject:
    return snapshot.to_dict() or {}


def _stale(key: RolloutKey, version: int) -> StaleRollout:
    return StaleRollout(f"rollout {key} is not at version {version}: somebody committed first")


def _brief(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:300]


def _advise(error: Exception) -> str:
    return next((advice for kind, advice in ADVICE if isinstance(error, kind)), OTHER_ADVICE)
