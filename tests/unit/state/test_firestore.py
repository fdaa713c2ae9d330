"""What the emulator cannot show of the Firestore store: the indexes its queries need, and Google's ways to say no."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from google.api_core import exceptions
from google.auth.exceptions import RefreshError
from google.cloud.firestore_v1.types import StructuredQuery

from shared.errors import StaleRollout, StoreUnavailable
from shared.state import firestore
from shared.state.document import write_entry, write_rollout
from shared.state.firestore import FirestoreStore
from tests.support.rollouts import AT, KEY, entry_of, first_version

if TYPE_CHECKING:
    from collections.abc import Iterator

INDEXES = json.loads((Path(__file__).parents[3] / "infra" / "firestore.indexes.json").read_text())

Index = tuple[str, tuple[tuple[str, str], ...]]


class Recorder:
    """Stands in for Google's generated client: keeps queries, finds nothing."""

    def __init__(self) -> None:
        self.queries: list[StructuredQuery] = []

    def run_query(self, request: dict[str, Any], **_: object) -> Iterator[object]:
        self.queries.append(request["structured_query"])
        return iter(())


class Failing:
    """Stands in for Google's generated client: every call fails with ``error``."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.calls = 0

    def batch_get_documents(self, **_: object) -> Iterator[object]:
        return self._fail()

    def run_query(self, **_: object) -> Iterator[object]:
        return self._fail()

    def commit(self, **_: object) -> Iterator[object]:
        return self._fail()

    def _fail(self) -> Iterator[object]:
        self.calls += 1
        raise self.error


def test_the_deployed_indexes_are_those_that_the_queries_need(monkeypatch: pytest.MonkeyPatch) -> None:
    needed = {index for query in _all_queries(monkeypatch) if (index := _composite_index(query))}
    deployed = {
        (index["collectionGroup"], tuple((field["fieldPath"], _mode(field)) for field in index["fields"]))
        for index in INDEXES["indexes"]
    }
    assert needed == deployed
    assert {index["queryScope"] for index in INDEXES["indexes"]} == {"COLLECTION"}


def test_no_query_looks_at_a_field_whose_index_is_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """A composite index has its fields also where their own index is switched off: see Google's sharded timestamps,

    https://firebase.google.com/docs/firestore/solutions/shard-timestamp.
    """
    switched_off = {(each["collectionGroup"], each["fieldPath"]) for each in INDEXES["fieldOverrides"]}
    queries = [query for query in _all_queries(monkeypatch) if not _composite_index(query)]
    looked_at = {(_collection(query), field) for query in queries for field in (*_equal(query), *_ordered(query))}
    assert ("rollouts", "cluster") in looked_at
    assert not switched_off & looked_at


def test_everything_that_can_grow_is_kept_out_of_the_indexes() -> None:
    switched_off = {(each["collectionGroup"], each["fieldPath"]) for each in INDEXES["fieldOverrides"]}
    assert all(each["indexes"] == [] for each in INDEXES["fieldOverrides"])
    stored = first_version()
    for group, document in (("rollouts", write_rollout(KEY, stored)), ("events", write_entry(entry_of(stored)))):
        grows = {(group, name) for name, value in document.items() if isinstance(value, list | dict)}
        assert grows
        assert grows <= switched_off


@pytest.mark.parametrize(
    ("kind", "advice"),
    [
        (exceptions.Unauthenticated, "credentials"),
        (RefreshError, "credentials"),
        (exceptions.PermissionDenied, "roles/datastore.user"),
        (exceptions.NotFound, "make this database"),
        (exceptions.FailedPrecondition, "firestore.indexes.json"),
        (exceptions.InvalidArgument, "report"),
        (exceptions.RetryError, "next tick"),
        (exceptions.Unknown, "next tick"),
    ],
)
def test_what_google_refuses_is_told_with_the_database_and_what_to_do(
    monkeypatch: pytest.MonkeyPatch, kind: type[Exception], advice: str
) -> None:
    store, api = _failing(monkeypatch, kind)
    with pytest.raises(StoreUnavailable, match=rf"proj/base: loading rollout east:shop:cart .*{advice}"):
        store.load(KEY)
    with pytest.raises(StoreUnavailable, match=rf"proj/base: looking for due rollouts of cluster east .*{advice}"):
        store.due("east", AT, 1)
    assert api.calls == 2


@pytest.mark.parametrize("kind", firestore.TRANSIENT)
def test_what_may_pass_is_tried_three_times(monkeypatch: pytest.MonkeyPatch, kind: type[Exception]) -> None:
    store, api = _failing(monkeypatch, kind)
    with pytest.raises(StoreUnavailable, match="proj/base"):
        store.commit(KEY, first_version(), None)
    assert api.calls == 3


@pytest.mark.parametrize("kind", [exceptions.AlreadyExists, exceptions.Aborted, exceptions.FailedPrecondition])
def test_a_conflict_is_final(monkeypatch: pytest.MonkeyPatch, kind: type[Exception]) -> None:
    store, api = _failing(monkeypatch, kind)
    with pytest.raises(StaleRollout, match="east:shop:cart"):
        store.commit(KEY, first_version(), None)
    assert api.calls == 1


def test_a_missing_database_is_not_taken_for_a_lost_race(monkeypatch: pytest.MonkeyPatch) -> None:
    store, _ = _failing(monkeypatch, exceptions.NotFound)
    with pytest.raises(StoreUnavailable, match="make this database"):
        store.commit(KEY, first_version(), None)


def _failing(monkeypatch: pytest.MonkeyPatch, kind: type[Exception]) -> tuple[FirestoreStore, Failing]:
    monkeypatch.setattr(firestore, "PAUSES", (0.0, 0.0))
    api = Failing(kind("it says", ()))
    return _store(monkeypatch, api), api


def _store(monkeypatch: pytest.MonkeyPatch, api: object) -> FirestoreStore:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", "127.0.0.1:1")
    store = FirestoreStore("proj", "base")
    monkeypatch.setattr(store._client, "_firestore_api_internal", api)
    return store


def _all_queries(monkeypatch: pytest.MonkeyPatch) -> list[StructuredQuery]:
    recorder = Recorder()
    store = _store(monkeypatch, recorder)
    store.due("east", AT, 10)
    store.next_due("east")
    store.asked("east")
    store.watching("east", "shop", "configmap/x")
    list(store.all("east"))
    store.history(KEY, "000001")
    store.runs(KEY, 10)
    assert len(recorder.queries) == 7
    return recorder.queries


def _composite_index(query: StructuredQuery) -> Index | None:
    """What https://firebase.google.com/docs/firestore/query-data/index-overview asks for: single-field indexes, which

    Firestore makes by itself, serve equality filters alone, and one sorted or compared field alone.
    """
    equal, ordered = _equal(query), {name: way for name, way in _ordered(query).items() if name != "__name__"}
    if not ordered or (len(ordered) == 1 and not equal):
        return None
    return _collection(query), (*((name, "ASCENDING") for name in equal), *ordered.items())


def _mode(field: dict[str, str]) -> str:
    return field.get("order") or field["arrayConfig"]


def _collection(query: StructuredQuery) -> str:
    return str(query.from_[0].collection_id)


def _equal(query: StructuredQuery) -> list[str]:
    equal = StructuredQuery.FieldFilter.Operator.EQUAL
    return [each.field.field_path for each in _filters(query) if each.op == equal]


def _ordered(query: StructuredQuery) -> dict[str, str]:
    """Fields that are sorted by, compared or searched, with the direction or ``CONTAINS``."""
    equal = StructuredQuery.FieldFilter.Operator.EQUAL
    contains = StructuredQuery.FieldFilter.Operator.ARRAY_CONTAINS
    ways = {each.field.field_path: each.op for each in _filters(query) if each.op != equal}
    compared = {name: "CONTAINS" if op == contains else "ASCENDING" for name, op in ways.items()}
    return compared | {order.field.field_path: order.direction.name for order in query.order_by}


def _filters(query: StructuredQuery) -> list[StructuredQuery.FieldFilter]:
    where = query.where
    return [each.field_filter for each in where.composite_filter.filters] or [where.field_filter] * bool(where)
