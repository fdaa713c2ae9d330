"""The store of samples: what a window holds, what is forgotten, and that scrapes are seen whole."""

from __future__ import annotations

import threading

import pytest

from infra.local.series import METRIC_NAME, Matcher, Store, Window, label_set


def named(name: str) -> list[Matcher]:
    return [Matcher(METRIC_NAME, name.__eq__)]


def values(windows: list[Window]) -> list[list[float]]:
    return [list(window.values) for window in windows]


def test_a_window_holds_the_samples_between_its_ends_and_on_them() -> None:
    store = Store()
    for second in range(5):
        store.add("up", {}, second, at=second)
    assert values(store.select(named("up"), 1000, 3000)) == [[1, 2, 3]]
    assert store.select(named("up"), 4001, 9000) == []


def test_an_empty_label_is_no_label() -> None:
    assert label_set("up", {"zone": "", "app": "a"}) == (("__name__", "up"), ("app", "a"))


def test_a_missing_label_is_matched_as_empty() -> None:
    store = Store()
    store.add("up", {"app": "a"}, 1, at=1)
    store.add("up", {}, 2, at=1)
    without = [*named("up"), Matcher("app", "".__eq__)]
    assert values(store.select(without, 0, 9000)) == [[2]]


def test_a_sample_that_is_not_later_than_the_last_is_refused() -> None:
    store = Store()
    store.add("up", {}, 1, at=5)
    with pytest.raises(ValueError, match="later time"):
        store.add("up", {}, 2, at=5)
    assert values(store.select(named("up"), 0, 9000)) == [[1]]


def test_samples_beyond_the_retention_are_forgotten() -> None:
    store = Store(retention=10)
    for second in range(1000):
        store.add("up", {}, second, at=second)
    (window,) = store.select(named("up"), 0, 1_000_000)
    assert list(window.values[-11:]) == list(range(989, 1000))
    assert len(window.values) < 100


def test_series_that_nobody_writes_any_more_are_forgotten() -> None:
    store = Store(retention=10)
    store.add("old", {}, 1, at=0)
    for second in range(5000):
        store.add("up", {}, 1, at=second)
    assert len(store) == 1


def test_a_query_sees_a_scrape_whole_or_not_at_all() -> None:
    store = Store(retention=1000)
    scrape = [label_set("requests", {"code": str(code)}) for code in range(50)]
    done = threading.Event()

    def write() -> None:
        for second in range(1, 400):
            store.add_all([(labels, second) for labels in scrape], at=second)
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        while not done.is_set():
            newest = {window.values[-1] for window in store.select(named("requests"), 0, 10**9)}
            assert len(newest) <= 1
    finally:
        writer.join()
