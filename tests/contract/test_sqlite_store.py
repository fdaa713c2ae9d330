"""What only SQLite can do wrong: lose commits with the process, lock people out, open what is not ours."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from itertools import groupby, islice
from threading import Barrier, Timer
from typing import TYPE_CHECKING

import pytest

from shared.errors import StoreUnavailable
from shared.rollout import RolloutKey
from shared.state import sqlite
from shared.state.sqlite import SqliteStore
from tests.support.rollouts import AT, KEY, entry_of, first_version, next_version

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.rollout import Rollout


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "serin.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    with closing(SqliteStore(path)) as opened:
        yield opened


def test_a_tick_costs_one_select_and_one_transaction(store: SqliteStore) -> None:
    _commit_first(store)
    statements: list[str] = []
    with store._connections.lent() as connection:
        connection.set_trace_callback(statements.append)
    stored = store.load(KEY)
    assert stored is not None
    store.commit(KEY, next_version(stored), entry_of(next_version(stored)))
    verbs = [statement.split()[0] for statement, _ in groupby(statements)]  # one that may fire a trigger is told twice
    assert verbs == ["SELECT", "BEGIN", "UPDATE", "INSERT", "INSERT", "COMMIT"]


def test_who_watches_is_looked_up_in_an_index_that_a_tick_leaves_alone(store: SqliteStore) -> None:
    first = replace(first_version(), watches=("configmap/x",))
    store.commit(KEY, first, None)
    with store._connections.lent() as connection:
        plan = "EXPLAIN QUERY PLAN SELECT key FROM watches WHERE ref = ? AND key > ? AND key < ? ORDER BY key"
        steps = [row[3] for row in connection.execute(plan, ("", "", ""))]
        statements: list[str] = []
        connection.set_trace_callback(statements.append)
    assert steps == ["SEARCH watches USING PRIMARY KEY (ref=? AND key>? AND key<?)"]
    store.commit(KEY, next_version(first), None)
    assert not [statement for statement in statements if "watches WHERE" in statement]


def test_what_was_committed_is_there_after_closing(path: Path) -> None:
    with closing(SqliteStore(path)) as store:
        stored = _commit_first(store)
    with closing(SqliteStore(path)) as store:
        assert store.load(KEY) == stored
        assert store.history(KEY, stored.run) == [entry_of(stored).to_dict()]


def test_what_was_committed_is_there_after_the_process_was_killed(path: Path, store: SqliteStore) -> None:
    _commit_first(store)
    argv = (sys.executable, "-m", "tests.support.rollouts", f"sqlite:///{path}", "1000000")
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        last = [int(line) for line in islice(process.stdout, 20)][-1]
        process.kill()
    with closing(SqliteStore(path)) as opened:
        stored = opened.load(KEY)
        assert stored is not None
        assert stored.version >= last
        versions = [entry["version"] for entry in opened.history(KEY, stored.run)]
        assert versions == list(range(1, stored.version + 1))
        opened.commit(KEY, next_version(stored), None)


def test_history_goes_when_its_days_are_over_and_the_rollout_stays(path: Path) -> None:
    with closing(SqliteStore(path, timedelta(days=30))) as store:
        stored = _commit_first(store)
        following = replace(next_version(stored), runs=stored.runs + 1)
        store.commit(KEY, following, replace(entry_of(following), at=AT + timedelta(days=10)))
        assert store.expire(AT + timedelta(days=29)) == 0
        assert store.expire(AT + timedelta(days=31)) == 2
        assert store.history(KEY, stored.run) == []
        assert [run["run"] for run in store.runs(KEY, 10)] == [following.run]
        assert store.expire(AT + timedelta(days=41)) == 2
        assert store.runs(KEY, 10) == []
        assert store.load(KEY) == following


def test_a_run_goes_with_the_last_of_its_entries(path: Path) -> None:
    with closing(SqliteStore(path, timedelta(days=30))) as store:
        stored = _commit_first(store)
        following = next_version(stored)
        store.commit(KEY, following, replace(entry_of(following), at=AT + timedelta(days=20)))
        assert store.expire(AT + timedelta(days=31)) == 1
        assert [(run["run"], run["entries"]) for run in store.runs(KEY, 10)] == [(stored.run, 2)]


def test_days_that_are_given_later_are_for_what_is_written_later(path: Path) -> None:
    with closing(SqliteStore(path)) as for_ever:
        stored = _commit_first(for_ever)
    with closing(SqliteStore(path, timedelta(days=1))) as store:
        following = next_version(stored)
        store.commit(KEY, following, entry_of(following))
        store.expire(AT + timedelta(days=9))
        assert store.history(KEY, stored.run) == [entry_of(stored).to_dict()]
        with store._connections.lent() as connection, pytest.raises(sqlite3.IntegrityError, match="only grows"):
            connection.execute("DELETE FROM history")


def test_one_deletion_is_bounded_and_uses_an_index(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "LARGEST_DELETION", 2)
    with closing(SqliteStore(path, timedelta(days=1))) as store:
        stored = _commit_first(store)
        for _ in range(4):
            stored = next_version(stored)
            store.commit(KEY, stored, entry_of(stored))
        late = AT + timedelta(days=9)
        assert [store.expire(late) for _ in range(4)] == [2, 2, 2, 0]
        with store._connections.lent() as connection:
            plan = connection.execute(f"EXPLAIN QUERY PLAN {sqlite.EXPIRE_ENTRIES}", ("", 1)).fetchall()
    assert any("USING COVERING INDEX history_expiring" in row[3] for row in plan)


def test_a_file_from_before_history_could_expire_is_gone_on_with_and_is_still_good_for_who_made_it(path: Path) -> None:
    _make_before_expiry(path)
    with closing(SqliteStore(path, timedelta(days=1))) as store:
        stored = _commit_first(store)
        assert store.history(KEY, stored.run) == [entry_of(stored).to_dict()]
    with closing(sqlite3.connect(path)) as earlier:
        assert earlier.execute("PRAGMA user_version").fetchone() == (1,)
        earlier.execute("INSERT INTO history (key, run, entry) VALUES ('k', '000001', '{}')")
        earlier.commit()
    with closing(SqliteStore(path, timedelta(days=1))) as store:
        assert store.expire(AT + timedelta(days=9)) == 2


def _make_before_expiry(path: Path) -> None:
    """The file as it was made before there was SERIN_HISTORY_DAYS."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in sqlite.SCHEMA:
            connection.execute(statement)
        connection.execute(
            "CREATE TRIGGER history_kept BEFORE DELETE ON history BEGIN SELECT RAISE(ABORT, 'history only grows'); END"
        )


def test_a_commit_survives_a_power_failure(store: SqliteStore) -> None:
    with store._connections.lent() as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,), "FULL: one fsync a commit"
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_many_can_make_the_same_new_file_at_once(tmp_path: Path) -> None:
    outcomes: Counter[str] = Counter()
    for number in range(20):
        path, start = tmp_path / f"{number}.db", Barrier(4)
        with ThreadPoolExecutor(4) as threads:
            outcomes.update(
                threads.map(lambda name, path=path, start=start: _open_and_commit(path, start, name), "abcd")
            )
    assert outcomes == {"committed": 80}


def test_opening_waits_for_who_still_reads_a_file_that_is_not_in_wal_mode(path: Path) -> None:
    SqliteStore(path).close()
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("PRAGMA journal_mode = DELETE")
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM rollouts").fetchall()
        Timer(0.3, other.execute, ["ROLLBACK"]).start()
        with closing(SqliteStore(path)) as store, store._connections.lent() as connection:
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_commit_is_written_whole_or_not_at_all(path: Path, store: SqliteStore) -> None:
    stored = _commit_first(store)
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TRIGGER broken BEFORE INSERT ON history BEGIN SELECT RAISE(ABORT, 'broken'); END")
    with pytest.raises(StoreUnavailable, match="broken"):
        store.commit(KEY, next_version(stored), entry_of(next_version(stored)))
    assert store.load(KEY) == stored
    assert store.runs(KEY, 1)[0]["entries"] == 1


def test_a_reader_does_not_wait_for_a_writer_and_a_writer_gives_up_in_time(path: Path, store: SqliteStore) -> None:
    stored = _commit_first(store)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        started = time.monotonic()
        assert store.load(KEY) == stored
        assert time.monotonic() - started < 1
        with pytest.raises(StoreUnavailable, match=r"serin\.db.*another process"):
            store.commit(KEY, next_version(stored), None)
        assert time.monotonic() - started < 6
        other.execute("ROLLBACK")
    store.commit(KEY, next_version(stored), None)


def test_a_full_disk_takes_nothing_and_breaks_nothing(store: SqliteStore) -> None:
    stored = _commit_first(store)
    with store._connections.lent() as connection:
        connection.execute("PRAGMA max_page_count = 1")  # SQLite's way to a full disk: the file may not grow any more
    with pytest.raises(StoreUnavailable, match=r"serin\.db.*free space"):
        stored = _commit_until_full(store, stored)
    before = store.load(KEY)
    assert before is not None
    assert len(store.history(KEY, before.run)) == before.version
    with store._connections.lent() as connection:
        connection.execute("PRAGMA max_page_count = 100000")
    store.commit(KEY, next_version(before), entry_of(next_version(before)))


@pytest.mark.parametrize("statement", ["UPDATE history SET entry = '{}'", "DELETE FROM history"])
def test_history_cannot_be_rewritten(path: Path, store: SqliteStore, statement: str) -> None:
    _commit_first(store)
    with closing(sqlite3.connect(path)) as other, pytest.raises(sqlite3.IntegrityError, match="only grows"):
        other.execute(statement)


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (
            "SELECT key FROM rollouts WHERE cluster = '' AND active = 1 AND due_at <= '' ORDER BY due_at, key",
            "rollouts_due",
        ),
        ("SELECT min(due_at) FROM rollouts WHERE cluster = '' AND active = 1", "rollouts_due"),
        ("SELECT key, document FROM rollouts WHERE key > '' AND key < '' ORDER BY key", "sqlite_autoindex_rollouts_1"),
        ("SELECT entry FROM history WHERE key = '' AND run = '' ORDER BY id", "history_run"),
    ],
)
def test_no_query_reads_or_sorts_a_whole_table(path: Path, store: SqliteStore, query: str, index: str) -> None:
    with closing(sqlite3.connect(path)) as other:
        plan = [row[3] for row in other.execute(f"EXPLAIN QUERY PLAN {query}")]
    assert len(plan) == 1
    assert plan[0].startswith("SEARCH")
    assert index in plan[0]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match=r"nowhere/serin\.db.*folder exists"):
        SqliteStore(tmp_path / "nowhere" / "serin.db")


def test_a_file_that_is_no_database_is_left_alone(path: Path) -> None:
    path.write_text("my diary " * 200)
    with pytest.raises(StoreUnavailable, match="name another file"):
        SqliteStore(path)
    assert path.read_text() == "my diary " * 200


def test_the_database_of_another_program_is_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE diary (page)")
    before = path.read_bytes()
    with pytest.raises(StoreUnavailable, match="another program"):
        SqliteStore(path)
    assert path.read_bytes() == before


def test_a_file_of_a_newer_serin_is_left_alone(path: Path, store: SqliteStore) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute(f"PRAGMA user_version = {sqlite.SCHEMA_VERSION + 1}")
    with pytest.raises(StoreUnavailable, match="upgrade Serin"):
        SqliteStore(path)


def test_a_document_that_cannot_be_read_holds_its_rollout_alone(path: Path, store: SqliteStore) -> None:
    _commit_first(store)
    other_key = RolloutKey("east", "shop", "other")
    store.commit(other_key, first_version(), None)
    with closing(sqlite3.connect(path)) as other:
        other.execute("UPDATE rollouts SET document = '{\"schema\": 99}' WHERE key = ?", (str(KEY),))
        other.commit()
    with pytest.raises(StoreUnavailable, match=r"east:shop:cart.*deploy the release"):
        store.load(KEY)
    assert store.load(other_key) == first_version()


def test_more_threads_than_connections_queue(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    _commit_first(store)
    with ThreadPoolExecutor(3 * sqlite.CONNECTIONS) as threads:
        loaded = list(threads.map(lambda _: store.load(KEY), range(300)))
    assert loaded == [first_version()] * 300
    assert len(store._connections._idle) <= sqlite.CONNECTIONS


def test_memory_is_not_shared_between_stores() -> None:
    with closing(SqliteStore(None)) as one, closing(SqliteStore(None)) as other:
        _commit_first(one)
        assert other.load(KEY) is None


def _commit_first(store: SqliteStore) -> Rollout:
    store.commit(KEY, first_version(), entry_of(first_version()))
    return first_version()


def _commit_until_full(store: SqliteStore, rollout: Rollout) -> Rollout:
    for _ in range(1000):
        rollout = next_version(rollout)
        store.commit(KEY, rollout, entry_of(rollout))
    return rollout


def _open_and_commit(path: Path, start: Barrier, name: str) -> str:
    start.wait()
    with closing(SqliteStore(path)) as store:
        store.commit(RolloutKey("east", "shop", name), first_version(due_at=AT), None)
    return "committed"
