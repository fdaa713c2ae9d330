"""A rollout takes a command once; its moments sort as text, and its key survives its own."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given

from shared.rollout import (
    Command,
    Rollout,
    RolloutKey,
    Verb,
    has_heard,
    moment,
    parse_moment,
    with_command,
)
from tests.support.rollouts import AT, commands, moments, rollouts

if TYPE_CHECKING:
    from datetime import datetime


@given(moments, moments)
def test_moments_sort_as_text(one: datetime, other: datetime) -> None:
    assert (moment(one) < moment(other)) == (one < other)


@given(moments)
def test_a_moment_survives_its_text(at: datetime) -> None:
    assert parse_moment(moment(at)) == at


@given(rollouts, commands)
def test_the_same_command_twice_is_one_command(rollout: Rollout, command: Command) -> None:
    once = with_command(rollout, command)
    assert with_command(once, command) == once
    assert has_heard(once, command.id)


@given(rollouts, commands)
def test_a_command_that_was_obeyed_is_not_taken_again(rollout: Rollout, command: Command) -> None:
    obeyed = replace(with_command(replace(rollout, commands=()), command), commands=())
    assert with_command(obeyed, command) == obeyed


def test_commands_are_remembered_for_longer_than_a_signature_is_good() -> None:
    first, signature = Command("c1", Verb.ABORT, "ada", AT), timedelta(minutes=5)
    obeyed = replace(with_command(Rollout(), first), commands=())
    soon = with_command(obeyed, replace(first, id="c2", at=AT + 2 * signature - timedelta(seconds=1)))
    assert has_heard(soon, "c1")
    late = with_command(obeyed, replace(first, id="c2", at=AT + 2 * signature))
    assert [heard.id for heard in late.heard] == ["c2"]


@given(rollouts, commands)
def test_a_new_command_waits_behind_the_others_and_makes_the_rollout_due(rollout: Rollout, command: Command) -> None:
    known = {given.id for given in rollout.commands} | {given.id for given in rollout.heard}
    new = replace(command, id="-".join(["new", *known]))
    changed = with_command(rollout, new)
    assert changed.commands == (*rollout.commands, new)
    assert changed.version == rollout.version + 1
    assert changed.active
    assert changed.due_at <= new.at


def test_a_key_survives_its_text() -> None:
    key = RolloutKey("east", "shop", "cart")
    assert str(key) == "east:shop:cart"
    assert RolloutKey.parse(str(key)) == key


@pytest.mark.parametrize("text", ["east", "east:shop", "east:shop:cart:more", ""])
def test_text_that_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="unpack"):
        RolloutKey.parse(text)
