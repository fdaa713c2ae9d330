"""An empty Firestore database for a test, in an emulator that is awake."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from shared.errors import StaleRollout, StoreUnavailable
from shared.state.open import open_store
from tests.support.firestore import new_project
from tests.support.rollouts import KEY, entry_of, first_version
from tests.support.waiting import eventually

if TYPE_CHECKING:
    import pytest

    from shared.state.store import Store


def firestore_url(host: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of an empty database in the emulator at ``host``, which Google's client finds until the test ends.

    The first answers of a JVM take seconds on a busy machine, longer than a store waits: they are waited for here.
    """
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", host)
    with closing(open_store(f"firestore://{new_project()}/(default)")) as other:
        eventually("the Firestore emulator commits", lambda: answers(other))
    return f"firestore://{new_project()}/(default)"


def answers(store: Store) -> bool:
    """Whether ``store`` takes or refuses a first commit, instead of being unavailable."""
    try:
        store.commit(KEY, first_version(), entry_of(first_version()))
    except StaleRollout:
        return True
    except StoreUnavailable:
        return False
    return True
