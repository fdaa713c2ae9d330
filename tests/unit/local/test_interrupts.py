"""Signals while parts start and stop: held back there, obeyed at once in between."""

from __future__ import annotations

import os
import signal
import time

import pytest

from infra.local.interrupts import SIGNALS, Interrupts, Stopped


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_an_armed_block_at_once(number: signal.Signals) -> None:
    began = time.monotonic()
    with Interrupts() as interrupts, pytest.raises(Stopped):
        _be_interrupted(interrupts, number)
    assert time.monotonic() - began < 5


def _be_interrupted(interrupts: Interrupts, number: signal.Signals) -> None:
    with interrupts.armed():
        os.kill(os.getpid(), number)
        time.sleep(10)


def test_a_signal_during_the_start_waits_for_the_armed_block_and_then_ends_it_before_it_begins() -> None:
    begun = False
    with Interrupts() as interrupts:
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(Stopped), interrupts.armed():
            begun = True
    assert not begun


def test_a_signal_during_the_end_disturbs_nothing() -> None:
    with Interrupts() as interrupts:
        with interrupts.armed():
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)


def test_a_second_signal_does_not_disturb_the_cleaning_up_after_the_first() -> None:
    with Interrupts() as interrupts, pytest.raises(Stopped):
        _clean_up_under_fire(interrupts)


def _clean_up_under_fire(interrupts: Interrupts) -> None:
    with interrupts.armed():
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(10)
        finally:
            os.kill(os.getpid(), signal.SIGINT)


def test_the_handlers_of_before_are_there_again() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with Interrupts():
        assert [signal.getsignal(number) for number in SIGNALS] != before
    assert [signal.getsignal(number) for number in SIGNALS] == before
