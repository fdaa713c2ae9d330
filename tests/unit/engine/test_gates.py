"""Gates: what holds a run, what opens it, and for which revision."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shared.engine import decide
from shared.revision import revision_mark
from shared.rollout import Phase, Verb
from tests.support.samples import NEW, NEWER, OLD, command, rollout, seen, situation

if TYPE_CHECKING:
    from shared.engine import Decision

GATE = "confirm-promotion/sign-off"


def texts(decision: Decision) -> list[str]:
    return [line.text for line in decision.lines]


class TestApproval:
    @pytest.mark.parametrize("gate", ["", GATE])
    @pytest.mark.parametrize("revision", ["", revision_mark(NEW)])
    def test_opens_the_gate_that_waits(self, revision: str, gate: str) -> None:
        asked = command(Verb.APPROVE, reason="looks good", revision=revision, gate=gate)
        decision = decide(situation(rollout=rollout(gate=GATE, commands=(asked,))))
        assert texts(decision) == [f"Gate {GATE} approved by stefan: looks good"]
        assert (decision.rollout.approved, decision.rollout.gate) == ((GATE,), "")

    @pytest.mark.parametrize("other", [{"revision": revision_mark(OLD)}, {"gate": "confirm-rollout/sign-off"}])
    def test_of_another_revision_or_another_gate_opens_nothing(self, other: dict[str, str]) -> None:
        decision = decide(situation(rollout=rollout(gate=GATE, commands=(command(Verb.APPROVE, **other),))))
        assert (decision.rollout.approved, decision.rollout.gate) == ((), GATE)
        assert len(decision.lines) == 1

    @pytest.mark.parametrize("phase", Phase)
    def test_without_a_closed_gate_does_nothing(self, phase: Phase) -> None:
        decision = decide(situation(rollout=rollout(phase=phase, commands=(command(Verb.APPROVE),))))
        assert decision.rollout.approved == ()

    def test_ends_with_the_revision_that_it_was_for(self) -> None:
        decision = decide(situation(rollout=rollout(gate=GATE, approved=(GATE,)), seen=seen(revision=NEWER)))
        assert (decision.rollout.approved, decision.rollout.gate) == ((), "")
