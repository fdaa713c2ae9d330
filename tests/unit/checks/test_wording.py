"""Foreign text is short, on one line and without secrets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.checks.wording import clean


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("all fine", "all fine"),
        ("  two\r\nlines\tand a tab ", "two lines and a tab"),
        ("\x1b[31mred\x00\x07", "[31mred"),
        ("left\u202eto right\u200b", "leftto right"),
        ("größer als 5 µs", "größer als 5 µs"),
        ("0123456789abc", "012345678…"),
    ],
)
def test_text_is_made_fit_for_one_line_of_a_log(text: str, shown: str) -> None:
    assert clean(text, 20 if len(text) != 13 else 10) == shown


def test_secrets_are_masked_before_the_text_is_cut() -> None:
    assert clean("got s3cret and s3cret-long", 40, ("s3cret", "s3cret-long", "")) == "got *** and ***"
    assert "s3c" not in clean("12345 s3cret", 9, ("s3cret",))


@given(st.text(max_size=200), st.integers(min_value=1, max_value=100))
def test_nothing_longer_or_unprintable_comes_through(text: str, limit: int) -> None:
    shown = clean(text, limit)
    assert len(shown) <= limit
    assert shown.isprintable()
