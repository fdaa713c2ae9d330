"""None lost, none twice, wherever a process dies.

A rollout's mail is delivered by the real tick and the real slack-sdk, and the process is killed before and after each
of its calls to store, cluster and Slack in turn.

A new process goes on when the lease of the dead one is over.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, cast

import pytest
from slack_sdk import WebClient

from shared.delivery.courier import Courier
from shared.delivery.receivers import Receivers
from shared.delivery.slack_app import SlackApp
from shared.notice import Card, Facts, Level, Mail, Notice, Occasion
from shared.notices.announce import SLACK
from shared.notices.ledger import LEASE
from shared.rollout import Phase, Rollout
from shared.state.open import open_store
from shared.tick import tick
from tests.support.app import canary, release_key
from tests.support.mortal import Deaths, Died, Mortal
from tests.support.serin import make_serin
from tests.support.slack_api import CHANNEL, TOKEN, SlackApi

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.cluster.gateway import Gateway
    from shared.rollout import RolloutKey
    from shared.state.store import Store
    from shared.tick import Parts
    from tests.support.embedded_cluster import EmbeddedCluster

RUN = Facts(run="000001", phase="Succeeded", revision="v1-new")
TEXTS = ("first details", "second details", "promotion finished")
TICKS = 40


@dataclass(slots=True)
class Bench:
    """A resting rollout with mail, a Slack, and processes that come and go. ``now`` is everybody's time."""

    parts: Parts
    store: Store
    slack: SlackApi
    key: RolloutKey
    now: datetime

    def live(self, deaths: Deaths) -> bool:
        """One process ticks until nothing is due any more; whether it lived to see that."""
        parts = self._process(deaths)
        for _ in range(TICKS):
            rollout = self.store.load(self.key)
            assert rollout is not None
            if not rollout.active:
                return True
            self.now = max(self.now + timedelta(seconds=1), rollout.due_at)
            try:
                tick(parts, self.key)
            except Died:
                return False
        raise AssertionError(f"still not delivered after {TICKS} ticks: {self.store.load(self.key)}")

    def _process(self, deaths: Deaths) -> Parts:
        """A new process: it remembers nothing of the one before."""
        app = SlackApp(TOKEN, CHANNEL, self.slack.base_url)
        gateway = self.parts.gateway("test")
        return replace(
            self.parts,
            store=cast("Store", Mortal(self.store, deaths, ("load", "commit"))),
            gateway=lambda _: cast("Gateway", Mortal(gateway, deaths, ("get", "create"))),
            clock=lambda: self.now,
            courier=Courier(Receivers(app=app, slack_api=self.slack.base_url)),
        )


@pytest.fixture
def slack() -> Iterator[SlackApi]:
    with SlackApi() as server:
        yield server


@pytest.fixture
def bench(embedded_cluster: EmbeddedCluster, slack: SlackApi) -> Bench:
    namespace = embedded_cluster.create_namespace()
    embedded_cluster.api.create(f"/apis/flagger.app/v1beta1/namespaces/{namespace}/canaries", canary())
    store = open_store("sqlite://")
    made = make_serin(embedded_cluster, store, release_key(namespace), "http://127.0.0.1:1")
    bench = Bench(made.parts, store, slack, made.key, datetime.now(UTC))
    slack.clock = lambda: datetime.timestamp(bench.now)
    return bench


def fill(bench: Bench) -> None:
    """A fresh Slack, and a rollout whose run is over and of which nobody was told anything yet."""
    bench.slack.forget()
    bench.store.delete(bench.key)
    at = bench.now
    occasions = (Occasion.STARTED, Occasion.DETAILS, Occasion.DETAILS, Occasion.PROMOTED)
    texts = ("", *TEXTS)
    notices = tuple(
        Notice(f"{bench.key}/000001/{n}.0", SLACK, occasion, Level.INFO, at, text, RUN, (text,))
        for n, (occasion, text) in enumerate(zip(occasions, texts, strict=True))
    )
    mail = Mail(notices, (Card(RUN, at, ending="promotion finished"),))
    resting = Rollout(version=1, phase=Phase.SUCCEEDED, due_at=at, hinted=False, runs=1, mail=mail)
    bench.store.commit(bench.key, resting, None)


def deliver_dying(bench: Bench, monkeypatch: pytest.MonkeyPatch, points: frozenset[int]) -> Deaths:
    """Deliver everything, with as many processes as it takes."""
    fill(bench)
    deaths = Deaths(points)
    honest = WebClient.api_call
    monkeypatch.setattr(WebClient, "api_call", lambda *args, **more: deaths.around(lambda: honest(*args, **more)))
    try:
        while not bench.live(deaths):
            bench.now += LEASE
    finally:
        monkeypatch.undo()
    return deaths


def check_told_once(bench: Bench, points: frozenset[int]) -> None:
    slack = bench.slack
    run, end = [message["ts"] for message in slack.messages()][:2]
    assert len(slack.messages()) == 2, f"died at {sorted(points)}"
    thread = [message["text"] for message in slack.messages(thread=run)]
    assert [text in said for text, said in zip(TEXTS, thread, strict=True)] == [True] * 3, f"died at {sorted(points)}"
    assert slack.messages(thread=run)[-1]["ts"] == end


def test_a_process_that_dies_at_any_call_loses_nothing_and_says_nothing_twice(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = deliver_dying(bench, monkeypatch, frozenset()).passed
    check_told_once(bench, frozenset())
    assert points >= 20, "loads, commits, reads and four posts, before and after each"
    for point in range(points):
        deaths = deliver_dying(bench, monkeypatch, frozenset({point}))
        assert deaths.happened == 1
        check_told_once(bench, frozenset({point}))


def test_nor_do_processes_that_die_again_and_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    points = deliver_dying(bench, monkeypatch, frozenset()).passed
    chance = random.Random(7)  # noqa: S311  it chooses where a test dies
    for _ in range(25):
        some = frozenset(chance.sample(range(points * 2), 4))
        deliver_dying(bench, monkeypatch, some)
        check_told_once(bench, some)
