"""The express lane: a command is obeyed while the heartbeat sleeps, and while its threads wait for something slow."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from threading import Event
from typing import TYPE_CHECKING

import pytest

from shared.errors import StoreUnavailable
from shared.express import express_lane
from shared.rollout import Command, RolloutKey, Verb
from shared.state.open import open_store
from tests.support.samples import NOW, rollout
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.state.store import Store

KEY = RolloutKey("east", "test", "shop")
ABORT = Command("c1", Verb.ABORT, "ada", NOW)


@pytest.fixture
def store() -> Store:
    opened = open_store("sqlite://")
    opened.commit(KEY, rollout(version=1), None)
    return opened


def obeying(store: Store) -> tuple[list[RolloutKey], Callable[[RolloutKey], None]]:
    """A tick that takes up what waits, and whom it ticked."""
    ticked: list[RolloutKey] = []

    def tick(key: RolloutKey) -> None:
        found = store.load(key)
        assert found is not None
        store.commit(key, replace(found, version=found.version + 1, commands=()), None)
        ticked.append(key)

    return ticked, tick


def test_a_command_is_obeyed_while_the_heartbeat_sleeps_and_wakes_it(store: Store) -> None:
    ticked, tick = obeying(store)
    with express_lane(store, "east", tick, 0.02, Event()) as sleep:
        threading.Timer(0.1, store.submit, (KEY, ABORT)).start()
        began = time.monotonic()
        sleep(30)
        assert time.monotonic() - began < 10
    assert ticked == [KEY]


def test_a_stop_wakes_the_heartbeat(store: Store) -> None:
    stop = Event()
    with express_lane(store, "east", obeying(store)[1], 0.02, stop) as sleep:
        threading.Timer(0.1, stop.set).start()
        began = time.monotonic()
        sleep(30)
        assert time.monotonic() - began < 10


def test_who_asked_for_nothing_is_left_to_the_heartbeat(store: Store) -> None:
    ticked, tick = obeying(store)
    with express_lane(store, "east", tick, 0.01, Event()) as sleep:
        sleep(0.2)
    assert ticked == []


def test_a_store_that_does_not_answer_for_a_while_ends_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    ticked, tick = obeying(store)
    store.submit(KEY, ABORT)
    asked: list[str] = []

    def fail(_: object, cluster: str) -> None:
        asked.append(cluster)
        raise StoreUnavailable("the store is down")

    with monkeypatch.context() as patch:
        patch.setattr(type(store), "asked", fail)
        with express_lane(store, "east", tick, 0.01, Event()):
            eventually("it is asked again", lambda: len(asked) > 2)
            patch.undo()
            eventually("the command is obeyed", lambda: ticked == [KEY])


def test_it_ends_with_its_block_whatever_happens_in_it(store: Store) -> None:
    _, tick = obeying(store)
    with pytest.raises(ZeroDivisionError), express_lane(store, "east", tick, 0.01, Event()):
        raise ZeroDivisionError
    assert not [thread for thread in threading.enumerate() if thread.name == "express"]
