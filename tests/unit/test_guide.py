"""How the tests of docs/ read a page, and compare what commands print with what it shows."""

from __future__ import annotations

import pytest

from tests.support.guide import ROOT, blocks_of, is_as_shown

SHOWN = """\
NAME       STATUS        WEIGHT   LASTTRANSITIONTIME
frontend   Progressing   20       2026-11-23T16:35:14Z
…
23s   Halt frontend.test advancement success rate 47.39% < 99%
2m1s  Promotion completed!
"""


def test_what_differs_each_time_is_not_compared() -> None:
    assert is_as_shown(
        """\
NAME         STATUS        WEIGHT   LASTTRANSITIONTIME
frontend     Progressing   20       2027-01-01T00:00:00Z

Routing all traffic to primary
Halt advancement frontend.test waiting for rollout to finish: 1 old replicas are pending termination
9s    Halt frontend.test advancement success rate 12% < 99%
4s    Halt frontend.test advancement success rate 13.1% < 99%
1s    Promotion completed!
""",
        SHOWN,
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("WEIGHT   ", "WEIGHT   FAILED "),
        ("20 ", "40 "),
        ("< 99%", "< 98%"),
        ("success rate", "request duration"),
        ("2m1s  Promotion completed!\n", ""),
        ("2m1s  Promotion completed!\n", "2m1s  Promotion completed!\nmore\n"),
        ("NAME", "Warning: something\nNAME"),
    ],
)
def test_everything_else_is(old: str, new: str) -> None:
    assert old in SHOWN
    assert is_as_shown(SHOWN, SHOWN)
    assert not is_as_shown(SHOWN.replace(old, new), SHOWN)


def test_the_order_of_lines_counts() -> None:
    assert not is_as_shown("Advance weight 40\nAdvance weight 20\n", "Advance weight 20\nAdvance weight 40\n")


def test_every_block_of_the_guide_is_a_command_or_what_one_prints() -> None:
    page = (ROOT / "docs/guide.md").read_text(encoding="utf-8")
    blocks = blocks_of("guide.md")
    assert page.count("\n```") == 2 * (len(blocks) + sum(bool(block.prints) for block in blocks))
    assert {block.mark for block in blocks} == {"", "soon", "second-terminal"}
