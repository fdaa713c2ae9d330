"""Help: what can be asked, and what was probably meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.chat.answer import Answer, say
from shared.chat.order import Question
from shared.mrkdwn import code, context, section
from shared.rollout import Verb

if TYPE_CHECKING:
    from shared.chat.order import Unclear

_USAGE: dict[Question | Verb, tuple[str, str]] = {
    Question.STATUS: ("[canary | *]", "what is under way; one canary in full; or all of them"),
    Question.WHY: ("CANARY", "the checks that failed, with values, bounds and queries"),
    Question.HISTORY: ("CANARY", "the last runs, how they ended, and who asked for what"),
    Verb.ABORT: ("CANARY [reason]", "all traffic back to the primary now, in any phase"),
    Verb.PROMOTE: ("CANARY [reason]", "skip the rest of the analysis; pods must still be ready"),
    Verb.APPROVE: ("CANARY [reason]", "open the gate that waits"),
    Verb.PAUSE: ("CANARY [reason]", "stay at this weight"),
    Verb.RESUME: ("CANARY [reason]", "go on"),
    Verb.RETRY: ("CANARY [reason]", "run a failed revision again"),
    Question.HELP: ("", "this"),
}


_NAMES = (
    f"A canary is {code('shop.test')}, {code('test/shop')}, {code('cluster:test/shop')}, "
    "or a part of that when only one has it."
)


def show_help(command: str) -> Answer:
    """Every word with what stands behind it."""
    lines = [f"{code(' '.join(filter(None, (command, word, rest))))}  {told}" for word, (rest, told) in _USAGE.items()]
    return Answer("\n".join(lines), (section("\n".join(lines)), context(_NAMES)))


def correct(unclear: Unclear, command: str) -> Answer:
    """Nothing was done, and what the nearest word is."""
    hint = f"See {code(f'{command} help')}."
    if unclear.nearest:
        hint = f"Did you mean {code(f'{command} {unclear.nearest}')}?"
    return say(f"I do not know {code(unclear.word)}. {hint}")
