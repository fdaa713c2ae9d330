"""Opens the store that a URL names.

The one place that knows all implementations. It must never load more than the one asked for: a cold start pays for it.
"""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from shared.errors import InvalidSettings, Problem

if TYPE_CHECKING:
    from shared.state.store import Store

ALLOWED = (
    "sqlite:///FILE (a file, relative to the working directory; sqlite:////var/lib/serin.db names an absolute path), "
    "sqlite:// (in memory, gone with the process), "
    "firestore://PROJECT/DATABASE (the first database of a project is called (default))"
)

_FILE = re.compile(r"sqlite:///([^?#]+)")
_FIRESTORE = re.compile(r"firestore://([^/?#\s]+)/([^/?#\s]+)")


def open_store(url: str, history_days: int | None = None) -> Store:
    """The store at ``url``, which keeps what it writes into the history for so many days, or for ever.

    InvalidSettings names what is allowed, StoreUnavailable says why it cannot be opened.
    """
    keep = timedelta(history_days) if history_days else None
    if url == "sqlite://":
        return _open_sqlite(None, keep)
    if file := _FILE.fullmatch(url):
        return _open_sqlite(Path(file[1]), keep)
    if database := _FIRESTORE.fullmatch(url):
        return _open_firestore(database[1], database[2], keep)
    raise InvalidSettings(f"state store {url!r}", (Problem("", f"use one of {ALLOWED}"),))


def _open_sqlite(path: Path | None, keep: timedelta | None) -> Store:
    from shared.state.sqlite import SqliteStore  # noqa: PLC0415  loaded when needed

    return SqliteStore(path, keep)


def _open_firestore(project: str, database: str, keep: timedelta | None) -> Store:
    from shared.state.firestore import FirestoreStore  # noqa: PLC0415  loaded when needed

    return FirestoreStore(project, database, keep)
