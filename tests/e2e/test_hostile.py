"""A thousand and a half of the requests of ``make proof ARGS=hostile``, with the same bounds."""

from __future__ import annotations

from tests.proof.hostile import measure


def test_no_request_breaks_anything_or_changes_what_it_may_not() -> None:
    assert measure(requests=1500).broken == ()
