"""When a gate is open."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as some

from shared.loadtester.gates import Gate, Run, ask, end

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
NOBODY, FIRST, SECOND, AGAIN = Run(), Run("a", "1"), Run("b", "2"), Run("a", "3")


def test_a_gate_that_nobody_opened_is_closed() -> None:
    assert ask(None, FIRST, NOW, HOUR) is None


def test_the_first_run_that_asks_takes_the_gate_and_another_closes_it() -> None:
    taken = ask(Gate(NOW), FIRST, NOW, HOUR)
    assert taken == Gate(NOW, FIRST)
    assert ask(taken, FIRST, NOW, HOUR) == taken
    assert ask(taken, SECOND, NOW, HOUR) is None
    assert ask(taken, AGAIN, NOW, HOUR) is None, "another run of the same revision"


def test_a_gate_that_was_opened_for_a_revision_lets_its_next_run_pass_and_no_other() -> None:
    assert ask(Gate(NOW, Run("a")), FIRST, NOW, HOUR) == Gate(NOW, FIRST)
    assert ask(Gate(NOW, Run("a")), SECOND, NOW, HOUR) is None
    assert ask(Gate(NOW, Run(build="1")), AGAIN, NOW, HOUR) is None


def test_what_one_call_leaves_unsaid_another_may_say() -> None:
    taken = ask(Gate(NOW, FIRST), Run("a"), NOW, HOUR)
    assert taken == Gate(NOW, FIRST)
    assert ask(taken, AGAIN, NOW, HOUR) is None


def test_a_gate_stays_open_while_its_run_asks_and_closes_an_hour_after_it_ended() -> None:
    gate: Gate | None = Gate(NOW)
    for minutes in range(0, 300, 50):
        gate = ask(gate, FIRST, NOW + timedelta(minutes=minutes), HOUR)
    assert gate is not None
    assert ask(gate, FIRST, gate.asked_at + HOUR, HOUR)
    assert ask(gate, FIRST, gate.asked_at + HOUR + timedelta(seconds=1), HOUR) is None


def test_who_names_no_run_neither_takes_a_gate_nor_keeps_it_open() -> None:
    gate = Gate(NOW)
    assert ask(gate, NOBODY, NOW + HOUR / 2, HOUR) == gate
    assert ask(gate, NOBODY, NOW + HOUR * 1.1, HOUR) is None
    assert ask(Gate(NOW, FIRST), NOBODY, NOW, HOUR) == Gate(NOW, FIRST)


def test_the_end_of_a_run_closes_its_gate_and_an_untaken_one_but_not_anothers() -> None:
    assert end(Gate(NOW, FIRST), FIRST) is None
    assert end(Gate(NOW, FIRST), Run("a")) is None, "an event names no build"
    assert end(Gate(NOW), FIRST) is None
    assert end(None, FIRST) is None
    assert end(Gate(NOW, SECOND), FIRST) == Gate(NOW, SECOND), "the word came late"


@given(asks=some.lists(some.tuples(some.sampled_from([NOBODY, FIRST, SECOND, AGAIN]), some.integers(-100, 7200))))
def test_one_opening_is_a_yes_for_one_run_only(asks: list[tuple[Run, int]]) -> None:
    gate: Gate | None = Gate(NOW)
    now, approved = NOW, set()
    for run, seconds in asks:
        now += timedelta(seconds=seconds)
        gate = ask(gate, run, now, HOUR)
        if gate is not None and run:
            approved.add(run)
    assert len(approved) <= 1
