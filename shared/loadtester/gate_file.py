"""The open gates, in one SQLite file, so that neither a restart nor a second process changes an answer.

Every change is one transaction that takes the write lock before it looks (``BEGIN IMMEDIATE``). Each opens the file
for itself: gates are asked at a few times a minute, and nothing has to be closed or shared. What cannot be read is no
answer (StoreUnavailable), never an open gate.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.errors import StoreUnavailable
from shared.loadtester.gates import Gate, Run
from shared.rollout import moment, parse_moment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from shared.loadtester.gates import Kind

_WAIT_SECONDS = 4.0
_SCHEMA = """CREATE TABLE IF NOT EXISTS gates (
    kind TEXT NOT NULL, canary TEXT NOT NULL, asked_at TEXT NOT NULL, checksum TEXT NOT NULL, build TEXT NOT NULL,
    PRIMARY KEY (kind, canary)
) WITHOUT ROWID"""
_FIND = "SELECT asked_at, checksum, build FROM gates WHERE kind = ? AND canary = ?"
_OPEN = "INSERT OR REPLACE INTO gates (kind, canary, asked_at, checksum, build) VALUES (?, ?, ?, ?, ?)"
_CLOSE = "DELETE FROM gates WHERE kind = ? AND canary = ?"


@dataclass(frozen=True, slots=True)
class GateFile:
    """The gates in the file ``path``, which is made if its folder exists."""

    path: Path

    def change(self, kind: Kind, canary: str, rule: Callable[[Gate | None], Gate | None]) -> Gate | None:
        """What ``rule`` makes of a gate of this canary (``name.namespace``), once it is stored."""
        try:
            with closing(sqlite3.connect(self.path, timeout=_WAIT_SECONDS, isolation_level=None)) as connection:
                return _change(connection, (str(kind), canary), rule)
        except sqlite3.Error as error:
            raise StoreUnavailable(f"the {kind} of {canary} in {self.path.absolute()}: {error}") from error


def _change(
    connection: sqlite3.Connection, key: tuple[str, str], rule: Callable[[Gate | None], Gate | None]
) -> Gate | None:
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(_SCHEMA)
    row = connection.execute(_FIND, key).fetchone()
    before = Gate(parse_moment(row[0]), Run(row[1], row[2])) if row else None
    after = rule(before)
    if after is None:
        connection.execute(_CLOSE, key)
    elif after != before:
        connection.execute(_OPEN, (*key, moment(after.asked_at), after.run.checksum, after.run.build))
    connection.execute("COMMIT")
    return after
