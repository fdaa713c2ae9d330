"""The embedded store: one SQLite file, or memory. Durable, no account needed, safe for many threads and processes.

The conditional write is one transaction that takes the write lock before it looks (``BEGIN IMMEDIATE``), so that nobody
can commit between its look at the version and its write. The file is in WAL mode: readers never wait for the writer.
``synchronous`` is FULL, because the cluster follows what was committed: with NORMAL a power failure could take back a
commit that the router shows already, and its version would be given out twice. It costs one fsync a commit.

The file must never lie on a network file system: WAL needs memory that all its users share.
"""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import contextmanager
from threading import BoundedSemaphore, Lock
from typing import TYPE_CHECKING

from shared.errors import StaleRollout, StoreUnavailable
from shared.rollout import RolloutKey, moment, parse_moment
from shared.state.commands import submit
from shared.state.document import read_rollout, write_entry, write_rollout

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime, timedelta
    from pathlib import Path

    from shared.history import Entry
    from shared.json_types import JsonObject
    from shared.rollout import Command, Rollout

WAIT_SECONDS = 4.0
"""How long a call waits for a lock that another thread or process holds."""

CONNECTIONS = 16
"""Threads that can use one file at the same moment; more of them queue."""

LARGEST_DELETION = 1000
"""Entries, and runs, that one :meth:`SqliteStore.expire` deletes: it holds the write lock for some milliseconds."""

PAGE = 200
"""Rollouts that :meth:`SqliteStore.all` reads at once."""

SCHEMA_VERSION = 1

WATCH = "INSERT OR IGNORE INTO watches SELECT value, new.key FROM json_each(new.watches)"
UNWATCH = "DELETE FROM watches WHERE key = old.key"
"""Keep the index of ``rollouts.watches``, a JSON list, which SQLite cannot index itself."""

SCHEMA = (
    """CREATE TABLE rollouts (
        key TEXT PRIMARY KEY, version INTEGER NOT NULL, cluster TEXT NOT NULL, active INTEGER NOT NULL,
        due_at TEXT NOT NULL, watches TEXT NOT NULL, document TEXT NOT NULL
    )""",
    "CREATE INDEX rollouts_due ON rollouts (cluster, active, due_at, key)",
    "CREATE TABLE watches (ref TEXT NOT NULL, key TEXT NOT NULL, PRIMARY KEY (ref, key)) WITHOUT ROWID",
    "CREATE INDEX watches_key ON watches (key)",
    f"CREATE TRIGGER rollout_made AFTER INSERT ON rollouts BEGIN {WATCH}; END",
    f"""CREATE TRIGGER rollout_changed AFTER UPDATE OF watches ON rollouts WHEN new.watches <> old.watches
        BEGIN {UNWATCH}; {WATCH}; END""",
    f"CREATE TRIGGER rollout_gone AFTER DELETE ON rollouts BEGIN {UNWATCH}; END",
    """CREATE TABLE runs (
        key TEXT NOT NULL, run TEXT NOT NULL, started TEXT NOT NULL, updated TEXT NOT NULL, phase TEXT NOT NULL,
        entries INTEGER NOT NULL, PRIMARY KEY (key, run)
    ) WITHOUT ROWID""",
    "CREATE TABLE history (id INTEGER PRIMARY KEY, key TEXT NOT NULL, run TEXT NOT NULL, entry TEXT NOT NULL)",
    "CREATE INDEX history_run ON history (key, run, id)",
    "CREATE TRIGGER history_unchanged BEFORE UPDATE ON history BEGIN SELECT RAISE(ABORT, 'history only grows'); END",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
)

EXPIRING = (
    "ALTER TABLE history ADD COLUMN expires_at TEXT",
    "ALTER TABLE runs ADD COLUMN expires_at TEXT",
    "CREATE INDEX history_expiring ON history (expires_at) WHERE expires_at IS NOT NULL",
    "CREATE INDEX runs_expiring ON runs (expires_at) WHERE expires_at IS NOT NULL",
    "DROP TRIGGER IF EXISTS history_kept",
    """CREATE TRIGGER history_kept BEFORE DELETE ON history WHEN old.expires_at IS NULL
        BEGIN SELECT RAISE(ABORT, 'history only grows'); END""",
)
"""What files lack that were made before history could expire. An earlier Serin can use it: what that writes stays."""

INSERT_ROLLOUT = """INSERT INTO rollouts (cluster, active, due_at, watches, document, version, key)
    VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"""
UPDATE_ROLLOUT = """UPDATE rollouts SET cluster = ?, active = ?, due_at = ?, watches = ?, document = ?, version = ?
    WHERE key = ? AND version = ?"""
INSERT_ENTRY = "INSERT INTO history (key, run, entry, expires_at) VALUES (?, ?, ?, ?)"
UPSERT_RUN = """INSERT INTO runs (key, run, started, updated, phase, expires_at, entries) VALUES (?, ?, ?, ?, ?, ?, 1)
    ON CONFLICT DO UPDATE SET started = min(started, excluded.started), updated = excluded.updated,
    phase = excluded.phase, expires_at = excluded.expires_at, entries = entries + 1"""
EXPIRE_ENTRIES = "DELETE FROM history WHERE id IN (SELECT id FROM history WHERE expires_at <= ? LIMIT ?)"
EXPIRE_RUNS = """DELETE FROM runs WHERE (key, run) IN (SELECT key, run FROM runs WHERE expires_at <= ?1
    AND NOT EXISTS (SELECT 1 FROM history WHERE history.key = runs.key AND history.run = runs.run) LIMIT ?2)"""


class SqliteStore:
    """The Store in the file ``path``, made if its folder exists; without a path in memory, for this object alone.

    ``keep`` is how long what it writes into the history stays; for ever without it.
    """

    def __init__(self, path: Path | None, keep: timedelta | None = None) -> None:
        self._keep = keep
        self._name = f"state file {path.absolute()}" if path else "state in memory"
        self._connections = _Connections(self._name, path)
        try:
            with self._reading("opening it") as connection:
                _prepare(self._name, connection)
        except StoreUnavailable:
            self.close()
            raise

    def load(self, key: RolloutKey) -> Rollout | None:
        """See Store: one SELECT by primary key."""
        with self._reading(f"loading rollout {key}") as connection:
            row = connection.execute("SELECT document FROM rollouts WHERE key = ?", (str(key),)).fetchone()
        return row and self._parse(key, row[0])

    def commit(self, key: RolloutKey, rollout: Rollout, entry: Entry | None) -> None:
        """See Store: one transaction."""
        row = (*_row(key, rollout), rollout.version, str(key))
        with self._writing(f"committing version {rollout.version} of rollout {key}") as connection:
            if not _write_rollout(connection, row, rollout.version - 1):
                raise StaleRollout(f"rollout {key} is not at version {rollout.version - 1}: somebody committed first")
            if entry:
                _append(connection, key, entry, moment(entry.at + self._keep) if self._keep else None)

    def submit(self, key: RolloutKey, command: Command) -> Rollout:
        """See Store."""
        return submit(self, key, command)

    def due(self, cluster: str, now: datetime, limit: int) -> Sequence[RolloutKey]:
        """See Store: rollouts that wait equally long come in the order of their keys."""
        query = "SELECT key FROM rollouts WHERE cluster = ? AND active = 1 AND due_at <= ? ORDER BY due_at, key LIMIT ?"
        with self._reading(f"looking for due rollouts of cluster {cluster}") as connection:
            rows = connection.execute(query, (cluster, moment(now), limit)).fetchall()
        return [RolloutKey.parse(row[0]) for row in rows]

    def asked(self, cluster: str) -> Sequence[RolloutKey]:
        """See Store: a command makes its rollout active, so only those are looked at."""
        query = (
            "SELECT key FROM rollouts WHERE cluster = ? AND active = 1 AND json_extract(document, '$.commands') <> '[]'"
        )
        with self._reading(f"looking for commands in cluster {cluster}") as connection:
            rows = connection.execute(f"{query} ORDER BY key", (cluster,)).fetchall()
        return [RolloutKey.parse(row[0]) for row in rows]

    def watching(self, cluster: str, namespace: str, ref: str) -> Sequence[RolloutKey]:
        """See Store: as in :meth:`_page`, a namespace's keys lie between its own and the next character."""
        query = "SELECT key FROM watches WHERE ref = ? AND key > ? AND key < ? ORDER BY key"
        bounds = (f"{cluster}:{namespace}:", f"{cluster}:{namespace};")
        with self._reading(f"looking for who watches {ref} in {namespace} of cluster {cluster}") as connection:
            rows = connection.execute(query, (ref, *bounds)).fetchall()
        return [RolloutKey.parse(row[0]) for row in rows]

    def all(self, cluster: str) -> Iterator[tuple[RolloutKey, Rollout]]:
        """See Store: no connection is held between pages."""
        last = f"{cluster}:"
        while page := self._page(cluster, last):
            for last, document in page:
                key = RolloutKey.parse(last)
                yield key, self._parse(key, document)

    def next_due(self, cluster: str) -> datetime | None:
        """See Store."""
        query = "SELECT min(due_at) FROM rollouts WHERE cluster = ? AND active = 1"
        with self._reading(f"looking for the next due rollout of cluster {cluster}") as connection:
            due_at = connection.execute(query, (cluster,)).fetchone()[0]
        return parse_moment(due_at) if due_at else None

    def delete(self, key: RolloutKey) -> None:
        """See Store."""
        with self._writing(f"deleting rollout {key}") as connection:
            connection.execute("DELETE FROM rollouts WHERE key = ?", (str(key),))

    def history(self, key: RolloutKey, run: str) -> Sequence[JsonObject]:
        """See Store: in the order of their commits."""
        query = "SELECT entry FROM history WHERE key = ? AND run = ? ORDER BY id"
        with self._reading(f"reading the history of run {run} of rollout {key}") as connection:
            rows = connection.execute(query, (str(key), run)).fetchall()
        return [json.loads(row[0]) for row in rows]

    def runs(self, key: RolloutKey, limit: int) -> Sequence[JsonObject]:
        """See Store."""
        query = "SELECT run, started, updated, phase, entries FROM runs WHERE key = ? ORDER BY run DESC LIMIT ?"
        with self._reading(f"reading the runs of rollout {key}") as connection:
            rows = connection.execute(query, (str(key), limit)).fetchall()
        return [dict(zip(("run", "started", "updated", "phase", "entries"), row, strict=True)) for row in rows]

    def expire(self, now: datetime) -> int:
        """See Store: one transaction; at most LARGEST_DELETION entries and as many runs."""
        limits = (moment(now), LARGEST_DELETION)
        with self._writing("deleting history whose days are over") as connection:
            return sum(connection.execute(each, limits).rowcount for each in (EXPIRE_ENTRIES, EXPIRE_RUNS))

    def close(self) -> None:
        """See Store: calls that are under way finish, later ones raise StoreUnavailable."""
        self._connections.close()

    def _parse(self, key: RolloutKey, document: str) -> Rollout:
        return read_rollout(self._name, key, json.loads(document))

    def _page(self, cluster: str, last: str) -> Sequence[tuple[str, str]]:
        # No part of a key holds a colon, so a cluster's keys lie between "cluster:" and "cluster;", the next character.
        query = "SELECT key, document FROM rollouts WHERE key > ? AND key < ? ORDER BY key LIMIT ?"
        with self._reading(f"listing the rollouts of cluster {cluster}") as connection:
            return connection.execute(query, (last, f"{cluster};", PAGE)).fetchall()

    @contextmanager
    def _reading(self, doing: str) -> Iterator[sqlite3.Connection]:
        try:
            with self._connections.lent() as connection:
                yield connection
        except sqlite3.Error as error:
            raise StoreUnavailable(f"{self._name}: {doing} failed ({error}): {_advise(error)}") from error

    @contextmanager
    def _writing(self, doing: str) -> Iterator[sqlite3.Connection]:
        with self._reading(doing) as connection, _transaction(connection):
            yield connection


class _Connections:
    """Connections to one file, each used by one thread at a time; to memory one: it is the database."""

    def __init__(self, name: str, path: Path | None) -> None:
        self._name = name
        self._target = str(path) if path else ":memory:"
        self._permits = BoundedSemaphore(CONNECTIONS if path else 1)
        self._lock = Lock()
        self._idle: list[sqlite3.Connection] = []
        self._closed = False

    @contextmanager
    def lent(self) -> Iterator[sqlite3.Connection]:
        """A connection for the calling thread alone; StoreUnavailable if none gets free in time or all are closed."""
        if not self._permits.acquire(timeout=WAIT_SECONDS):
            raise StoreUnavailable(f"{self._name}: no connection was free for {WAIT_SECONDS:g} s: tick fewer at a time")
        try:
            connection = self._take()
            try:
                yield connection
            finally:
                self._give_back(connection)
        finally:
            self._permits.release()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            for connection in self._idle:
                connection.close()
            self._idle.clear()

    def _take(self) -> sqlite3.Connection:
        with self._lock:
            if self._closed:
                raise StoreUnavailable(f"{self._name} is closed: this process is shutting down")
            if self._idle:
                return self._idle.pop()
        connection = sqlite3.connect(self._target, timeout=WAIT_SECONDS, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with self._lock:
            if self._closed:
                connection.close()
            else:
                self._idle.append(connection)


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _prepare(name: str, connection: sqlite3.Connection) -> None:
    """Makes the tables of an empty file; StoreUnavailable for a file that is not ours or that a newer Serin wrote."""
    with _transaction(connection):
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        match version:
            case 0 if tables:
                raise StoreUnavailable(f"{name} is a database of another program: name another file")
            case 0:
                for statement in SCHEMA:
                    connection.execute(statement)
            case _ if version > SCHEMA_VERSION:
                raise StoreUnavailable(f"{name} has schema {version}, this Serin knows {SCHEMA_VERSION}: upgrade Serin")
        if "expires_at" not in {column[1] for column in connection.execute("PRAGMA table_info(runs)")}:
            for statement in EXPIRING:
                connection.execute(statement)
    _switch_to_wal(connection)


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Tries again by itself: SQLite refuses at once, whatever its timeout, when two switch a new file together."""
    until = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
        else:
            return
        time.sleep(0.01)


def _write_rollout(connection: sqlite3.Connection, row: tuple[object, ...], previous: int) -> bool:
    """Whether the rollout was still at version ``previous`` (0: not there), and is written now."""
    statement, values = (UPDATE_ROLLOUT, (*row, previous)) if previous else (INSERT_ROLLOUT, row)
    return connection.execute(statement, values).rowcount == 1


def _row(key: RolloutKey, rollout: Rollout) -> tuple[object, ...]:
    """The columns before version and key."""
    document = write_rollout(key, rollout)
    watches = json.dumps(document["watches"], ensure_ascii=False)
    return key.cluster, rollout.active, moment(rollout.due_at), watches, json.dumps(document, ensure_ascii=False)


def _append(connection: sqlite3.Connection, key: RolloutKey, entry: Entry, expires_at: str | None) -> None:
    document, at = json.dumps(write_entry(entry), ensure_ascii=False), moment(entry.at)
    connection.execute(INSERT_ENTRY, (str(key), entry.run, document, expires_at))
    connection.execute(UPSERT_RUN, (str(key), entry.run, at, at, str(entry.phase), expires_at))


def _advise(error: sqlite3.Error) -> str:
    """What the reader can do about ``error``; names are SQLite's result codes (https://www.sqlite.org/rescode.html)."""
    match getattr(error, "sqlite_errorname", "").split("_")[:2]:
        case ["SQLITE", "FULL"]:
            return "free space on its disk"
        case ["SQLITE", "BUSY" | "LOCKED"]:
            return f"another process held its lock for {WAIT_SECONDS:g} s: find who else has the file open"
        case ["SQLITE", "CANTOPEN" | "READONLY" | "PERM" | "AUTH"]:
            return "see that its folder exists, and that this user may write to both"
        case ["SQLITE", "CORRUPT" | "NOTADB"]:
            return "restore it from a backup, or name another file and let the rollouts be rebuilt from the cluster"
        case _:
            return "see whether its disk is full or failing"
