"""``docs/flagger.md`` and the tests of this package are about the same rows."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

from tests.unit.parity.table import SHOWN

PAGE = (Path(__file__).parents[3] / "docs/flagger.md").read_text(encoding="utf-8")
FIRST_CELL = re.compile(r"^\| (.+?) \|", re.MULTILINE)

for module in Path(__file__).parent.glob("test_*.py"):
    if module != Path(__file__):
        import_module(f"{__package__}.{module.stem}")


def test_every_row_of_the_page_has_one_test_and_every_test_a_row() -> None:
    _, *sections = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    rows = [(section.partition("\n")[0], cell) for section in sections for cell in FIRST_CELL.findall(section)[1:]]
    assert len(rows) > 60
    assert sorted(SHOWN) == sorted(rows)
