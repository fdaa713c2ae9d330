"""A store's URL says which store it is; nothing is loaded for the others."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from shared.errors import InvalidSettings, StoreUnavailable
from shared.state.firestore import FirestoreStore
from shared.state.open import open_store
from shared.state.sqlite import SqliteStore
from tests.support.rollouts import KEY, first_version

if TYPE_CHECKING:
    from pathlib import Path


def test_three_slashes_are_a_path_from_here_and_four_one_from_the_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with (
        closing(open_store("sqlite:///serin.db")) as relative,
        closing(open_store(f"sqlite:///{tmp_path}/serin.db")) as full,
    ):
        assert isinstance(relative, SqliteStore)
        relative.commit(KEY, first_version(), None)
        assert full.load(KEY) == first_version()


def test_two_slashes_are_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with closing(open_store("sqlite://")) as store:
        store.commit(KEY, first_version(), None)
    assert list(tmp_path.iterdir()) == []


def test_firestore_takes_a_project_and_a_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", "127.0.0.1:1")
    store = open_store("firestore://my-project/(default)")
    assert isinstance(store, FirestoreStore)
    assert store._name == "Firestore my-project/(default)"


def test_firestore_without_credentials_says_what_to_give(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FIRESTORE_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "missing.json"))
    with pytest.raises(StoreUnavailable, match=r"my-project/main.*missing\.json.*credentials"):
        open_store("firestore://my-project/main")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "serin.db",
        "/var/lib/serin.db",
        "sqlite:",
        "sqlite:/serin.db",
        "sqlite:///",
        "sqlite:///serin.db?mode=ro",
        "SQLITE://",
        "firestore://",
        "firestore://my-project",
        "firestore://my-project/",
        "firestore:///main",
        "firestore://my-project/main/more",
        "postgres://host/serin",
    ],
)
def test_any_other_url_is_refused_with_what_is_allowed(url: str) -> None:
    with pytest.raises(InvalidSettings) as refused:
        open_store(url)
    assert repr(url) in str(refused.value)
    for allowed in ("sqlite:///FILE", "sqlite://", "firestore://PROJECT/DATABASE"):
        assert allowed in str(refused.value)


@pytest.mark.parametrize(
    ("statement", "unwanted"),
    [
        ("import shared.state.open", ("sqlite3", "google.api_core", "google.cloud.firestore", "grpc")),
        (
            "from shared.state.open import open_store; open_store('sqlite://').close()",
            ("google.api_core", "google.cloud.firestore", "grpc"),
        ),
    ],
)
def test_only_the_store_that_is_opened_is_loaded(statement: str, unwanted: tuple[str, ...]) -> None:
    code = f"{statement}\nimport sys\nprint([name for name in {unwanted!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
