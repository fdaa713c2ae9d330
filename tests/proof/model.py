"""``make proof ARGS=model``: thousands of rollouts of the model, and what was tried in them; then Serin with a fault
built in, which the model has to find, one fault after the other.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.proof.cluster import Embedded
from tests.proof.machine import Model
from tests.proof.rules import EVERY_RULE
from tests.proof.sabotage import SABOTAGES
from tests.support.figures import Section, Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ROLLOUTS = 10_000
BATCH = 250
"""Rollouts of one piece of work; each has a seed of its own."""

STEPS, FEWEST_STEPS = 20, 14
"""What happens in one rollout. Hypothesis would rather try few steps, and a run needs many."""

FAULT_ROLLOUTS = 120
"""In so many a fault has to be found."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What a piece of work saw; ``broken`` is the story of the first rule that did not hold."""

    happened: Counter[str] = field(default_factory=Counter)
    checked: Counter[str] = field(default_factory=Counter)
    broken: str = ""


def measure() -> Section:
    """See the module."""
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        seeds = range(-(-ROLLOUTS // BATCH))
        explored = list(_told(pool.map(explore, seeds, [BATCH] * len(seeds))))
        found = list(pool.map(find_fault, range(len(SABOTAGES))))
    happened = sum((each.happened for each in explored), Counter())
    checked = sum((each.checked for each in explored), Counter())
    return Section(
        "Model",
        (_words(happened),),
        (_rules(checked), _accidents(happened), _events(happened), _faults(found)),
        broken=tuple(_broken(happened, checked, explored, found)),
    )


def explore(number: int, count: int) -> Findings:
    """The rollouts of one seed. Stops at the first that breaks a rule, told as short as it can be."""
    return _run(number, count, (Phase.generate, Phase.shrink))


def find_fault(which: int) -> Findings:
    """The same with a fault built in."""
    with SABOTAGES[which].done():
        return _run(which, FAULT_ROLLOUTS, (Phase.generate,))


def check(count: int) -> None:
    """The first rollouts of the model, the same in every run. AssertionError if one breaks a rule."""
    _fresh()
    run_state_machine_as_test(
        Model, settings=_settings(count, (Phase.generate,), derandomize=True), _min_steps=FEWEST_STEPS
    )


def _run(number: int, count: int, phases: tuple[Phase, ...]) -> Findings:
    _fresh()
    broken = ""
    try:
        run_state_machine_as_test(seed(number)(Model), settings=_settings(count, phases), _min_steps=FEWEST_STEPS)
    except Exception as error:  # noqa: BLE001  whatever it was, it is the finding
        broken = "\n".join((f"{type(error).__name__}: {error}"[:4000], *getattr(error, "__notes__", ())))
    return Findings(Counter(Model.happened), Counter(Model.checked), broken)


def _fresh() -> None:
    """Nothing is counted yet, and nobody has used the cluster."""
    Model.cluster = Embedded()
    Model.happened.clear()
    Model.checked.clear()


def _settings(count: int, phases: tuple[Phase, ...], *, derandomize: bool = False) -> settings:
    return settings(
        max_examples=count,
        stateful_step_count=STEPS,
        phases=phases,
        derandomize=derandomize,
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )


def _told(findings: Iterable[Findings]) -> Iterable[Findings]:
    """With a word to whoever waits for it."""
    done = 0
    for each in findings:
        done += each.happened["rollout"]
        print(f"model: {done:,} rollouts", file=sys.stderr, flush=True)
        yield each


def _words(happened: Counter[str]) -> str:
    return (
        f"{happened['rollout']:,} rollouts of one app each, with two processes of Serin: the real engine, tick, sweep, "
        "SQLite store and official client beside the embedded cluster, in a time of their own. "
        f"{happened['tick']:,} ticks and {happened['sweep']:,} sweeps in an order that Hypothesis chose, with crashes "
        "and errors at any call, and with other ticks and people's deeds between two calls. The rules are held against "
        "every commit, every write and every tick's end; when all failures are over, every one has to come to rest. "
        "Rule 5 is about imports, which `make lint` checks."
    )


def _rules(checked: Counter[str]) -> Table:
    rows = tuple((str(rule.number), rule.says, f"{checked[rule.says]:,}") for rule in EVERY_RULE)
    return Table(("rule", "what must hold", "checked"), rows)


_ACCIDENTS = {
    "died before": "crash before",
    "died after": "crash after",
    "not reached": "no connection",
    "done, not answered": "answer lost",
    "answered 503": "503",
    "answered 429": "429",
    "interrupted": "others in between",
}


def _accidents(happened: Counter[str]) -> Table:
    """What happened at which call."""
    parted = [
        (kind, key.removeprefix(f"{kind} "), n)
        for key, n in happened.items()
        for kind in _ACCIDENTS
        if key.startswith(f"{kind} ")
    ]
    by_call = {(call, kind): n for kind, call, n in parted}
    names = sorted({call for call, _ in by_call})
    rows = tuple((call, *(f"{by_call.get((call, kind), 0):,}" for kind in _ACCIDENTS)) for call in names)
    return Table(("call", *_ACCIDENTS.values()), rows, "What happened at a call, before or after it was done:")


def _events(happened: Counter[str]) -> Table:
    deeds = {key.removeprefix("deed in a tick ").removeprefix("deed ") for key in happened if key.startswith("deed ")}
    rows = [
        ("ticks with another tick in between", happened["race"]),
        ("of these, with a commit by the other", happened["race with two commits"]),
        ("runs begun", happened["run"]),
        *_starting(happened, "phase ", "entered phase {}"),
        *_starting(happened, "command ", "{} obeyed"),
        *((name, happened[f"deed {name}"] + happened[f"deed in a tick {name}"]) for name in sorted(deeds)),
    ]
    return Table(("what happened", "times"), tuple((name, f"{n:,}") for name, n in rows))


def _starting(happened: Mapping[str, int], prefix: str, text: str) -> list[tuple[str, int]]:
    return [(text.format(key.removeprefix(prefix)), n) for key, n in sorted(happened.items()) if key.startswith(prefix)]


def _faults(found: list[Findings]) -> Table:
    rows = [
        (sabotage.says, _first_line(each.broken) or "-", f"{each.happened['rollout']:,}")
        for sabotage, each in zip(SABOTAGES, found, strict=True)
    ]
    return Table(("fault built in on purpose", "found by", "rollouts"), tuple(rows), "Would the model see it?")


def _first_line(broken: str) -> str:
    """The rule that was broken, without its story."""
    return broken.partition("\n")[0].removeprefix("AssertionError: ").partition(": ")[0][:120]


def _broken(
    happened: Counter[str], checked: Counter[str], explored: list[Findings], found: list[Findings]
) -> Iterable[str]:
    yield from (each.broken for each in explored if each.broken)
    if happened["rollout"] < ROLLOUTS:
        yield f"only {happened['rollout']} of {ROLLOUTS} rollouts were tried"
    yield from (f"never checked: {rule.says}" for rule in EVERY_RULE if not checked[rule.says])
    missed = (sabotage for sabotage, each in zip(SABOTAGES, found, strict=True) if not each.broken)
    yield from (f"a fault was not found: Serin {sabotage.says}" for sabotage in missed)
