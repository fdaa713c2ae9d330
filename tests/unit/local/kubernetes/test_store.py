"""The store: one counter for everything, events in order, and a past of limited length."""

from __future__ import annotations

import pytest

from infra.local.kubernetes.errors import ApiError
from infra.local.kubernetes.store import Event, Key, Store


def key(name: str, namespace: str = "n") -> Key:
    return Key("things", namespace, name)


def put(store: Store, name: str, namespace: str = "n") -> int:
    obj = {"kind": "Thing", "apiVersion": "v1", "metadata": {"name": name, "namespace": namespace}}
    return store.put(key(name, namespace), obj).revision


def test_every_change_has_a_revision_of_its_own() -> None:
    store = Store()
    revisions = [put(store, "a"), put(store, "b"), put(store, "a"), store.delete(key("a")).revision]
    assert revisions == sorted(set(revisions))
    assert store.revision == revisions[-1]
    assert store.get(key("a")) is None


def test_objects_are_listed_in_the_order_of_their_keys() -> None:
    store = Store()
    for namespace, name in (("a-b", "z"), ("a", "y"), ("a", "b")):
        put(store, name, namespace)
    assert [(each.namespace, each.name) for each, _ in store.every("things")] == [("a-b", "z"), ("a", "b"), ("a", "y")]
    assert [each.name for each, _ in store.every("things", "a")] == ["b", "y"]


def test_a_watch_begins_after_its_revision_and_misses_nothing() -> None:
    store = Store()
    put(store, "a")
    since = store.revision
    put(store, "b")
    watch = store.watch("things", since)
    put(store, "b")
    store.delete(key("a"))
    store.close()
    seen = [watch.queue.get() for _ in range(4)]
    assert [event and (event.type, event.key.name) for event in seen] == [
        ("ADDED", "b"),
        ("MODIFIED", "b"),
        ("DELETED", "a"),
        None,
    ]


def test_what_is_forgotten_cannot_be_watched() -> None:
    store = Store(history=2)
    first = put(store, "a")
    for _ in range(2):
        put(store, "a")
    store.watch("things", first)
    put(store, "a")
    with pytest.raises(ApiError, match="too old resource version") as error:
        store.watch("things", first)
    assert error.value.code == 410


def test_a_listener_sees_the_version_before() -> None:
    store, seen = Store(), list[Event]()
    store.listen(seen.append)
    first = put(store, "a")
    put(store, "a")
    store.delete(key("a"))
    assert [(event.type, event.before and event.before.revision) for event in seen][:2] == [
        ("ADDED", None),
        ("MODIFIED", first),
    ]
    assert seen[2].stored.obj["metadata"]["resourceVersion"] == str(store.revision)


def test_a_stored_object_is_not_changed_by_its_end() -> None:
    store = Store()
    put(store, "a")
    before = store.get(key("a"))
    assert before is not None
    store.delete(key("a"))
    assert before.obj["metadata"]["resourceVersion"] == str(before.revision)
