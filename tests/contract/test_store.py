"""What every store owes the rest of Serin: the same tests against SQLite, in a file and in memory, and Firestore."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings

from shared.checks.verdict import CheckResult, Verdict
from shared.errors import Refused, StaleRollout, StoreUnavailable
from shared.history import Entry
from shared.rollout import MEMORY, Command, Heard, Line, Phase, Rollout, RolloutKey, Severity, Verb, moment
from shared.state.document import LARGEST, LONGEST_LIST
from shared.state.open import open_store
from tests.support.rollouts import AT, KEY, count, entry_of, first_version, next_version, rollouts
from tests.support.stores import firestore_url

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.state.store import Store

ABORT = Command("c1", Verb.ABORT, "U123", AT, "smells")
THREADS = 8


@pytest.fixture(params=["file", pytest.param("firestore", marks=pytest.mark.real)])
def lasting_url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of an empty store that several processes can open."""
    if request.param == "file":
        return f"sqlite:///{tmp_path}/serin.db"
    return firestore_url(request.getfixturevalue("firestore_emulator"), monkeypatch)


@pytest.fixture(params=["file", "memory", pytest.param("firestore", marks=pytest.mark.real)])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """An empty store."""
    match request.param:
        case "file":
            url = f"sqlite:///{tmp_path}/serin.db"
        case "memory":
            url = "sqlite://"
        case _:
            url = firestore_url(request.getfixturevalue("firestore_emulator"), monkeypatch)
    with closing(open_store(url)) as opened:
        yield opened


def test_nothing_is_there_at_first(store: Store) -> None:
    assert store.load(KEY) is None
    assert list(store.all("east")) == []
    assert store.due("east", AT, 10) == []
    assert store.next_due("east") is None
    assert store.watching("east", "shop", "deployment/cart") == []
    assert store.history(KEY, "000000") == []
    assert store.runs(KEY, 10) == []


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rollout=rollouts)
def test_a_rollout_comes_back_as_it_was_committed(store: Store, rollout: Rollout) -> None:
    store.delete(KEY)
    store.commit(KEY, replace(rollout, version=1), None)
    store.commit(KEY, replace(rollout, version=2), None)
    assert store.load(KEY) == replace(rollout, version=2)


def test_a_commit_replaces_every_field(store: Store) -> None:
    full = replace(
        first_version(), commands=(ABORT,), halt="no", applied=replace(Rollout().applied, configs={"a": "b"})
    )
    store.commit(KEY, full, None)
    store.commit(KEY, Rollout(version=2), None)
    assert store.load(KEY) == Rollout(version=2)


@pytest.mark.parametrize("version", [0, 1, 2, 4, 5])
def test_only_the_next_version_is_taken_and_nothing_else_leaves_a_trace(store: Store, version: int) -> None:
    stored = _commit_versions(store, 2)
    wrong = replace(stored, version=version, halt="wrong", runs=7)
    with pytest.raises(StaleRollout, match="east:shop:cart"):
        store.commit(KEY, wrong, entry_of(wrong))
    assert store.load(KEY) == stored
    assert store.history(KEY, wrong.run) == []
    assert [run["entries"] for run in store.runs(KEY, 10)] == [2]


def test_a_version_other_than_the_first_needs_a_document(store: Store) -> None:
    with pytest.raises(StaleRollout):
        store.commit(KEY, Rollout(version=2), None)
    assert store.load(KEY) is None


def test_a_commit_after_a_deletion_is_stale(store: Store) -> None:
    stored = _commit_versions(store, 1)
    store.delete(KEY)
    with pytest.raises(StaleRollout):
        store.commit(KEY, next_version(stored), entry_of(next_version(stored)))
    assert store.load(KEY) is None


def test_one_of_many_first_commits_wins(store: Store) -> None:
    racers = [replace(first_version(), sequence=number) for number in range(THREADS)]
    with ThreadPoolExecutor(THREADS) as threads:
        won = list(threads.map(lambda racer: _wins(store, racer), racers))
    assert won.count(True) == 1
    assert store.load(KEY) == racers[won.index(True)]
    assert len(store.history(KEY, "000001")) == 1


def test_no_update_of_many_threads_is_lost(store: Store) -> None:
    store.commit(KEY, first_version(), entry_of(first_version()))
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(lambda _: count(store, KEY, 10), range(THREADS)))
    _assert_counted(store, 10 * THREADS)


def test_no_update_of_two_processes_is_lost(lasting_url: str) -> None:
    with closing(open_store(lasting_url)) as store:
        store.commit(KEY, first_version(), entry_of(first_version()))
        argv = (sys.executable, "-m", "tests.support.rollouts", lasting_url, "25")
        processes = [subprocess.Popen(argv, env=os.environ, stdout=subprocess.DEVNULL) for _ in range(2)]
        count(store, KEY, 25)
        assert [process.wait(60) for process in processes] == [0, 0]
        _assert_counted(store, 75)


def test_what_one_store_commits_another_builds_upon(lasting_url: str) -> None:
    with closing(open_store(lasting_url)) as one, closing(open_store(lasting_url)) as other:
        stored = _commit_versions(one, 3)
        following = next_version(stored)
        other.commit(KEY, following, entry_of(following))
        assert one.load(KEY) == following
        assert [entry["version"] for entry in one.history(KEY, "000001")] == [1, 2, 3, 4]


def test_a_command_between_load_and_commit_makes_the_commit_stale(store: Store) -> None:
    stored = _commit_versions(store, 1)
    assert store.submit(KEY, ABORT).commands == (ABORT,)
    with pytest.raises(StaleRollout):
        store.commit(KEY, next_version(stored), entry_of(next_version(stored)))
    changed = store.load(KEY)
    assert changed is not None
    assert changed.commands == (ABORT,)
    assert changed.version == 2


def test_commands_of_many_people_all_arrive(store: Store) -> None:
    _commit_versions(store, 1)
    given = [replace(ABORT, id=f"c{number}") for number in range(4)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda command: store.submit(KEY, command), given))
    changed = store.load(KEY)
    assert changed is not None
    assert {command.id for command in changed.commands} == {command.id for command in given}


def test_a_command_wakes_a_resting_rollout(store: Store) -> None:
    store.commit(KEY, first_version(active=False), None)
    assert store.next_due("east") is None
    store.submit(KEY, ABORT)
    assert store.due("east", AT, 10) == [KEY]


def test_rollouts_in_which_commands_wait_are_found_until_they_are_obeyed(store: Store) -> None:
    others = [RolloutKey("east", "shop", "other"), RolloutKey("west", "shop", "cart")]
    for key in (KEY, *others):
        store.commit(key, first_version(), None)
    assert store.asked("east") == []
    for key in (KEY, others[1]):
        store.submit(key, ABORT)
    assert store.asked("east") == [KEY]
    asked = store.load(KEY)
    assert asked is not None
    store.commit(KEY, replace(next_version(asked), commands=()), None)
    assert store.asked("east") == []


def test_a_repeated_command_is_one(store: Store) -> None:
    _commit_versions(store, 1)
    assert store.submit(KEY, ABORT) == store.submit(KEY, ABORT) == store.load(KEY)


def test_a_command_that_was_obeyed_is_not_taken_again(store: Store) -> None:
    _commit_versions(store, 1)
    asked = store.submit(KEY, ABORT)
    obeyed = replace(next_version(asked), commands=())
    store.commit(KEY, obeyed, entry_of(obeyed))
    assert store.submit(KEY, ABORT) == obeyed == store.load(KEY)


def test_a_command_for_nobody_is_a_key_error(store: Store) -> None:
    with pytest.raises(KeyError, match="east:shop:cart"):
        store.submit(KEY, ABORT)


def test_commands_do_not_pile_up_for_ever(store: Store) -> None:
    waiting = tuple(replace(ABORT, id=f"c{number}") for number in range(LONGEST_LIST))
    store.commit(KEY, replace(first_version(), commands=waiting), None)
    with pytest.raises(Refused, match="heartbeat"):
        store.submit(KEY, replace(ABORT, id="one more"))
    assert store.submit(KEY, waiting[0]).version == 1


def test_nobody_can_make_a_rollout_forget_what_it_was_told_lately(store: Store) -> None:
    heard = tuple(Heard(f"c{number}", AT) for number in range(LONGEST_LIST))
    store.commit(KEY, replace(first_version(), heard=heard), None)
    with pytest.raises(Refused, match="wait a little"):
        store.submit(KEY, replace(ABORT, id="one more", at=AT + MEMORY / 2))
    later = store.submit(KEY, replace(ABORT, id="one more", at=AT + MEMORY))
    assert [each.id for each in later.heard] == ["one more"]


def test_due_are_the_active_of_the_cluster_whose_time_has_come_longest_waiting_first(store: Store) -> None:
    for name, seconds, active in [
        ("c", 0, True),
        ("b", -5, True),
        ("a", 0, True),
        ("later", 1, True),
        ("off", -9, False),
    ]:
        due_at = AT + timedelta(seconds=seconds)
        store.commit(RolloutKey("east", "shop", name), first_version(due_at=due_at, active=active), None)
    store.commit(RolloutKey("west", "shop", "z"), first_version(due_at=AT - timedelta(days=1)), None)
    assert [key.name for key in store.due("east", AT, 10)] == ["b", "a", "c"]
    assert [key.name for key in store.due("east", AT, 2)] == ["b", "a"]
    assert [str(key) for key in store.due("west", AT, 10)] == ["west:shop:z"]
    assert store.next_due("east") == AT - timedelta(seconds=5)


def test_watching_are_the_rollouts_of_the_namespace_that_name_the_object_in_the_order_of_keys(store: Store) -> None:
    watched = {
        "east:shop:b": ("configmap/x", "deployment/b"),
        "east:shop:a": ("configmap/x", "deployment/a", "secret/x"),
        "east:shop:c": ("configmap/xx", "deployment/x"),
        "east:shop-2:a": ("configmap/x",),
        "west:shop:a": ("configmap/x",),
        "east:shop:none": (),
    }
    for text, watches in watched.items():
        store.commit(RolloutKey.parse(text), replace(first_version(), watches=watches), None)
    assert _watching(store, "east", "shop", "configmap/x") == ["east:shop:a", "east:shop:b"]
    assert _watching(store, "east", "shop", "secret/x") == ["east:shop:a"]
    assert _watching(store, "east", "shop", "deployment/x") == ["east:shop:c"]
    assert _watching(store, "east", "shop-2", "configmap/x") == ["east:shop-2:a"]
    assert _watching(store, "west", "shop", "configmap/x") == ["west:shop:a"]
    assert _watching(store, "east", "shop", "configmap") == []


def test_who_watches_follows_every_commit_and_a_deletion(store: Store) -> None:
    first = replace(first_version(), watches=("configmap/x", "deployment/cart"))
    store.commit(KEY, first, None)
    second = replace(next_version(first), watches=("configmap/y", "deployment/cart"))
    store.commit(KEY, second, None)
    assert store.watching("east", "shop", "configmap/x") == []
    assert store.watching("east", "shop", "configmap/y") == store.watching("east", "shop", "deployment/cart") == [KEY]
    with pytest.raises(StaleRollout):
        store.commit(KEY, replace(second, watches=("configmap/z",)), None)
    assert store.watching("east", "shop", "configmap/z") == []
    store.submit(KEY, ABORT)
    assert store.watching("east", "shop", "configmap/y") == [KEY]
    store.delete(KEY)
    assert store.watching("east", "shop", "deployment/cart") == []


def test_everybody_who_watches_one_object_is_found(store: Store) -> None:
    keys = [RolloutKey("east", "shop", f"app{number:03d}") for number in range(210)]
    with ThreadPoolExecutor(THREADS) as threads:
        list(
            threads.map(lambda key: store.commit(key, replace(first_version(), watches=("configmap/ca",)), None), keys)
        )
    assert list(store.watching("east", "shop", "configmap/ca")) == keys


def test_history_grows_in_order_and_keeps_runs_apart(store: Store) -> None:
    stored = _commit_versions(store, 12)
    following = replace(next_version(stored), runs=2, phase=Phase.FAILED)
    store.commit(KEY, following, entry_of(following))
    assert [entry["version"] for entry in store.history(KEY, "000001")] == list(range(1, 13))
    assert store.history(KEY, "000002") == [entry_of(following).to_dict()]
    assert store.runs(KEY, 10) == [_run("000002", (13, 13), "Failed", 1), _run("000001", (1, 12), "Progressing", 12)]
    assert [run["run"] for run in store.runs(KEY, 1)] == ["000002"]


def test_an_entry_keeps_its_evidence(store: Store) -> None:
    result = CheckResult("request-success-rate", "metric", Verdict.FAIL, "Halt", 62.5, ">= 99", 'sum(rate(x{a="b"}))')
    silent = CheckResult("gate", "hook", Verdict.UNKNOWN)
    line = Line(3, AT, Severity.WARNING, "Halt cart.shop advancement")
    entry = Entry("000001", 1, AT, Phase.PROGRESSING, 5, (line,), (result, silent), (ABORT,))
    store.commit(KEY, first_version(), entry)
    assert store.history(KEY, "000001") == [entry.to_dict()]


def test_history_outlives_its_rollout_and_grows_on_when_that_comes_again(store: Store) -> None:
    _commit_versions(store, 2)
    store.delete(KEY)
    assert store.load(KEY) is None
    assert list(store.all("east")) == []
    assert [entry["version"] for entry in store.history(KEY, "000001")] == [1, 2]
    _commit_versions(store, 3)
    assert [entry["version"] for entry in store.history(KEY, "000001")] == [1, 2, 1, 2, 3]
    assert store.runs(KEY, 10) == [_run("000001", (1, 3), "Progressing", 5)]


def test_history_stays_for_ever_unless_somebody_says_how_long(store: Store) -> None:
    _commit_versions(store, 3)
    assert store.expire(datetime.max.replace(tzinfo=UTC)) == 0
    assert len(store.history(KEY, "000001")) == 3


def test_what_expires_is_read_as_it_was_written(lasting_url: str) -> None:
    with closing(open_store(lasting_url, 30)) as store:
        stored = _commit_versions(store, 2)
        assert store.load(KEY) == stored
        assert store.history(KEY, "000001")[1] == entry_of(stored).to_dict()
        assert store.runs(KEY, 10) == [_run("000001", (1, 2), "Progressing", 2)]


def test_deleting_what_is_not_there_is_no_error(store: Store) -> None:
    store.delete(KEY)
    assert store.load(KEY) is None


def test_all_brings_every_rollout_of_the_cluster_in_the_order_of_keys(store: Store) -> None:
    keys = [RolloutKey("east", f"ns{number % 7}{'-a' * (number % 2)}", f"app{number}") for number in range(250)]
    neighbours = [RolloutKey(cluster, "ns", "app") for cluster in ("eas", "east-1", "easts", "west")]
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(lambda key: store.commit(key, first_version(), None), keys + neighbours))
    listed = list(store.all("east"))
    assert [str(key) for key, _ in listed] == sorted(map(str, keys))
    assert all(rollout == first_version() for _, rollout in listed)


def test_a_rollout_can_be_committed_while_all_are_listed(store: Store) -> None:
    _commit_versions(store, 1)
    for key, rollout in store.all("east"):
        store.commit(key, next_version(rollout), None)
    assert store.load(KEY) == next_version(first_version())


def test_a_document_too_large_for_a_store_loses_its_oldest_lines_and_no_command(store: Store) -> None:
    lines = tuple(Line(number, AT, Severity.INFO, "é" * 2000) for number in range(LARGEST // 2000))
    waiting = tuple(replace(ABORT, id=f"c{number}") for number in range(LONGEST_LIST))
    huge = replace(first_version(), outbox=lines, commands=waiting, last_error="x" * LARGEST)
    store.commit(KEY, huge, Entry("000001", 1, AT, Phase.PROGRESSING, 5, lines))
    stored = store.load(KEY)
    assert stored is not None
    assert stored.commands == waiting
    assert [line.sequence for line in stored.outbox] == [line.sequence for line in lines[-LONGEST_LIST:]]
    assert stored.last_error.endswith("…")
    assert len(store.history(KEY, "000001")[0]["lines"]) == LONGEST_LIST


def test_text_that_is_no_unicode_does_not_stop_a_rollout(store: Store) -> None:
    store.commit(KEY, replace(first_version(), last_error="bad \ud800 text"), None)
    stored = store.load(KEY)
    assert stored is not None
    assert stored.last_error == "bad ? text"


def test_a_closed_store_says_so(store: Store) -> None:
    _commit_versions(store, 1)
    store.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        store.load(KEY)
    with pytest.raises(StoreUnavailable, match="closed"):
        store.commit(KEY, next_version(first_version()), None)


def _commit_versions(store: Store, versions: int) -> Rollout:
    """Commits versions 1 to ``versions`` with an entry each; the last of them."""
    rollout = first_version()
    store.commit(KEY, rollout, entry_of(rollout))
    for _ in range(versions - 1):
        rollout = next_version(rollout)
        store.commit(KEY, rollout, entry_of(rollout))
    return rollout


def _watching(store: Store, cluster: str, namespace: str, ref: str) -> list[str]:
    return [str(key) for key in store.watching(cluster, namespace, ref)]


def _wins(store: Store, rollout: Rollout) -> bool:
    try:
        store.commit(KEY, rollout, entry_of(rollout))
    except StaleRollout:
        return False
    return True


def _assert_counted(store: Store, times: int) -> None:
    rollout = store.load(KEY)
    assert rollout is not None
    assert rollout.sequence == times
    assert rollout.version == times + 1
    assert [entry["version"] for entry in store.history(KEY, "000001")] == list(range(1, times + 2))


def _run(run: str, versions: tuple[int, int], phase: str, entries: int) -> dict[str, object]:
    started, updated = (moment(AT + timedelta(seconds=version)) for version in versions)
    return {"run": run, "started": started, "updated": updated, "phase": phase, "entries": entries}
