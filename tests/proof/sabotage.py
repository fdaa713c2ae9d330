"""Serin, broken on purpose: a model that does not find these faults would prove nothing.

Each is a patch of one function of the product, for as long as its context lasts.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import shared.cluster.converge as converging
import shared.hints as hinting
import shared.tick as ticking
from shared import desired
from shared.canary.leaving import read_canary
from shared.cluster.gateway import Gateway
from shared.cluster.observe import look_at
from shared.engine import commands, look_for, promotion, rest, run
from shared.errors import ClusterUnavailable
from shared.rollout import Phase
from shared.state.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shared.changes import Write


@dataclass(frozen=True, slots=True)
class Sabotage:
    """A fault: ``says`` what is wrong then; ``work`` makes the worse function out of ``owner``'s ``name``."""

    says: str
    owner: Any
    name: str
    worse: Callable[[Any], Any]

    @contextmanager
    def done(self) -> Iterator[None]:
        """Within the block Serin has the fault."""
        with patch.object(self.owner, self.name, self.worse(getattr(self.owner, self.name))):
            yield


def _converge_first(honest: Any) -> Any:
    def commit(parts: Any, job: Any, rollout: Any, lines: Any, results: Any = ()) -> Any:
        canary, following = read_canary(job.raw), replace(rollout, version=job.loaded.version + 1)
        scene = look_at(job.gateway, canary, following, look_for(canary, following))
        converging.converge(job.gateway, canary, desired.changes(canary, following, scene))
        return honest(parts, job, rollout, lines, results)

    return commit


def _write_over(honest: Any) -> Any:
    def write(gateway: Any, kind: Any, change: Write) -> None:
        name = change.obj["metadata"]
        live = gateway.get(kind, name["namespace"], name["name"])
        honest(gateway, kind, replace(change, live=live, looked=True))

    return write


def _commit_over(honest: Any) -> Any:
    def commit(store: SqliteStore, key: Any, rollout: Any, entry: Any) -> None:
        found = store.load(key)
        honest(store, key, replace(rollout, version=(found.version if found else 0) + 1), entry)

    return commit


def _missing_if_unavailable(honest: Any) -> Any:
    def request(gateway: Gateway, method: str, *rest: Any, **more: Any) -> Any:
        try:
            return honest(gateway, method, *rest, **more)
        except ClusterUnavailable:
            if method == "GET":
                return None
            raise

    return request


def _deaf_in_promotion(honest: Any) -> Any:
    def abort(situation: Any, draft: Any, command: Any) -> Any:
        busy = draft.rollout.phase is Phase.PROMOTING
        return draft.look_again() if busy else honest(situation, draft, command)

    return abort


def _hurrying(honest: Any) -> Any:
    return lambda rollout, now, *more: replace(honest(rollout, now, *more), step_at=now)


def _scale_first(honest: Any) -> Any:
    def everything(aim: Any) -> Any:
        yield from desired._scale(replace(aim, rollout=replace(aim.rollout, replicas=0)))
        yield from honest(aim)

    return lambda aim: everything(aim) if aim.rollout.phase is Phase.FAILED else honest(aim)


def _count_all(situation: Any, draft: Any) -> Any:
    return draft.set(failed=draft.rollout.failed + 1).step_done()


SABOTAGES = (
    Sabotage("converges before it commits", ticking, "_commit", _converge_first),
    Sabotage("writes over whatever is there", converging, "_write", _write_over),
    Sabotage("commits whatever the version", SqliteStore, "commit", _commit_over),
    Sabotage(
        "ignores a difference",
        import_module("shared.engine.decide"),
        "_repair",
        lambda _: run.progress,
    ),
    Sabotage("advances on an unanswered check", run, "_unanswered", lambda _: run._next_step),
    Sabotage("counts an unanswered check as failed", run, "_unanswered", lambda _: _count_all),
    Sabotage("takes an error for a missing object", Gateway, "_request", _missing_if_unavailable),
    Sabotage("lets a hint hurry the next step", hinting, "with_hint", _hurrying),
    Sabotage("does not wait for the canary's pods", run, "readiness", lambda _: lambda *_: ""),
    Sabotage("does not wait for the first primary's pods", rest, "readiness", lambda _: lambda *_: ""),
    Sabotage("does not wait for the promoted primary's pods", promotion, "readiness", lambda _: lambda *_: ""),
    Sabotage("scales down while it rolls back", desired, "_all", _scale_first),
    Sabotage("does not hear an abort while it promotes", commands, "_abort", _deaf_in_promotion),
)
