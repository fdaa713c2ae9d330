"""docs/settings.md is what the code says."""

from __future__ import annotations

from dataclasses import fields

from infra.settings_page import PAGE, variable, write_page
from shared.settings import Settings


def test_the_page_is_as_it_would_be_written() -> None:
    assert PAGE.read_text(encoding="utf-8") == write_page(), "run `make settings`"


def test_every_setting_has_its_row() -> None:
    rows = [line.split("`")[1] for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert rows == [variable(each) for each in fields(Settings)]
