"""The live view, drawn as text from sample pictures: what must be seen, and that nothing ever wraps or overflows."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text

from infra.local.picture import Answer, Happening, Picture, Scene, Side
from infra.local.view import WIDEST, draw
from shared.checks.verdict import Verdict
from shared.rollout import Severity

PASS, FAIL, UNKNOWN = Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN
NOON = datetime(2026, 11, 23, 12, 0, 7, tzinfo=ZoneInfo("UTC"))

PICTURE = Picture(
    scene=Scene(2, 3, "Upgrading podinfo 6.9.0 → 6.9.1", "Traffic moves as long as the checks pass"),
    elapsed=67.4,
    phase="Progressing",
    weight=30,
    weights=(10, 20, 30, 40, 50),
    failed=1,
    threshold=3,
    primary=Side("6.9.0", pods=2, ready=2, updated=2, rate=35.24),
    canary=Side("6.9.1", pods=3, ready=2, updated=3, rate=14.96, errors=7.5),
    answers=(
        Answer("request-success-rate", 62.5, ">= 99", (PASS, PASS, FAIL)),
        Answer("request-duration", 24.5, "<= 500", (PASS, PASS, PASS)),
        Answer("queue-length", None, "<= 5", (UNKNOWN,)),
        Answer("never-asked"),
    ),
    happenings=tuple(Happening(NOON, Severity.INFO, f"Advance podinfo.test canary weight {n}") for n in range(40)),
)


def rendered(picture: Picture, columns: int = 80, lines: int = 24, share: float | None = None) -> list[str]:
    """The lines that a terminal of this width shows."""
    console = Console(record=True, width=columns, file=io.StringIO(), force_terminal=True, color_system="256")
    console.print(draw(picture, columns, lines, share))
    return console.export_text().rstrip("\n").split("\n")


def line_with(text: str, lines: list[str]) -> str:
    """The one line that holds a text."""
    (found,) = [line for line in lines if text in line]
    return found


def bar_of(lines: list[str]) -> tuple[int, int]:
    """Columns of the two parts of the bar."""
    left, *right = line_with("█", lines).split()
    return len(left), len(right[0]) if right else 0


@pytest.mark.parametrize("columns", [80, 120])
def test_the_picture_at_a_usual_size(columns: int) -> None:
    shown = rendered(PICTURE, columns)
    assert len(shown) == 24
    title = shown[0].split("  ")
    assert (title[0].strip(), title[1], title[-1]) == ("2 of 3", "Upgrading podinfo 6.9.0 → 6.9.1", "1:07")
    assert shown[1].strip() == "Traffic moves as long as the checks pass"
    assert "Progressing" in line_with("10 → 20 → 30 → 40 → 50 %", shown)
    assert line_with("failures", shown).endswith("1 of 3 failures")
    assert line_with("primary", shown).split() == [
        "primary",
        "6.9.0",
        "●●",
        "70",
        "%",
        "30",
        "%",
        "●●◌",
        "6.9.1",
        "canary",
    ]
    assert line_with("req/s", shown).split("  ")[0].strip() == "35.2 req/s, no errors"
    assert line_with("req/s", shown).endswith("15.0 req/s, 7.5 errors/s")
    assert "none lost" in line_with("req/s", shown)
    assert line_with("request-success-rate", shown).split() == [
        "✗",
        "request-success-rate",
        "62.50",
        "%",
        ">=",
        "99",
        "✓✓✗",
    ]
    assert line_with("request-duration", shown).split() == ["✓", "request-duration", "24.50", "ms", "<=", "500", "✓✓✓"]
    assert line_with("queue-length", shown).split() == ["?", "queue-length", "no", "value", "<=", "5", "?"]
    assert line_with("never-asked", shown).split() == ["·", "never-asked", "not", "asked", "yet"]
    assert shown[-1].strip() == "12:00:07 · Advance podinfo.test canary weight 39"


@pytest.mark.parametrize("columns", [60, 80, 120])
@pytest.mark.parametrize("weight", [1, 10, 50, 99])
def test_the_bar_is_split_as_the_router_says_with_a_gap_between_the_sides(columns: int, weight: int) -> None:
    primary, canary = bar_of(rendered(replace(PICTURE, weight=weight), columns))
    assert primary + 1 + canary == columns - 2
    assert abs(canary / (primary + canary) * 100 - weight) <= 100 / columns


@pytest.mark.parametrize(("weight", "sides"), [(0, (78, 0)), (100, (78, 0))])
def test_a_side_without_traffic_has_no_part_of_the_bar(weight: int, sides: tuple[int, int]) -> None:
    assert bar_of(rendered(replace(PICTURE, weight=weight))) == sides


def test_the_bar_may_be_on_its_way_while_the_numbers_are_true() -> None:
    shown = rendered(PICTURE, share=25.0)
    assert bar_of(shown) == (58, 19)
    assert " 30 % " in line_with("primary", shown)


def test_requests_are_drawn_as_they_were_answered_and_errors_are_dashed() -> None:
    line = line_with("━", rendered(PICTURE))
    primary, canary = line.split()
    assert "╍" not in primary
    assert canary.count("╍") == round(len(canary) / 2), "half of the canary's answers are errors"
    assert abs(len(canary) / 77 - 15 / 50.2) < 0.02


def test_without_a_route_there_is_no_split() -> None:
    shown = rendered(replace(PICTURE, weight=None))
    assert "no route yet" in line_with("·····", shown)
    assert not any("█" in line for line in shown)


def test_lost_requests_are_counted_in_the_open() -> None:
    assert " 3 lost " in line_with("req/s", rendered(replace(PICTURE, lost=3)))


def test_the_log_takes_the_lines_that_are_left_and_shows_the_newest() -> None:
    few = replace(PICTURE, happenings=PICTURE.happenings[:20])
    assert [line[-2:].strip() for line in rendered(few, lines=40) if "Advance" in line] == [str(n) for n in range(20)]
    assert [line[-2:].strip() for line in rendered(PICTURE, lines=18) if "Advance" in line] == ["37", "38", "39"]


def test_warnings_have_a_sign_and_long_lines_are_cut() -> None:
    long = Happening(NOON, Severity.WARNING, "Halt podinfo.test advancement " * 10)
    shown = rendered(replace(PICTURE, happenings=(long,)))
    assert shown[-1].startswith(" 12:00:07 ! Halt podinfo.test")
    assert shown[-1].endswith("…")
    assert len(shown[-1]) <= 80


def test_a_wide_terminal_is_not_filled_without_end() -> None:
    assert max(map(len, rendered(PICTURE, 300))) <= WIDEST


def test_nothing_is_said_by_colour_alone() -> None:
    console = Console(width=80, file=io.StringIO(), force_terminal=True, no_color=True, color_system=None)
    console.print(draw(PICTURE, 80, 24))
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert "\x1b" not in shown
    assert all(sign in shown for sign in "✓✗?·╍")


words = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), max_size=90)
counts = st.integers(0, 40)
rates = st.floats(0, 1e6)
sides = st.builds(Side, words, counts, counts, counts, rates, rates)
answers = st.builds(
    Answer, words, st.none() | st.floats(), words, st.lists(st.sampled_from(Verdict), max_size=30).map(tuple)
)
pictures = st.builds(
    Picture,
    scene=st.builds(Scene, st.integers(0, 3), st.just(3), words, words),
    elapsed=st.floats(0, 1e6),
    phase=words,
    weight=st.none() | st.integers(0, 100),
    weights=st.lists(st.integers(1, 100), max_size=20).map(tuple),
    failed=counts,
    threshold=counts,
    primary=sides,
    canary=sides,
    lost=st.integers(0, 10**9),
    answers=st.lists(answers, max_size=6).map(tuple),
    happenings=st.lists(st.builds(Happening, st.just(NOON), st.sampled_from(Severity), words), max_size=12).map(tuple),
)


@given(picture=pictures, columns=st.integers(3, 200), lines=st.integers(1, 30))
@example(picture=PICTURE, columns=3, lines=1)
@settings(max_examples=80, deadline=None)
def test_whatever_there_is_to_see_it_never_wraps_and_never_overflows(
    picture: Picture, columns: int, lines: int
) -> None:
    drawn = draw(picture, columns, lines).renderables
    assert len(drawn) <= lines
    for line in drawn:
        assert isinstance(line, Text)
        assert line.cell_len <= columns
        assert "\n" not in line.plain
