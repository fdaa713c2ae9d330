"""From the signed request to the traffic: abort in every phase, on a real API server, all functions as self-hosted.

Intervals are long, so that a heartbeat sleeps when a request comes, and nothing moves by itself before its effect.
"""

from __future__ import annotations

import json
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
import urllib3

from shared.rollout import Phase
from shared.state.open import open_store
from tests.support.app import Release, release_key
from tests.support.cluster import Access, kubeconfig
from tests.support.functions import Functions
from tests.support.kubelet import READY, READY_AFTER
from tests.support.slack_api import SlackApi
from tests.support.slack_people import SECRET, Signed, Somebody, Told, hear, send
from tests.support.waiting import eventually
from tests.support.web import WebServer, reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from shared.rollout import Rollout
    from shared.state.store import Store
    from tests.support.real_cluster import RealCluster

ABORTED = {"verb": "abort", "by": "bob (U0BOB)", "source": "Slack #shop", "reason": "it smells"}
ROLES = {"U0ADA": {"*": ["*"]}, "U0BOB": {"abort": ["*"]}}


class Scene:
    """The app on a real cluster, Serin beside it, and Slack in front of it."""

    def __init__(self, release: Release, functions: Functions, store: Store, slack: SlackApi, gate: WebServer) -> None:
        self.release, self.functions, self.store, self.slack, self.gate = release, functions, store, slack, gate
        self.key = release_key(release.namespace)
        self.name = f"{self.key.name}.{self.key.namespace}"
        self.image = 1

    @property
    def rollout(self) -> Rollout:
        found = self.store.load(self.key)
        assert found is not None
        return found

    def somebody(self, user: str, name: str) -> Somebody:
        return Somebody(user, name, hooks=self.slack.make_response_url())

    def take(self, request: Signed) -> Told:
        return hear(self.slack, request, lambda each: send(f"{self.functions.url}/slack", each))

    def call(self, job: str) -> None:
        body = {"job": job, "cluster": "test"}
        answer = urllib3.request("POST", f"{self.functions.url}/tick", json=body, timeout=60, retries=False)
        assert answer.status == 200, answer.data

    def until(self, what: str, holds: Callable[[Rollout], bool]) -> None:
        try:
            eventually(what, lambda: holds(self.rollout))
        except TimeoutError as error:
            raise AssertionError(f"{error} {self.rollout}\n{self.functions.process.log_tail(12)}") from error

    def start(self, **annotations: str) -> None:
        """A new version of the app, up to its first traffic."""
        self.image += 1
        self.release.upgrade(f"app:{self.image}")
        change = {"spec": {"template": {"metadata": {"annotations": annotations}}}}
        self.release.patch("deployment", change)
        self.call("sweep")
        self.until("the canary has traffic", lambda rollout: rollout.weight == 25)
        eventually("the router shows it", lambda: self.release.weights() == (75, 25))

    def outcome(self, somebody: Somebody) -> str:
        """What they are told when what they asked for has been done, or has not."""
        return str(eventually("they are told", lambda: self.slack.answers(somebody.hooks))[-1]["text"])

    def abort(self) -> float:
        """Seconds from the signed request to no canary traffic, with the outcome as people see it."""
        run = self.rollout.run
        began = time.monotonic()
        bob = self.somebody("U0BOB", "bob")
        told = self.take(bob.type(f"abort {self.name} it smells"))
        eventually("all traffic is on the primary", lambda: self.release.weights() == (100, 0), every=0.01)
        seconds = time.monotonic() - began
        assert (told.status, told.public) == (200, True), told.body
        assert told.seconds < 3
        assert "traffic back on primary after" in self.outcome(bob)
        self.until("the run has ended", lambda rollout: rollout.phase is Phase.FAILED and rollout.replicas is None)
        given = [command for entry in self.store.history(self.key, run) for command in entry["commands"]]
        assert {name: given[-1][name] for name in ABORTED} == ABORTED
        assert self.release.image("frontend-primary") == "app:1"
        return seconds


@pytest.fixture
def scene(real_cluster: RealCluster, real_namespace: str, tmp_path: Path) -> Iterator[Scene]:
    access = Access(real_cluster.url, real_cluster.ca_file, real_cluster.token, real_cluster.serin_token)
    config = tmp_path / "kubeconfig"
    config.write_text(json.dumps({**kubeconfig(access), "current-context": "serin"}))
    store = open_store(f"sqlite:///{tmp_path}/serin.db")
    with SlackApi() as slack, WebServer(reply(403)) as gate:
        environment = {
            "SERIN_KUBECONFIG": str(config),
            "SERIN_CLUSTER": "test",
            "SERIN_STORE": f"sqlite:///{tmp_path}/serin.db",
            "SERIN_SLACK_API": slack.base_url,
            "SERIN_SLACK_SIGNING_SECRETS": SECRET,
            "SERIN_SLACK_ROLES": json.dumps(ROLES),
        }
        with Functions(tmp_path, environment, "--beat", "60", "--sweep", "3600") as functions:
            made = Scene(Release(real_cluster, real_namespace), functions, store, slack, gate)
            made.release.install(interval="10s", metrics=[])
            made.call("sweep")
            made.until("it is initialized", lambda rollout: rollout.phase is Phase.INITIALIZED and not rollout.active)
            yield made
    store.close()


def advancing(scene: Scene) -> None:
    scene.start()


def unready(scene: Scene) -> None:
    """One of two pods of the canary is not ready: the run is held up."""
    scene.start()
    pods = scene.release.cluster.api.items(
        f"/api/v1/namespaces/{scene.release.namespace}/pods", labelSelector="app=frontend"
    )
    path = f"/api/v1/namespaces/{scene.release.namespace}/pods/{pods[0]['metadata']['name']}"
    scene.release.cluster.api.patch(path, {"metadata": {"annotations": {READY: "false"}}})
    scene.until("the pod is seen not to be ready", lambda rollout: rollout.waiting_since is not None)
    assert scene.rollout.weight == 25


def paused(scene: Scene) -> None:
    scene.start()
    assert scene.take(scene.somebody("U0ADA", "ada").type(f"pause {scene.name}")).public
    scene.until("it is paused", lambda rollout: rollout.paused)


def promoting(scene: Scene) -> None:
    """The primary's pods take a while to be replaced."""
    scene.start(**{READY_AFTER: "4s"})
    assert scene.take(scene.somebody("U0ADA", "ada").type(f"promote {scene.name}")).public
    scene.until("it is promoting", lambda rollout: rollout.phase is Phase.PROMOTING)
    assert scene.release.weights() == (75, 25)


def waiting_for_approval(scene: Scene) -> None:
    """All checks passed, and a gate is closed before the promotion."""
    gate = {"name": "sign-off", "type": "confirm-promotion", "url": f"{scene.gate.url}/gate"}
    scene.release.patch("canary", {"spec": {"analysis": {"maxWeight": 25, "interval": "2s", "webhooks": [gate]}}})
    scene.start()
    scene.until("it waits at the gate", lambda rollout: rollout.gate == "confirm-promotion/sign-off")


def test_abort_works_in_every_phase_within_three_seconds_and_once(scene: Scene) -> None:
    waits = {}
    for bring_about in (advancing, unready, paused, promoting, waiting_for_approval):
        bring_about(scene)
        waits[bring_about.__name__] = round(scene.abort(), 2)
    print(
        "seconds from the signed request to no canary traffic:", {name: round(wait, 2) for name, wait in waits.items()}
    )
    before = scene.rollout
    again = scene.take(scene.somebody("U0BOB", "bob").type(f"abort {scene.name}"))
    assert "has no run to abort" in again.text
    assert (again.public, scene.rollout) == (False, before)
    assert statistics.median(waits.values()) < 3, waits
    assert max(waits.values()) < 10, waits


def test_an_abort_and_a_promotion_at_the_same_moment_have_one_outcome_and_both_are_told(scene: Scene) -> None:
    for _ in range(2):
        scene.start()
        run = scene.rollout.run
        people = [scene.somebody("U0ADA", "ada"), scene.somebody("U0BOB", "bob")]
        requests = [people[0].type(f"promote {scene.name}"), people[1].type(f"abort {scene.name}")]
        with ThreadPoolExecutor(2) as both:
            told = list(both.map(scene.take, requests))
        scene.until("the run has ended", lambda rollout: rollout.phase is Phase.FAILED and rollout.replicas is None)
        assert scene.release.weights() == (100, 0)
        assert scene.release.image("frontend-primary") == "app:1"
        assert all(answer.status == 200 and scene.name in answer.text for answer in told)
        assert "traffic back on primary" in scene.outcome(people[1])
        entries = scene.store.history(scene.key, run)
        given = {command["verb"] for entry in entries for command in entry["commands"]}
        said = [line["text"] for entry in entries for line in entry["lines"]]
        assert "abort" in given
        if "promote" in given:
            assert scene.outcome(people[0])
            assert any("ada (U0ADA)" in text for text in said), said
        else:
            assert "has no run to promote" in told[0].text


def test_an_approval_opens_the_gate_and_the_run_is_promoted(scene: Scene) -> None:
    waiting_for_approval(scene)
    refused = scene.take(scene.somebody("U0BOB", "bob").type(f"approve {scene.name}"))
    assert "You may not approve" in refused.text
    assert scene.take(scene.somebody("U0ADA", "ada").type(f"approve {scene.name} looks good")).public
    scene.until("it is promoted", lambda rollout: rollout.phase is Phase.SUCCEEDED)
    assert scene.release.image("frontend-primary") == f"app:{scene.image}"
    said = [line["text"] for entry in scene.store.history(scene.key, scene.rollout.run) for line in entry["lines"]]
    assert "Gate confirm-promotion/sign-off approved by ada (U0ADA): looks good" in said
