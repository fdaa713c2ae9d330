"""What ticks leave in the metrics: a release that is promoted, and a cluster that does not answer."""

from __future__ import annotations

import io
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from shared.caller import Gatekeeper
from shared.errors import ClusterUnavailable
from shared.logs import Log
from shared.metrics.scrape import Page, Scrape
from shared.rollout import Phase

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.app import Release
    from tests.support.serin import Serin


class Exposed:
    """The metrics of one moment."""

    def __init__(self, serin: Serin) -> None:
        log = Log(io.StringIO())
        scrape = Scrape(serin.parts.store, Gatekeeper(None, log), (serin.key.cluster,), serin.clock, log)
        page = scrape.answer("", None, "127.0.0.1")
        assert isinstance(page, Page)
        mine = f'namespace="{serin.key.namespace}"'
        self._lines = [line for line in page.text.splitlines() if mine in line]

    def number(self, name: str, **labels: str) -> float:
        """The one series of this name that has these labels."""
        pairs = [f'{label}="{value}"' for label, value in labels.items()]
        found = [line for line in self._lines if line.startswith(f"{name}{{") and all(pair in line for pair in pairs)]
        assert len(found) == 1, found
        return float(found[0].rpartition(" ")[2])


@contextmanager
def unreachable(serin: Serin) -> Iterator[None]:
    """Within the block the cluster cannot be asked."""

    def fail(_cluster: str) -> None:
        raise ClusterUnavailable("the API server does not answer")

    parts = serin.parts
    serin.parts = replace(parts, gateway=fail)  # type: ignore[arg-type]  # it gives no gateway
    try:
        yield
    finally:
        serin.parts = parts


@pytest.mark.parametrize("skipped", [False, True], ids=["analysed", "skipped"])
def test_a_promotion_is_one_success_and_every_tick_is_timed(serin: Serin, release: Release, skipped: bool) -> None:
    release.install(interval="1s")
    serin.run_until(lambda rollout: rollout.phase is Phase.INITIALIZED and rollout.replicas is None)
    before = Exposed(serin)
    if skipped:
        release.patch("canary", {"spec": {"skipAnalysis": True}})
    release.upgrade("app:2")
    serin.hint()
    serin.run_until(lambda rollout: rollout.phase is Phase.SUCCEEDED and not rollout.active)
    after = Exposed(serin)

    def grown(name: str, **labels: str) -> float:
        return after.number(name, **labels) - before.number(name, **labels)

    successes = {
        status: grown("flagger_canary_successes_total", analysis_status=status) for status in ("completed", "skipped")
    }
    assert successes == {"completed": float(not skipped), "skipped": float(skipped)}
    assert grown("serin_checks_total", verdict="pass") == (0 if skipped else 2)
    assert before.number("flagger_canary_duration_seconds_count") == 0
    assert 0 < grown("flagger_canary_duration_seconds_count") < grown("serin_tick_duration_seconds_count")
    assert after.number("flagger_canary_weight", workload="frontend-primary") == 100
    assert after.number("serin_last_run_duration_seconds") > 0


def test_a_tick_that_could_not_be_done_is_counted_as_such(serin: Serin, release: Release) -> None:
    release.install(interval="1s")
    serin.run_until(lambda rollout: rollout.phase is Phase.INITIALIZED and rollout.replicas is None)
    serin.hint()
    before = Exposed(serin)
    with unreachable(serin):
        serin.tick()
    during = Exposed(serin)
    ticks, held = "serin_tick_duration_seconds_count", "serin_held_ticks_total"
    assert during.number(held) == before.number(held) + 1
    assert during.number(ticks) == before.number(ticks)
    assert during.number("serin_rollout_held", reason="error") == 1
    serin.clock.skip_to(serin.rollout.due_at)
    serin.tick()
    assert Exposed(serin).number("serin_rollout_held", reason="error") == 0
