"""Pages of figures: a section replaces its own part, and a bound that is broken is said and fails the command."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from tests.support.figures import Page, Section, Table, as_markdown, as_text, run

if TYPE_CHECKING:
    from pathlib import Path

SECTION = Section(
    "Load",
    ("A round of ticks.",),
    (Table(("canaries", "what", "time"), (("10", "flat", "1.5 s"), ("1,000", "a | b", "12 s"))),),
)


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Page:
    module = ModuleType("figures_of_a_test.load")
    module.measure = lambda: SECTION  # type: ignore[attr-defined]  # a module that is made here
    monkeypatch.setitem(sys.modules, "figures_of_a_test.load", module)
    file = tmp_path / "page.md"
    file.write_text(
        "# Page\n\n<!-- begin load -->\nold\n<!-- end load -->\n\n<!-- begin other -->\nkept\n<!-- end other -->\n"
    )
    return Page(file, "figures_of_a_test", ("load",), "make bench")


def test_numbers_are_aligned_to_the_right_and_bars_do_not_break_a_table() -> None:
    assert "| ---: | --- | ---: |\n| 10 | flat | 1.5 s |\n| 1,000 | a \\| b | 12 s |" in as_markdown(SECTION)
    assert "  canaries  what    time\n        10  flat   1.5 s\n     1,000  a | b   12 s" in as_text(SECTION)


def test_a_section_replaces_its_own_part_of_the_page_and_no_other(page: Page) -> None:
    assert run(page, ["load", "--write"]) == 0
    text = page.file.read_text()
    assert "## Load" in text
    assert "old" not in text
    assert "kept" in text
    assert "`make bench ARGS=load`" in text
    assert run(page, ["load", "--write"]) == 0
    assert page.file.read_text() == text


def test_without_being_told_to_it_writes_nothing(page: Page) -> None:
    before = page.file.read_text()
    assert run(page, []) == 0
    assert page.file.read_text() == before


def test_a_broken_bound_is_said_and_fails_the_command(
    page: Page, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = Section("Load", broken=("a round took 61 s, 60 s are allowed",))
    monkeypatch.setattr(sys.modules["figures_of_a_test.load"], "measure", lambda: broken)
    assert run(page, []) == 1
    assert "BROKEN: a round took 61 s, 60 s are allowed" in capsys.readouterr().err


def test_a_section_that_does_not_exist_is_named(page: Page, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run(page, ["laod"])
    assert "no such section: laod; there are load" in capsys.readouterr().err
