"""When a gate is open."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as some

from shared.loadtester.gates import Gate, ask

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_a_gate_that_nobody_opened_is_closed() -> None:
    assert ask(None, "a", NOW, HOUR) is None


def test_the_first_run_that_asks_takes_the_gate_and_another_closes_it() -> None:
    taken = ask(Gate(NOW), "a", NOW, HOUR)
    assert taken == Gate(NOW, "a")
    assert ask(taken, "a", NOW, HOUR) == taken
    assert ask(taken, "b", NOW, HOUR) is None


def test_a_gate_that_was_opened_for_one_run_is_closed_by_every_other() -> None:
    assert ask(Gate(NOW, "a"), "b", NOW, HOUR) is None


def test_a_gate_stays_open_while_its_run_asks_and_closes_an_hour_after_it_ended() -> None:
    gate: Gate | None = Gate(NOW)
    for minutes in range(0, 300, 50):
        gate = ask(gate, "a", NOW + timedelta(minutes=minutes), HOUR)
    assert gate is not None
    assert ask(gate, "a", gate.asked_at + HOUR, HOUR)
    assert ask(gate, "a", gate.asked_at + HOUR + timedelta(seconds=1), HOUR) is None


def test_who_has_no_checksum_neither_takes_a_gate_nor_keeps_it_open() -> None:
    gate = Gate(NOW)
    assert ask(gate, "", NOW + HOUR / 2, HOUR) == gate
    assert ask(gate, "", NOW + HOUR * 1.1, HOUR) is None
    assert ask(Gate(NOW, "a"), "", NOW, HOUR) == Gate(NOW, "a")


@given(asks=some.lists(some.tuples(some.sampled_from(["", "a", "b", "c"]), some.integers(-100, 7200))))
def test_one_opening_is_a_yes_for_one_run_only(asks: list[tuple[str, int]]) -> None:
    gate, now, approved = Gate(NOW), NOW, set()
    current: Gate | None = gate
    for checksum, seconds in asks:
        now += timedelta(seconds=seconds)
        current = ask(current, checksum, now, HOUR)
        if current is not None and checksum:
            approved.add(checksum)
    assert len(approved) <= 1
