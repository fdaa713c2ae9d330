"""Serin's own metrics: how its work goes, what waits, and what holds a rollout up.

Counters are given for each Canary and never summed over all of them: a sum would fall when a Canary is deleted, and
Prometheus would take that for a restart and count everything again.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from shared.checks.verdict import Verdict
from shared.metrics.exposition import Family, Kind, Sample, summary_samples
from shared.metrics.source import Source
from shared.rollout import Phase
from shared.schema import SCHEMA
from shared.tally import Ending, Outcome
from shared.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shared.metrics.source import Snapshot
    from shared.rollout import Line, Rollout

_CANARY = ("namespace", "canary")


def _info(_snapshot: Snapshot) -> Iterator[Sample]:
    yield Sample((VERSION, str(SCHEMA)), 1)


def _rollouts(snapshot: Snapshot) -> Iterator[Sample]:
    phases = Counter(rollout.phase for _, rollout in snapshot.born())
    for phase in Phase:
        yield Sample((str(phase),), phases[phase])


def _active(snapshot: Snapshot) -> Iterator[Sample]:
    yield Sample((), sum(rollout.active for _, rollout in snapshot.rollouts))


def _due(snapshot: Snapshot) -> Iterator[Sample]:
    yield Sample((), len(_late(snapshot)))


def _due_lag(snapshot: Snapshot) -> Iterator[Sample]:
    yield Sample((), max(_late(snapshot), default=0.0))


def _late(snapshot: Snapshot) -> list[float]:
    """For how many seconds each of the rollouts that are due has been so."""
    waits = ((snapshot.now - rollout.due_at).total_seconds() for _, rollout in snapshot.rollouts if rollout.active)
    return [wait for wait in waits if wait >= 0]


def _outbox(snapshot: Snapshot) -> Iterator[Sample]:
    for to in _OUTBOXES:
        yield Sample((to,), len(_ages(snapshot, to)))


def _outbox_age(snapshot: Snapshot) -> Iterator[Sample]:
    for to in _OUTBOXES:
        yield Sample((to,), max(_ages(snapshot, to), default=0.0))


def _ages(snapshot: Snapshot, to: str) -> list[float]:
    """How many seconds ago each of the lines that wait was decided."""
    lines = (line for _, rollout in snapshot.rollouts for line in _OUTBOXES[to](rollout))
    return [(snapshot.now - line.at).total_seconds() for line in lines]


_OUTBOXES: dict[str, Callable[[Rollout], tuple[Line, ...]]] = {
    "events": lambda rollout: rollout.outbox,
    "hooks": lambda rollout: tuple(letter.line for letter in rollout.letters),
}


def _commands(snapshot: Snapshot) -> Iterator[Sample]:
    yield Sample((), sum(len(rollout.commands) for _, rollout in snapshot.rollouts))


def _phase(snapshot: Snapshot) -> Iterator[Sample]:
    for values, rollout in snapshot.named():
        yield Sample((*values, str(rollout.phase)), 1)


def _phase_start(snapshot: Snapshot) -> Iterator[Sample]:
    for values, rollout in snapshot.named():
        yield Sample(values, round(rollout.phase_since.timestamp(), 3))


def _held(snapshot: Snapshot) -> Iterator[Sample]:
    for values, rollout in snapshot.named():
        for reason, holds in _HOLDS.items():
            yield Sample((*values, reason), holds(rollout))


_HOLDS: dict[str, Callable[[Rollout], bool]] = {
    "blind": lambda rollout: rollout.blind,
    "error": lambda rollout: bool(rollout.last_error),
    "halt": lambda rollout: bool(rollout.halt),
    "paused": lambda rollout: rollout.paused,
}


def _failed(snapshot: Snapshot) -> Iterator[Sample]:
    for values, rollout in snapshot.named():
        yield Sample(values, rollout.failed)


def _unanswered(snapshot: Snapshot) -> Iterator[Sample]:
    for values, rollout in snapshot.named():
        yield Sample(values, rollout.unknown)


def _checks(snapshot: Snapshot) -> Iterator[Sample]:
    for values, rollout in snapshot.named():
        for verdict in Verdict:
            yield Sample((*values, str(verdict)), rollout.tally.checks.get(str(verdict), 0))


def _runs(snapshot: Snapshot) -> Iterator[Sample]:
    for values, rollout in snapshot.named():
        endings = Counter[Outcome]()
        for text, number in rollout.tally.endings.items():
            endings[Ending.parse(text).outcome] += number
        for outcome in Outcome:
            yield Sample((*values, str(outcome)), endings[outcome])


def _last_run(snapshot: Snapshot) -> Iterator[Sample]:
    for values, rollout in snapshot.named():
        if rollout.tally.took is not None:
            yield Sample(values, rollout.tally.took)


def _ticks(snapshot: Snapshot) -> Iterator[Sample]:
    for values, rollout in snapshot.named():
        yield from summary_samples(values, rollout.tally.ticks, rollout.tally.seconds)


def _held_ticks(snapshot: Snapshot) -> Iterator[Sample]:
    for values, rollout in snapshot.named():
        yield Sample(values, rollout.tally.held)


def _bounds(snapshot: Snapshot) -> Iterator[Sample]:
    for values, rollout in snapshot.targeted():
        for reading in rollout.tally.readings:
            for bound, number in (("min", reading.min), ("max", reading.max)):
                if number is not None:
                    yield Sample((*values, reading.metric, bound), number)


def _gauge(name: str, text: str, labels: tuple[str, ...] = ()) -> Family:
    return Family(f"serin_{name}", Kind.GAUGE, text, labels)


def _counter(name: str, text: str, labels: tuple[str, ...]) -> Family:
    return Family(f"serin_{name}_total", Kind.COUNTER, text, labels)


SERIN = (
    Source(
        _gauge("info", "Serin's version, and the schema of the documents that it writes", ("version", "schema")), _info
    ),
    Source(_gauge("rollouts", "Rollouts by phase", ("phase",)), _rollouts),
    Source(_gauge("active_rollouts", "Rollouts that are not at rest"), _active),
    Source(_gauge("due_rollouts", "Rollouts that are due and not yet ticked"), _due),
    Source(_gauge("due_lag_seconds", "For how long the longest waiting of them has been due"), _due_lag),
    Source(_gauge("outbox_lines", "Lines still to be delivered, to Events or to event hooks", ("to",)), _outbox),
    Source(_gauge("outbox_age_seconds", "Age of the oldest of them", ("to",)), _outbox_age),
    Source(_gauge("waiting_commands", "Commands of people that no tick has obeyed yet"), _commands),
    Source(_gauge("rollout_phase", "1 for the phase that the rollout is in", (*_CANARY, "phase")), _phase),
    Source(
        _gauge("rollout_phase_start_timestamp_seconds", "When the rollout entered its phase", _CANARY), _phase_start
    ),
    Source(_gauge("rollout_held", "Whether something holds the rollout up", (*_CANARY, "reason")), _held),
    Source(_gauge("rollout_failed_checks", "Failed checks of the current or last run", _CANARY), _failed),
    Source(_gauge("rollout_unanswered_checks", "Unanswered checks in a row", _CANARY), _unanswered),
    Source(_gauge("last_run_duration_seconds", "What the last run took from start to end", _CANARY), _last_run),
    Source(
        _gauge("metric_bound", "Bounds of the metrics of an analysis", ("name", "namespace", "metric", "bound")),
        _bounds,
    ),
    Source(_counter("checks", "Answers of checks by verdict", (*_CANARY, "verdict")), _checks),
    Source(_counter("runs", "Runs that ended, by outcome", (*_CANARY, "outcome")), _runs),
    Source(_counter("held_ticks", "Ticks that were not done because something did not answer", _CANARY), _held_ticks),
    Source(
        Family("serin_tick_duration_seconds", Kind.SUMMARY, "Ticks, from their first look to the decision", _CANARY),
        _ticks,
    ),
)
