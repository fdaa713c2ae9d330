"""Numbers of custom resources as Go keeps them."""

from __future__ import annotations

import math

import pytest

from infra.local.kubernetes.structural import normalise


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (5.0, 5),
        (5.5, 5.5),
        (2**63, float(2**63)),
        (10**400, math.inf),
        (-(10**400), -math.inf),
        ([{"a": 1.0}], [{"a": 1}]),
    ],
)
def test_a_number_is_kept_as_go_keeps_it(written: object, kept: object) -> None:
    assert normalise(written) == kept
