"""Rollouts for tests of what keeps them: a hypothesis strategy over all their fields, and one that just counts.

Run as a program (``python -m tests.support.rollouts URL TIMES``) it counts from a process of its own.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

from hypothesis import strategies as st

from shared.errors import StaleRollout
from shared.history import Entry
from shared.notice import Card, Facts, Level, Mail, Notice, Occasion, Standing
from shared.plan import Strategy
from shared.rollout import Command, Heard, Letter, Line, Phase, Revision, Rollout, RolloutKey, Severity, Verb
from shared.state.open import open_store
from shared.tally import BUCKETS, Histogram, Reading, Tally

if TYPE_CHECKING:
    from shared.state.store import Store

T = TypeVar("T")

KEY = RolloutKey("east", "shop", "cart")
AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

FIRST_MOMENT = datetime(1970, 1, 1)  # noqa: DTZ001  hypothesis takes bounds without a zone, and adds it
LAST_MOMENT = datetime(9990, 1, 1)  # noqa: DTZ001

moments = st.datetimes(FIRST_MOMENT, LAST_MOMENT, timezones=st.just(UTC))
_words = [st.text()] * 5
commands = st.builds(Command, st.text(), st.sampled_from(Verb), st.text(), moments, *_words)

_counts = st.integers(-1, 2**53)
_config_names = st.from_regex(r"(configmap|secret)/[a-z0-9.-]{1,20}", fullmatch=True)
_lines = st.builds(Line, _counts, moments, st.sampled_from(Severity), st.text())
_letters = st.builds(Letter, st.text(), _lines, st.text(), st.text())

_numbers = st.floats(allow_nan=False, allow_infinity=False)
_histograms = st.builds(Histogram, st.tuples(*[_counts] * (len(BUCKETS) + 1)), _numbers)
_readings = st.builds(Reading, st.text(), st.none() | _numbers, st.none() | _numbers, st.none() | _numbers)

_texts = st.lists(st.text(), max_size=2).map(tuple)
_facts = st.from_type(Facts)
_maybe = st.none() | moments
_levels = st.sampled_from(Level)
_tried = (st.text(), st.sampled_from(Standing), _counts, _maybe)
_said = (moments, st.text(), _facts, _texts)
_notices = st.builds(Notice, st.text(), st.text(), st.sampled_from(Occasion), _levels, *_said, *_tried)
_cards = st.builds(Card, _facts, moments, st.text(), _levels, st.booleans(), *[st.text()] * 3, _maybe)
_mails = st.builds(
    Mail, st.lists(_notices, max_size=2).map(tuple), st.lists(_cards, max_size=2).map(tuple), st.text(), _maybe
)

_OF_TYPE: dict[Any, st.SearchStrategy[Any]] = {
    bool: st.booleans(),
    int: _counts,
    int | None: st.none() | _counts,
    str: st.text(),
    datetime: moments,
    datetime | None: st.none() | moments,
    Phase: st.sampled_from(Phase),
    Revision: st.builds(Revision, st.text(), st.dictionaries(_config_names, st.text(), max_size=3)),
    tuple[Command, ...]: st.lists(commands, max_size=3).map(tuple),
    tuple[Heard, ...]: st.lists(st.builds(Heard, st.text(), moments), max_size=3).map(tuple),
    tuple[str, ...]: st.lists(st.text(), max_size=3).map(tuple),
    tuple[Line, ...]: st.lists(_lines, max_size=3).map(tuple),
    tuple[Letter, ...]: st.lists(_letters, max_size=3).map(tuple),
    float: _numbers,
    float | None: st.none() | _numbers,
    Strategy: st.sampled_from(Strategy),
    Histogram: _histograms,
    Mapping[str, object]: st.sampled_from(({}, {"pace": 1.5}, {"pace": {"of": ["another", "release"]}})),
    Mapping[str, int]: st.dictionaries(st.sampled_from(("promoted", "failed", "aborted")), _counts),
    tuple[Reading, ...]: st.lists(_readings, max_size=3).map(tuple),
    Mail: _mails,
}
"""By type and not by name, so that a new field is tested, or has no strategy here and fails, but is never forgotten."""


def _of(kind: type[T]) -> st.SearchStrategy[T]:
    hints = get_type_hints(kind, None, {"Mapping": Mapping})
    return st.builds(kind, **{name: _OF_TYPE[hint] for name, hint in hints.items()})


_OF_TYPE[Tally] = _of(Tally)
rollouts = _of(Rollout)


def first_version(*, runs: int = 1, due_at: datetime = AT, active: bool = True) -> Rollout:
    """A rollout that no store has yet."""
    return Rollout(version=1, phase=Phase.PROGRESSING, runs=runs, due_at=due_at, active=active)


def next_version(rollout: Rollout) -> Rollout:
    """The rollout one commit later, with one more counted."""
    return replace(rollout, version=rollout.version + 1, sequence=rollout.sequence + 1)


def entry_of(rollout: Rollout) -> Entry:
    """What the history says of the commit of ``rollout``, one second after the one before."""
    at = AT + timedelta(seconds=rollout.version)
    return Entry(rollout.run, rollout.version, at, rollout.phase, rollout.weight)


def count(store: Store, key: RolloutKey, times: int, *, aloud: bool = False) -> None:
    """Counts ``times`` in the rollout at ``key`` by load and commit, again after each lost race; tells each version."""
    done = 0
    while done < times:
        rollout = store.load(key)
        assert rollout is not None
        following = next_version(rollout)
        with suppress(StaleRollout):
            store.commit(key, following, entry_of(following))
            done += 1
            if aloud:
                print(following.version, flush=True)


if __name__ == "__main__":
    count(open_store(sys.argv[1]), KEY, int(sys.argv[2]), aloud=True)
