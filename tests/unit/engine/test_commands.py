"""What people ask for: none of it goes without a word, none hurries a run, none is for another revision."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from shared.engine import decide
from shared.revision import revision_mark
from shared.rollout import Phase, Verb
from tests.support.samples import NEW, NOW, OLD, command, resting, rollout, situation

if TYPE_CHECKING:
    from shared.engine import Decision
    from shared.rollout import Rollout


def texts(decision: Decision) -> list[str]:
    return [line.text for line in decision.lines]


@pytest.mark.parametrize("verb", Verb)
@pytest.mark.parametrize("first", [True, False])
def test_whoever_is_overruled_by_an_abort_is_told(verb: Verb, first: bool) -> None:
    other = replace(command(verb, by="ada"), id="other")
    both = (other, command(Verb.ABORT, by="bob")) if first else (command(Verb.ABORT, by="bob"), other)
    decision = decide(situation(rollout=rollout(commands=both)))
    assert (decision.rollout.phase, decision.rollout.weight) == (Phase.FAILED, 0)
    assert len(decision.lines) == 2
    assert all(any(name in text for text in texts(decision)) for name in ("ada", "bob"))


@pytest.mark.parametrize("verb", [Verb.PROMOTE, Verb.RESUME])
def test_a_command_for_a_revision_that_was_replaced_is_refused(verb: Verb) -> None:
    before = rollout(paused=True)
    late = decide(situation(rollout=replace(before, commands=(command(verb, revision=revision_mark(OLD)),))))
    assert texts(late) == [f"stefan asked to {verb} another revision than the one that is there now"]
    assert (late.rollout.skipped, late.rollout.paused) == (before.skipped, before.paused)
    timely = decide(situation(rollout=replace(before, commands=(command(verb, revision=revision_mark(NEW)),))))
    assert not timely.rollout.paused


def test_a_retry_of_a_revision_that_was_replaced_is_refused() -> None:
    failed = resting(phase=Phase.FAILED, applied=NEW)
    late = decide(situation(rollout=replace(failed, commands=(command(Verb.RETRY, revision=revision_mark(OLD)),))))
    assert late.rollout.phase is Phase.FAILED


def test_an_abort_is_for_whatever_runs() -> None:
    decision = decide(situation(rollout=rollout(commands=(command(Verb.ABORT, revision=revision_mark(OLD)),))))
    assert decision.rollout.phase is Phase.FAILED


@pytest.mark.parametrize(("reason", "said"), [("", ""), ("the disk is full", ": the disk is full")])
@pytest.mark.parametrize(
    ("verb", "before", "what"),
    [
        (Verb.PAUSE, rollout(), "Paused"),
        (Verb.RESUME, rollout(paused=True), "Resumed"),
        (Verb.PROMOTE, rollout(), "Promotion"),
        (Verb.RETRY, resting(phase=Phase.FAILED, applied=NEW), "Retry"),
    ],
)
def test_what_was_asked_is_said_with_its_author_and_the_reason(
    verb: Verb, before: Rollout, what: str, reason: str, said: str
) -> None:
    decision = decide(situation(rollout=replace(before, commands=(command(verb, by="ada", reason=reason),))))
    assert texts(decision)[0] == f"{what} by ada{said}"


@pytest.mark.parametrize("verb", [Verb.APPROVE, Verb.RETRY])
def test_a_command_that_does_nothing_does_not_hurry_the_run(verb: Verb) -> None:
    waiting = rollout(commands=(command(verb),), step_at=NOW + timedelta(hours=1))
    assert decide(situation(rollout=waiting)).rollout.step_at == waiting.step_at


def test_an_abort_ends_the_pause_of_the_run_that_it_ends() -> None:
    paused = rollout(paused=True, commands=(command(Verb.ABORT),))
    assert not decide(situation(rollout=paused)).rollout.paused
