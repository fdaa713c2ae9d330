"""A history entry says who asked for what, and holds nothing that would let its reader act."""

from __future__ import annotations

from shared.history import Entry
from shared.rollout import Command, Phase, Verb
from tests.support.rollouts import AT


def test_an_entry_names_who_asked_for_what_when_from_where_and_why() -> None:
    command = Command("c1", Verb.ABORT, "ada (U1)", AT, "smells", "Slack #shop", "https://reply.example/secret")
    (told,) = Entry("000001", 7, AT, Phase.FAILED, 0, commands=(command,)).to_dict()["commands"]
    assert told == {
        "id": "c1",
        "verb": "abort",
        "by": "ada (U1)",
        "at": "2026-11-23T12:00:00.000000Z",
        "reason": "smells",
        "source": "Slack #shop",
        "revision": "",
        "gate": "",
    }


def test_the_url_for_the_answer_is_not_shown_with_the_command() -> None:
    command = Command("c1", Verb.ABORT, "ada", AT, reply="https://reply.example/secret")
    assert "secret" not in repr(command)
