"""The store: whether it answers, whether each of its queries is served, and what it stands on.

Nothing is written. Of a SQLite file that is not there yet only its folder is looked at, for to open it would make it.
"""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from shared.doctor.finding import Area
from shared.doctor.guard import attempt
from shared.errors import SerinError, StoreUnavailable
from shared.rollout import RolloutKey
from shared.state.open import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shared.doctor.finding import Finding
    from shared.settings import Settings
    from shared.state.indexes import Database
    from shared.state.store import Store

AREA = Area("store")

LEAST_FREE_MIB = 64
_FILE = "sqlite:///"
_DEPLOY = "firebase deploy --only firestore:indexes   # or: terraform -chdir=infra/google apply"


def open_to_examine(settings: Settings) -> tuple[Store | None, tuple[Finding, ...]]:
    """The store, if it answers, and what is found of it."""
    found = tuple(_examine_file(settings.store)) if settings.store.startswith(_FILE) else ()
    if found and not _is_made(Path(settings.store.removeprefix(_FILE))):
        return None, found
    try:
        store = attempt(lambda: _open(settings.store))
    except SerinError as error:
        return None, (*found, AREA.bad(_shown(settings.store), *_with_advice(error)))
    return store, (*found, AREA.ok(_shown(settings.store), "answers"))


def _open(url: str) -> Store:
    """The store, after it has answered once."""
    store = open_store(url)
    store.load(RolloutKey("serin", "doctor", "nobody"))
    return store


def examine_queries(store: Store, cluster: str) -> Iterator[Finding]:
    """Each query that Serin asks, with little to read; Firestore refuses those whose index is missing."""
    asked: dict[str, Callable[[], object]] = {
        "what is due": lambda: store.due(cluster, datetime.now(UTC), 1),
        "what falls due next": lambda: store.next_due(cluster),
        "who watches a config": lambda: store.watching(cluster, "serin-doctor", "configmap/nobody"),
        "who was given commands": lambda: store.asked(cluster),
        "every rollout": lambda: list(islice(store.all(cluster), 1)),
    }
    bad = False
    for name, ask in asked.items():
        try:
            ask()
        except StoreUnavailable as error:
            bad = True
            yield AREA.bad(f"query: {name}", *_with_advice(error), _DEPLOY)
    if not bad:
        yield AREA.ok("queries", f"all {len(asked)} are served")


def examine_indexes(settings: Settings) -> Iterator[Finding]:
    """Firestore's own list of the indexes and the retention, where it can be had."""
    if not settings.store.startswith("firestore://"):
        return
    if os.environ.get("FIRESTORE_EMULATOR_HOST"):
        yield AREA.unknown("indexes", "an emulator has none")
        return
    from shared.state.indexes import read_database  # noqa: PLC0415  loaded when needed

    project, _, database = settings.store.removeprefix("firestore://").partition("/")
    try:
        found = read_database(project, database)
    except StoreUnavailable as error:
        yield AREA.unknown("indexes", str(error), "the queries above tell of those that are missing")
        return
    yield from judge_database(found)


def judge_database(found: Database) -> Iterator[Finding]:
    """What is missing of indexes and retention, or is still being built."""
    from shared.state.indexes import NEEDED, RETAINED  # noqa: PLC0415  loaded when needed

    there = {(index.collection, index.fields): index.ready for index in found.indexes}
    for index in NEEDED:
        ready = there.get((index.collection, index.fields))
        if ready is None:
            yield AREA.bad(f"index {index}", "is not there", "deploy infra/firestore.indexes.json:", _DEPLOY)
        elif ready:
            yield AREA.ok(f"index {index}", "is ready")
        else:
            yield AREA.warning(f"index {index}", "is still being built", "wait; queries fail until it is ready")
    for collection in RETAINED:
        if collection not in found.retained:
            seen = "has no retention policy: the history is kept for ever"
            yield AREA.warning(collection, seen, "let Terraform make it:", "terraform -chdir=infra/google apply")


def _examine_file(url: str) -> Iterator[Finding]:
    path = Path(url.removeprefix(_FILE)).absolute()
    folder = path.parent
    if not folder.is_dir():
        yield AREA.bad(str(path), "its folder is not there", "mount the volume, or name another file in SERIN_STORE")
        return
    if not _is_made(path):
        yield AREA.warning(str(path), "is not there yet", "start Serin, which makes it, or correct SERIN_STORE")
    locked = [place for place in (path, folder) if place.exists() and not os.access(place, os.W_OK)]
    if locked:
        remedy = f"let user {os.getuid()} write to it; the chart does by fsGroup"
        yield AREA.bad(str(locked[0]), "may not be written to", remedy)
    yield judge_space(folder, shutil.disk_usage(folder).free // 2**20)


def judge_space(folder: Path, free: int) -> Finding:
    """``free`` is MiB."""
    seen = f"has {free:,} MiB free"
    if free < LEAST_FREE_MIB:
        return AREA.bad(f"disk of {folder}", seen, "make room or enlarge the volume (persistence.size of charts/serin)")
    return AREA.ok(f"disk of {folder}", seen)


def _is_made(path: Path) -> bool:
    """Whether there is a database: an empty file is one that nobody has opened yet."""
    return path.is_file() and path.stat().st_size > 0


def _with_advice(error: SerinError) -> tuple[str, str]:
    """What happened, and what helps: the errors of a store end with it."""
    seen, _, advice = str(error).rpartition(": ")
    return (seen, advice) if seen else (advice, "see that it runs, and can be reached from here")


def _shown(url: str) -> str:
    return url if len(url) <= 34 else url.partition("://")[0]
