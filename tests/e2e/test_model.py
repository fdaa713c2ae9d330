"""The model of `make proof`, for as many rollouts as a test run has time for: the same ones in every run."""

from __future__ import annotations

from tests.proof.machine import Model
from tests.proof.model import check, find_fault
from tests.proof.rules import EVERY_RULE
from tests.proof.sabotage import SABOTAGES

ROLLOUTS = 25


def test_the_five_rules_hold_whatever_happens_in_whatever_order() -> None:
    check(ROLLOUTS)
    assert Model.happened["run"] > ROLLOUTS / 2, "without runs nothing is proved"
    assert Model.happened["race with two commits"]
    assert sum(bool(Model.checked[rule.says]) for rule in EVERY_RULE) > 20, "a rule that is never asked proves nothing"


def test_a_fault_that_is_built_in_is_found() -> None:
    assert "nothing is written before the commit" in find_fault(0).broken
    assert SABOTAGES[0].says == "converges before it commits"
