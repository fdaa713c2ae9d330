"""``make demo``: watch Serin promote a good release and roll back a bad one, in a minute, on this machine alone.

Ends with 0 only if both ended as they must, with 1 and a sentence if not, with 130 when it was stopped before; in each
case with nothing left running and no file left behind. ``--keep`` leaves the stack up at the end, until Ctrl-C.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from rich.console import Console

from infra.local.errors import DemoError
from infra.local.interrupts import Interrupts, Stopped
from infra.local.journal import Journal
from infra.local.show import open_stage
from infra.local.stack import KEY, RATE, Stack
from infra.local.story import IMAGE, NEXT, Story
from infra.local.words import farewell, invitation, summary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.local.show import Stage


def main(arguments: Sequence[str]) -> int:
    """Run the demo; its exit status."""
    options = _options(arguments)
    journal = Journal()
    logging.basicConfig(handlers=[journal], level=logging.WARNING)
    stage = open_stage(Console(highlight=False), plain=options.plain)
    try:
        with Interrupts() as interrupts:
            _perform(stage, journal, interrupts, keep=options.keep)
    except Stopped:
        stage.say("", "Stopped. Nothing is left running, and no file behind.")
        return 130
    except DemoError as error:
        print(f"The demo failed. {error}", *getattr(error, "__notes__", ()), sep="\n", file=sys.stderr)
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0


def _perform(stage: Stage, journal: Journal, interrupts: Interrupts, *, keep: bool) -> None:
    began = time.monotonic()
    stage.say(f"Starting a Kubernetes API, {RATE:.0f} requests a second with metrics, and Serin ...")
    with Stack(journal.take) as stack:
        story = Story(stack, journal.happenings, began)
        with stage.playing() as show, interrupts.armed():
            facts = story.play(show)
        stage.say("", *summary(facts), "")
        if keep:
            commands = invitation(stack.kubeconfig, KEY.namespace, KEY.name, f"{IMAGE}:{NEXT}")
            with suppress(Stopped), stage.keeping(*commands) as show, interrupts.armed():
                story.carry_on(show)
    stage.say(*farewell(time.monotonic() - began, kept=keep))


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make demo", description="Watch a release promote and a bad one roll back.")
    parser.add_argument("--keep", action="store_true", help="leave everything up at the end, until Ctrl-C")
    parser.add_argument("--plain", action="store_true", help="plain lines instead of the live view")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
