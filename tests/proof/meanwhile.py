"""What goes on although a part is broken: people are obeyed, others are released, and who asks is answered.

It must never wait for a fault to end where the point is that nobody has to.
"""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from shared import webhook
from shared.clusters.registry import ByTokenFile
from shared.clusters.registry import Cluster as Registered
from shared.rollout import Command, Phase, Verb
from tests.proof.ordeal import TICKS, installed, is_promoted, seconds_of_tick, started, upgrade
from tests.support.cluster import install_crds
from tests.support.embedded_cluster import EmbeddedCluster
from tests.support.figures import Table
from tests.support.reviews import review
from tests.support.serin import SECRET
from tests.support.slack_api import SlackApi
from tests.support.slack_people import SlackFunction, Somebody
from tests.support.waiting import eventually
from tests.support.web import hang

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from shared.rollout import Rollout
    from tests.proof.ordeal import Ground
    from tests.support.firestore import FirestoreEmulator

SKEW = timedelta(minutes=5)

HOME_SECONDS, ANSWER_SECONDS, RUN_SECONDS = 20.0, 3.0, 60.0
"""Until all traffic is at the primary, from the command or from the end of the fault; until an answer; for a run."""

CAPTION = "What goes on all the same:"
HEADER = ("what is wrong", "what happens", "after", "at most")

_PATH_SECRET = "a-path-secret-of-the-proof-alone"


@dataclass(frozen=True, slots=True)
class Sight:
    """Something that has to happen within ``bound`` seconds while something is ``wrong``; ``seen`` if it did."""

    wrong: str
    happens: str
    seen: bool
    seconds: float
    bound: float


def on_the_ground(ground: Ground, directory: Path) -> Iterator[Sight]:
    """What needs a cluster."""
    yield abort_without_metrics(ground)
    yield abort_without_api(ground)
    yield another_cluster(ground, directory)
    yield two_clocks(ground)


def without_store(ground: Ground, emulator: FirestoreEmulator, directory: Path) -> Iterator[Sight]:
    """What is answered while the store is frozen."""
    yield webhook_answers(ground, emulator)
    yield slack_answers(ground, emulator, directory)


def abort_without_metrics(ground: Ground) -> Sight:
    """Nobody needs a metric to go back."""
    _at_a_quarter(ground)
    with ground.prometheus.process.down():
        seconds_of_tick(ground.serin)
        began = time.monotonic()
        _abort(ground)
        ground.serin.run_until(_has_failed, 120)
        seconds, home = time.monotonic() - began, ground.release.weights() == (100, 0)
    return Sight("Prometheus killed", "an abort brings all traffic home", home, seconds, HOME_SECONDS)


def abort_without_api(ground: Ground) -> Sight:
    """What cannot be done yet is not forgotten."""
    _at_a_quarter(ground)
    with ground.cluster.api_server.down():
        _abort(ground)
        for _ in range(TICKS):
            seconds_of_tick(ground.serin)
        kept = [command.verb for command in ground.serin.rollout.commands] == [Verb.ABORT]
    began = time.monotonic()
    ground.serin.run_until(_has_failed, 120)
    home = kept and ground.release.weights() == (100, 0)
    what = "an abort is kept, and done when it is back"
    return Sight("API server killed", what, home, time.monotonic() - began, HOME_SECONDS)


def another_cluster(ground: Ground, directory: Path) -> Sight:
    """A cluster that hangs takes nothing from another one of the same process."""
    _at_a_quarter(ground)
    with EmbeddedCluster(directory) as cluster:
        install_crds(cluster)
        token = directory / "token-of-the-other"
        token.write_text(cluster.serin_token)
        other = Registered("other", ByTokenFile(str(token)), api=cluster.url)
        settings = replace(ground.settings, clusters=(*ground.settings.clusters, other))
        release = installed(cluster)
        serin = started(settings, release, "other")
        first = replace(ground.serin, parts=replace(serin.parts, clock=ground.serin.clock, log=ground.serin.parts.log))
        there = replace(ground, release=release, serin=serin)
        with ground.api.misbehaving(hang), ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(seconds_of_tick, first)
            began = time.monotonic()
            image = upgrade(there)
            serin.run_until(is_promoted, 120)
            seconds = time.monotonic() - began
            promoted = release.image("frontend-primary") == image and not waiting.done()
    ground.serin.run_until(is_promoted, 120)
    return Sight("API server of one cluster hangs", "a run in another is promoted", promoted, seconds, RUN_SECONDS)


def two_clocks(ground: Ground) -> Sight:
    """Two instances whose clocks are five minutes apart, both woken and both ticking, again and again."""
    release = installed(ground.cluster)
    release.patch("canary", {"spec": {"progressDeadlineSeconds": 600}})  # the default; the app's own is shorter
    serin, other = started(ground.settings, release), started(ground.settings, release)
    ahead = replace(other, parts=replace(other.parts, clock=lambda: serin.clock() + SKEW))
    began = time.monotonic()
    image = upgrade(replace(ground, release=release, serin=serin))
    with ThreadPoolExecutor(2) as pool:
        while not is_promoted(serin.rollout) and time.monotonic() - began < RUN_SECONDS:
            list(pool.map(lambda instance: instance.tick(), (serin, ahead)))
            time.sleep(0.1)
            if serin.rollout.active:
                serin.hint()
    weights = sorted(line.rpartition(" ")[2] for line in serin.messages + ahead.messages if line.startswith("Advance"))
    once = weights == ["25", "50"] and release.image("frontend-primary") == image
    what = "two instances make each step of a run once"
    return Sight("clocks five minutes apart", what, once, time.monotonic() - began, RUN_SECONDS)


def webhook_answers(ground: Ground, emulator: FirestoreEmulator) -> Sight:
    """The cluster waits for the webhook, and the webhook for nobody."""
    cluster = replace(ground.settings.clusters[0], webhook_secrets=(_PATH_SECRET,))
    asked = webhook.build(replace(ground.settings, clusters=(cluster,)))
    body = json.dumps(review("deployment_update")).encode()
    with emulator.process.frozen():
        began = time.monotonic()
        answer = asked.receive(f"/webhook/{_PATH_SECRET}", "application/json", lambda _: body)
        seconds = time.monotonic() - began
    allowed = answer.status == 200 and answer.body["response"]["allowed"]
    return Sight("Firestore frozen", "the webhook allows a change", allowed, seconds, ANSWER_SECONDS)


def slack_answers(ground: Ground, emulator: FirestoreEmulator, directory: Path) -> Sight:
    """Slack waits three seconds; the answer itself may follow."""
    with SlackApi() as slack:
        environment = {
            "SERIN_STORE": ground.settings.store,
            "FIRESTORE_EMULATOR_HOST": emulator.host,
            "SERIN_HASH_KEY": SECRET.decode() * 2,
            "SERIN_SLACK_ROLES": json.dumps({"U0ADA": {"*": ["*"]}}),
            "SERIN_SLACK_API": slack.base_url,
        }
        hook = slack.make_response_url()
        with SlackFunction(directory, environment) as function:
            with emulator.process.frozen():
                told = function.take(Somebody(hooks=hook).type(f"status {ground.serin.key.name}"))
            follows = eventually("the answer follows", lambda: slack.answers(hook))
    seen = told.status == 200 and "One moment" in told.text and bool(follows)
    return Sight("Firestore frozen", "Slack is answered, and told the rest later", seen, told.seconds, ANSWER_SECONDS)


def table_of(sights: Iterable[Sight]) -> Table:
    """A row for each."""
    rows = ((each.wrong, each.happens, f"{each.seconds:.1f} s", f"{each.bound:.0f} s") for each in sights)
    return Table(HEADER, tuple(rows), CAPTION)


def broken_in(sights: Iterable[Sight]) -> Iterator[str]:
    """A sentence for each that did not happen, or not in time."""
    for each in sights:
        if not each.seen:
            yield f"{each.wrong}: it did not happen that {each.happens}"
        elif each.seconds > each.bound:
            yield f"{each.wrong}: {each.happens} only after {each.seconds:.1f} s, the bound is {each.bound:.0f} s"


def _at_a_quarter(ground: Ground) -> None:
    upgrade(ground)
    ground.serin.run_until(lambda rollout: rollout.weight == 25, 120)


def _abort(ground: Ground) -> None:
    """Somebody asks for it, as Slack's function passes it on."""
    serin = ground.serin
    at = serin.parts.clock()
    serin.parts.store.submit(serin.key, Command(f"abort at {at}", Verb.ABORT, "Ada", at))


def _has_failed(rollout: Rollout) -> bool:
    return rollout.phase is Phase.FAILED and not rollout.active
