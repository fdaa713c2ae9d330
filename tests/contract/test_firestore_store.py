"""What only Firestore can do wrong: hang, cost more than a read and a commit a tick, lose an answer."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from google.api_core import exceptions

from shared.errors import StaleRollout, StoreUnavailable
from shared.rollout import RolloutKey
from shared.state import firestore
from shared.state.firestore import FirestoreStore
from shared.state.open import open_store
from tests.support.rollouts import AT, KEY, entry_of, first_version, next_version
from tests.support.stores import answers, firestore_url
from tests.support.terraform import INFRA, resources_of
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.firestore import FirestoreEmulator

pytestmark = pytest.mark.real

SECONDS = 6

_LOST: type[Exception] = exceptions.ServiceUnavailable


class Wire:
    """Google's generated client with a counter before it, which can lose the answer to a commit."""

    def __init__(self, store: FirestoreStore) -> None:
        assert store._client is not None
        self._api = store._client._firestore_api
        self.calls: list[str] = []
        self.lost_answers = 0
        store._client._firestore_api_internal = self

    def commit(self, **arguments: Any) -> object:
        answer = self._counted("commit")(**arguments)
        if self.lost_answers:
            self.lost_answers -= 1
            raise _LOST("connection reset")
        return answer

    def __getattr__(self, name: str) -> Callable[..., object]:
        return self._counted(name)

    def _counted(self, name: str) -> Callable[..., object]:
        self.calls.append(name)
        call: Callable[..., object] = getattr(self._api, name)
        return call


@pytest.fixture
def url(firestore_emulator: str, monkeypatch: pytest.MonkeyPatch) -> str:
    return firestore_url(firestore_emulator, monkeypatch)


@pytest.fixture
def store(url: str) -> Iterator[FirestoreStore]:
    with closing(_open(url)) as opened:
        yield opened


def test_what_expires_has_a_timestamp_where_the_policy_of_the_database_looks_for_it(url: str) -> None:
    (policy,) = (each for each in resources_of(INFRA / "google/modules/state/main.tf") if each.name == "retention")
    groups, field = set(re.findall(r'"(\w+)"', str(policy.body["for_each"]))), str(policy.body["field"]).strip('"')
    project, database = url.removeprefix("firestore://").split("/")
    with closing(FirestoreStore(project, database, timedelta(days=30))) as store:
        first = first_version()
        store.commit(KEY, first, entry_of(first))
        assert store._client is not None
        found = {
            group: [document.to_dict() or {} for document in store._client.collection_group(group).stream()]
            for group in ("rollouts", "runs", "events")
        }
    ends = entry_of(first).at + timedelta(days=30)
    expiring = {group: [each.get(field) for each in documents] for group, documents in found.items()}
    assert expiring == {"rollouts": [None], "runs": [ends], "events": [ends]}
    assert groups == {group for group, ended in expiring.items() if any(ended)}


def test_a_run_that_goes_on_for_ever_does_not_expire(url: str) -> None:
    project, database = url.removeprefix("firestore://").split("/")
    first = first_version()
    following = next_version(first)
    with closing(FirestoreStore(project, database, timedelta(days=30))) as store:
        store.commit(KEY, first, entry_of(first))
    with closing(FirestoreStore(project, database)) as store:
        store.commit(KEY, following, entry_of(following))
        assert store._client is not None
        (run,) = (document.to_dict() or {} for document in store._client.collection_group("runs").stream())
    assert "expires_at" not in run


def test_a_tick_costs_one_read_and_one_commit(store: FirestoreStore) -> None:
    store.commit(KEY, first_version(), entry_of(first_version()))
    wire = Wire(store)
    _tick(store)
    assert wire.calls == ["batch_get_documents", "commit"]
    wire.calls.clear()
    store.due("east", AT, 10)
    store.next_due("east")
    assert wire.calls == ["run_query", "run_query"]


def test_a_second_commit_in_a_tick_needs_no_read_before_it(store: FirestoreStore) -> None:
    store.commit(KEY, first_version(), entry_of(first_version()))
    wire = Wire(store)
    stored = _tick(store)
    store.commit(KEY, next_version(stored), entry_of(next_version(stored)))
    assert wire.calls == ["batch_get_documents", "commit", "commit"]


def test_a_store_that_has_not_seen_the_rollout_reads_it_once_to_commit(url: str, store: FirestoreStore) -> None:
    store.commit(KEY, first_version(), entry_of(first_version()))
    with closing(_open(url)) as cold:
        wire = Wire(cold)
        following = next_version(first_version())
        cold.commit(KEY, following, entry_of(following))
        assert wire.calls == ["batch_get_documents", "commit"]
    assert store.load(KEY) == following


def test_a_store_that_has_not_seen_the_rollout_refuses_what_is_stale(url: str, store: FirestoreStore) -> None:
    store.commit(KEY, first_version(), None)
    stored = _tick(store)
    with closing(_open(url)) as cold, pytest.raises(StaleRollout):
        cold.commit(KEY, stored, entry_of(stored))
    assert store.load(KEY) == stored


def test_what_is_remembered_is_bounded(store: FirestoreStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store._seen._size = 3
    keys = [RolloutKey("east", "shop", f"app{number}") for number in range(5)]
    for key in keys:
        store.commit(key, first_version(), None)
    assert len(store._seen._seen) == 3
    wire = Wire(store)
    for key in (keys[0], keys[4]):
        store.commit(key, next_version(first_version()), None)
    assert wire.calls == ["batch_get_documents", "commit", "commit"]


def test_a_rollout_made_again_elsewhere_is_not_overwritten_by_who_remembers_the_old_one(
    url: str, store: FirestoreStore
) -> None:
    store.commit(KEY, first_version(), None)
    with closing(_open(url)) as other:
        other.delete(KEY)
        other.commit(KEY, first_version(runs=9), None)
    with pytest.raises(StaleRollout):
        store.commit(KEY, next_version(first_version()), None)
    assert store.load(KEY) == first_version(runs=9)


def test_a_commit_whose_answer_is_lost_is_written_once_and_taken_for_lost(store: FirestoreStore) -> None:
    store.commit(KEY, first_version(), entry_of(first_version()))
    following = next_version(first_version())
    Wire(store).lost_answers = 1
    with pytest.raises(StaleRollout):
        store.commit(KEY, following, entry_of(following))
    assert store.load(KEY) == following
    assert [entry["version"] for entry in store.history(KEY, "000001")] == [1, 2]
    assert store.runs(KEY, 1)[0]["entries"] == 2


def test_long_histories_and_lists_come_in_pages(store: FirestoreStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(firestore, "PAGE", 2)
    store.commit(KEY, first_version(), entry_of(first_version()))
    for _ in range(3):
        _tick(store)
    wire = Wire(store)
    assert [entry["version"] for entry in store.history(KEY, "000001")] == [1, 2, 3, 4]
    assert wire.calls == ["run_query"] * 3


def test_a_server_that_was_never_there_is_told_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", "127.0.0.1:1")
    with closing(FirestoreStore("nobody", "(default)")) as store:
        _assert_unavailable(store)


def test_a_server_that_hangs_is_told_in_time_and_used_again_when_it_goes_on(
    firestore_server: FirestoreEmulator, store: FirestoreStore
) -> None:
    store.commit(KEY, first_version(), None)
    with firestore_server.process.frozen():
        _assert_unavailable(store)
    assert store.load(KEY) is not None


def test_a_server_that_died_is_told_in_time_and_used_again_when_it_is_back(
    firestore_server: FirestoreEmulator, store: FirestoreStore
) -> None:
    store.commit(KEY, first_version(), None)
    with firestore_server.process.down():
        _assert_unavailable(store)
    eventually("the store is used again", lambda: answers(store))


def _open(url: str) -> FirestoreStore:
    store = open_store(url)
    assert isinstance(store, FirestoreStore)
    return store


def _tick(store: FirestoreStore) -> Any:
    stored = store.load(KEY)
    assert stored is not None
    following = next_version(stored)
    store.commit(KEY, following, entry_of(following))
    return following


def _assert_unavailable(store: FirestoreStore) -> None:
    """Each kind of call says StoreUnavailable within SECONDS, also side by side."""
    calls: tuple[Callable[[], object], ...] = (
        lambda: store.load(KEY),
        lambda: store.commit(KEY, next_version(first_version()), None),
        lambda: store.due("east", AT, 10),
    )
    started = time.monotonic()
    with ThreadPoolExecutor(len(calls)) as threads:
        for told in [threads.submit(call) for call in calls]:
            with pytest.raises(StoreUnavailable, match="Firestore"):
                told.result()
    assert time.monotonic() - started < SECONDS
