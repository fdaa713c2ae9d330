"""Answers a scrape: who may read, of which cluster, and the text.

One paged read of the rollouts a scrape, and nothing kept between two: instances that answered from caches of different
age would let a counter go back, which Prometheus takes for a restart and counts everything again.

It must never need credentials for a cluster, nor load what talks to one.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING

from shared.caller import Gatekeeper, make_scrape_gatekeeper
from shared.errors import SerinError
from shared.logs import Log
from shared.metrics.exposition import CONTENT_TYPE, write
from shared.metrics.flagger import FLAGGER
from shared.metrics.own import SERIN
from shared.metrics.source import Snapshot
from shared.reply import NOT_FOUND, NOT_NOW, Reply
from shared.settings import clusters_of, read_settings
from shared.state.open import open_store

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.settings import Settings
    from shared.state.store import Store

SOURCES = (*FLAGGER, *SERIN)
"""Every metric, in the order of the text."""


@dataclass(frozen=True, slots=True)
class Page:
    """A text for Prometheus."""

    text: str

    @property
    def response(self) -> tuple[str, int, dict[str, str]]:
        """In the form that a function returns."""
        return self.text, 200, {"Content-Type": CONTENT_TYPE}


@dataclass(frozen=True, slots=True)
class Scrape:
    """What scrapes are answered with."""

    store: Store
    gatekeeper: Gatekeeper
    clusters: tuple[str, ...]
    clock: Callable[[], datetime]
    log: Log

    def answer(self, path: str, authorization: str | None, address: str) -> Page | Reply:
        """The metrics of the cluster that the last part of ``path`` names; without one, of the first."""
        turned_away = self.gatekeeper.turn_away(authorization, address)
        if turned_away is not None:
            return turned_away
        cluster = path.strip("/").rpartition("/")[2]
        if cluster in ("", "metrics") and cluster not in self.clusters:
            cluster = self.clusters[0]
        if cluster not in self.clusters:
            return NOT_FOUND
        try:
            return Page(self._text(cluster))
        except SerinError as error:
            self.log.error(str(error), cluster=cluster)
            return NOT_NOW

    def _text(self, cluster: str) -> str:
        snapshot = Snapshot(tuple(self.store.all(cluster)), self.clock())
        return write((source.family, source.samples(snapshot)) for source in SOURCES)


def scrape_of_process() -> Scrape:
    """What this process answers with. Requests come in many threads: the first builds, the others wait for it."""
    with _building:
        return _build_once()


_building = Lock()


@cache
def _build_once() -> Scrape:
    return build(read_settings(os.environ))


def build(settings: Settings) -> Scrape:
    """The answerer for these settings."""
    log = Log()
    return Scrape(
        store=open_store(settings.store),
        gatekeeper=make_scrape_gatekeeper(settings, log),
        clusters=tuple(cluster.name for cluster in clusters_of(settings)),
        clock=lambda: datetime.now(UTC),
        log=log,
    )
