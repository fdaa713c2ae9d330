"""Stores and releases for the end-to-end tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shared.state.open import open_store
from tests.support.app import Release
from tests.support.serin import Serin, passing_serin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.state.store import Store
    from tests.support.cluster import Cluster


@pytest.fixture
def firestore(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A store in Google's emulator, of this test alone."""
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", request.getfixturevalue("firestore_emulator"))
    opened = open_store(f"firestore://{request.getfixturevalue('firestore_project')}/(default)")
    yield opened
    opened.close()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Store]:
    """A store in a file of its own."""
    opened = open_store(f"sqlite:///{tmp_path / 'serin.db'}")
    yield opened
    opened.close()


@pytest.fixture
def release(cluster: Cluster, namespace: str) -> Release:
    """The app in a namespace of its own, not yet installed, on each kind of cluster in turn."""
    return Release(cluster, namespace)


@pytest.fixture
def serin(cluster: Cluster, namespace: str, sqlite: Store) -> Serin:
    """Serin beside that app: its checks pass, and its intervals are skipped."""
    return passing_serin(cluster, sqlite, namespace)


@pytest.fixture(params=["sqlite", "firestore"])
def store(request: pytest.FixtureRequest) -> Store:
    """Each kind of store in turn."""
    found: Store = request.getfixturevalue(request.param)
    return found
