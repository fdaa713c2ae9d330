"""Quantities: one form for each amount, in the notation it was written in."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.local.kubernetes.quantities import QuantityError, amount, canonical

SUFFIXES = ["", "n", "u", "m", "k", "M", "G", "T", "P", "Ki", "Mi", "Gi", "Ti", "e3", "E-2", "e0"]
NUMBERS = st.decimals(min_value=-10_000, max_value=10_000, places=3).map(str)


@settings(deadline=None)
@given(NUMBERS, st.sampled_from(SUFFIXES))
def test_the_canonical_form_is_the_same_amount_to_the_nano_and_is_canonical_itself(number: str, suffix: str) -> None:
    text = f"{number}{suffix}"
    form = canonical(text)
    difference = amount(form) - amount(text)
    assert 0 <= difference < Fraction(1, 10**9), "what is finer than a nano is rounded up"
    assert canonical(form) == form


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("0.000", "0"),
        ("1000m", "1"),
        ("1024Mi", "1Gi"),
        ("1000Mi", "1000Mi"),
        ("0.5Gi", "512Mi"),
        ("0.5Ki", "512"),
        ("2000", "2k"),
        ("1e3", "1e3"),
        ("12e2", "1200"),
        ("+1", "1"),
        (".5", "500m"),
    ],
)
def test_each_notation_has_its_own_suffixes(text: str, form: str) -> None:
    assert canonical(text) == form


@pytest.mark.parametrize("text", ["", "1 Gi", "1gi", "Gi", "1e", "1.2.3", "0x1", "--1", "1Gib"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(QuantityError, match="quantities must match"):
        canonical(text)
