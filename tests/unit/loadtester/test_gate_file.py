"""Open gates in their file."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from shared.errors import StoreUnavailable
from shared.loadtester.gate_file import GateFile
from shared.loadtester.gates import Gate, Kind, Run

if TYPE_CHECKING:
    from pathlib import Path

OPENED = Gate(datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC), Run("a", "1"))


def found(path: Path, kind: Kind = Kind.GATE, canary: str = "podinfo.test") -> Gate | None:
    return GateFile(path).change(kind, canary, lambda gate: gate)


def test_a_gate_is_there_for_whoever_opens_the_file_next_and_only_it(tmp_path: Path) -> None:
    path = tmp_path / "gates.db"
    assert GateFile(path).change(Kind.GATE, "podinfo.test", lambda _: OPENED) == OPENED
    assert found(path) == OPENED
    assert found(path, Kind.ROLLBACK) is None
    assert found(path, canary="other.test") is None
    GateFile(path).change(Kind.GATE, "podinfo.test", lambda _: None)
    assert found(path) is None


def test_no_change_is_lost_to_another_at_the_same_time(tmp_path: Path) -> None:
    path = tmp_path / "gates.db"
    GateFile(path).change(Kind.GATE, "podinfo.test", lambda _: OPENED)

    def later(gate: Gate | None) -> Gate | None:
        return gate and Gate(gate.asked_at + timedelta(seconds=1), gate.run)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: GateFile(path).change(Kind.GATE, "podinfo.test", later), range(40)))
    assert found(path) == Gate(OPENED.asked_at + timedelta(seconds=40), OPENED.run)


def test_a_file_that_cannot_be_read_is_no_open_gate(tmp_path: Path) -> None:
    (tmp_path / "broken.db").write_bytes(b"no database" * 100)
    for path in (tmp_path / "broken.db", tmp_path / "missing" / "gates.db"):
        with pytest.raises(StoreUnavailable, match=r"gate of podinfo\.test"):
            found(path)


def test_a_rule_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "gates.db"
    GateFile(path).change(Kind.GATE, "podinfo.test", lambda _: OPENED)
    with pytest.raises(ZeroDivisionError):
        GateFile(path).change(Kind.GATE, "podinfo.test", lambda _: Gate(OPENED.asked_at, Run(str(1 // 0))))
    assert found(path) == OPENED
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM gates").fetchone() == (1,)
