"""History is kept for as long as somebody says, while releases go on."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from shared.rollout import Phase
from shared.state.open import open_store

if TYPE_CHECKING:
    from tests.support.app import Release
    from tests.support.serin import Serin


def test_old_history_goes_with_the_sweep_and_runs_are_numbered_on(serin: Serin, release: Release) -> None:
    with closing(open_store("sqlite://", history_days=30)) as store:
        serin.parts = replace(serin.parts, store=store)
        release.install(interval="1s")
        serin.run_until(lambda rollout: rollout.phase is Phase.INITIALIZED and not rollout.active)
        assert [run["run"] for run in store.runs(serin.key, 10)] == ["000000"]
        serin.clock.skipped += timedelta(days=31)
        serin.sweep()
        assert store.runs(serin.key, 10) == store.history(serin.key, "000000") == []
        release.upgrade("app:2")
        serin.sweep()
        serin.run_until(lambda rollout: rollout.phase is Phase.SUCCEEDED and not rollout.active)
        assert [run["run"] for run in store.runs(serin.key, 10)] == ["000001"]
