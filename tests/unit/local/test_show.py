"""Plain lines: everything new, once, in its order, without control characters. The live view: only when it changed."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from rich.console import Console

from infra.local.errors import DemoError
from infra.local.journal import Journal
from infra.local.picture import Answer, Happening, Picture, Scene
from infra.local.show import LiveShow, LiveStage, PlainStage, Show, open_stage
from shared.checks.verdict import Verdict
from shared.rollout import Severity

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
FIRST = Picture(Scene(1, 3, "Installing podinfo 6.9.0", ""), answers=(Answer("request-success-rate"),))
UPGRADE = Scene(2, 3, "Upgrading podinfo 6.9.0 → 6.9.1", "")


def said(text: str) -> Happening:
    """A line of the log."""
    return Happening(NOON, Severity.INFO, text)


def asked(*verdicts: Verdict) -> tuple[Answer, ...]:
    """The answers of a run."""
    return (Answer("request-success-rate", 100.0, ">= 99", verdicts),)


def plain(*pictures: Picture) -> list[str]:
    """What is written for pictures that follow each other, without the empty lines."""
    stream = io.StringIO()
    stage = PlainStage(stream)
    for picture in pictures:
        stage.draw(picture)
    return [line for line in stream.getvalue().splitlines() if line]


def terminal() -> Console:
    """A console of 80 columns and 24 lines that takes itself for a terminal."""
    return Console(file=io.StringIO(), width=80, height=24, force_terminal=True, color_system="256")


def test_everything_new_is_written_once_with_the_answers_before_what_they_led_to() -> None:
    begun = replace(FIRST, scene=UPGRADE, weight=0, happenings=(said("New revision detected!"),))
    advanced = replace(begun, weight=10, happenings=(*begun.happenings, said("Advance podinfo.test canary weight 10")))
    failed = replace(
        advanced,
        answers=(Answer("request-success-rate", 51.234, ">= 99", (Verdict.PASS, Verdict.FAIL)),),
        happenings=(*advanced.happenings, said("Halt podinfo.test advancement")),
    )
    passed = replace(failed, answers=asked(Verdict.PASS), happenings=advanced.happenings)
    assert plain(FIRST, FIRST, begun, begun, advanced, passed, passed, failed, failed) == [
        "1 of 3: Installing podinfo 6.9.0",
        "2 of 3: Upgrading podinfo 6.9.0 to 6.9.1",
        "12:00:00  New revision detected!",
        "          traffic: primary 100 %, canary 0 %",
        "12:00:00  Advance podinfo.test canary weight 10",
        "          traffic: primary 90 %, canary 10 %",
        "          check request-success-rate: 100.00 % (>= 99) pass",
        "          check request-success-rate: 51.23 % (>= 99) fail",
        "12:00:00  Halt podinfo.test advancement",
    ]


def test_a_new_run_that_was_not_asked_anything_repeats_no_answer() -> None:
    assert plain(replace(FIRST, answers=asked(Verdict.PASS)), FIRST)[2:] == []


def test_what_others_wrote_cannot_bring_control_characters_or_lines_of_its_own() -> None:
    journal = Journal()
    journal.take(
        {"severity": "WARNING", "msg": "red \x1b[31malert\nsecond line " + "x" * 9999, "canary": "podinfo.test"}
    )
    (line,) = plain(replace(FIRST, answers=(), happenings=tuple(journal.happenings)))[1:]
    assert line.isprintable()
    assert len(line) < 600


def test_the_journal_leaves_out_rounds_in_which_nothing_happened() -> None:
    journal = Journal()
    journal.take({"severity": "INFO", "ts": "2026-11-23T12:00:00.123Z", "msg": "Heartbeat", "ticks": 1})
    journal.take({"severity": "INFO", "ts": "2026-11-23T12:00:01.123Z", "msg": "Advance", "canary": "podinfo.test"})
    journal.take({"severity": "ERROR", "ts": "2026-11-23T12:00:02.123Z", "msg": "unable to open database"})
    assert [(line.severity, line.text, line.at.second) for line in journal.happenings] == [
        (Severity.INFO, "Advance", 1),
        (Severity.ERROR, "unable to open database", 2),
    ]


def test_the_live_view_gives_the_terminal_back_and_leaves_the_last_picture() -> None:
    console = terminal()
    assert isinstance(console.file, io.StringIO)
    with pytest.raises(DemoError), LiveStage(console).playing() as show:
        _draw_and_fail(show)
    written = console.file.getvalue()
    assert written.index("\x1b[?1049h") < written.index("Installing") < written.index("\x1b[?1049l")
    assert "\x1b[?25h" in written[written.index("\x1b[?25l") :]
    assert "Installing podinfo 6.9.0" in written[written.index("\x1b[?1049l") :]


def _draw_and_fail(show: Show) -> None:
    show.draw(FIRST)
    raise DemoError("it went wrong")


def test_nothing_is_drawn_again_that_has_not_changed() -> None:
    console = terminal()
    assert isinstance(console.file, io.StringIO)
    with LiveShow(console) as show:
        show.draw(FIRST)
        once = len(console.file.getvalue())
        show.draw(FIRST)
        assert len(console.file.getvalue()) == once
        show.draw(replace(FIRST, phase="Initializing"))
        assert len(console.file.getvalue()) > once


def test_the_bar_glides_to_a_new_weight_and_arrives() -> None:
    with LiveShow(terminal()) as show:
        shares = []
        for _ in range(20):
            show.draw(replace(FIRST, weight=50))
            shares.append(show._share)
    assert shares == sorted(shares)
    assert 0 < shares[0] < 50
    assert shares[-1] == 50


def test_in_place_the_view_leaves_room_for_the_text_above_it() -> None:
    console = terminal()
    assert isinstance(console.file, io.StringIO)
    with LiveStage(console).keeping("one", "two", "three") as show:
        show.draw(replace(FIRST, happenings=tuple(said(f"line {number}") for number in range(50))))
        lines = console.file.getvalue().count("\n")
    assert lines < 24, "nothing of it has scrolled out of sight"
    assert lines > 20, "and the view takes what it can"
    assert "\x1b[?1049h" not in console.file.getvalue()


def test_plain_lines_are_chosen_when_asked_for_and_where_nobody_can_look() -> None:
    assert isinstance(open_stage(terminal(), plain=True), PlainStage)
    assert isinstance(open_stage(terminal(), plain=False), PlainStage), "a file is no terminal, whatever it is told"
