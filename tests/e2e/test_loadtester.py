"""Releases and the load tester: one whose only traffic is what its own hook asks for (the real ``hey``, through a real
Envoy, judged by a real Prometheus, on a real API server), and some that wait at its gates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shared.rollout import RESTING, Phase
from tests.support.app import NAME, Release, release_key
from tests.support.loadtester import TOKEN, LoadTester
from tests.support.mesh import App
from tests.support.processes import command_lines
from tests.support.serin import Serin, events_of, make_serin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from shared.json_types import JsonObject
    from shared.state.store import Store
    from tests.support.mesh import Mesh
    from tests.support.prometheus import Prometheus
    from tests.support.real_cluster import RealCluster


@pytest.fixture
def release(real_cluster: RealCluster, real_namespace: str) -> Release:
    return Release(real_cluster, real_namespace)


@pytest.fixture
def serin(real_cluster: RealCluster, real_namespace: str, sqlite: Store, prometheus: Prometheus) -> Serin:
    return make_serin(real_cluster, sqlite, release_key(real_namespace), prometheus.url)


@pytest.fixture
def mesh(release: Release, mesh_of: Callable[[App], Mesh]) -> Mesh:
    """The app's mesh, through which nobody sends anything by himself."""
    return mesh_of(App(release.cluster, release.namespace, NAME, NAME))


@pytest.fixture
def tester(hey: Path, tmp_path: Path) -> Iterator[LoadTester]:
    with LoadTester(tmp_path / "loadtester", hey.parent, {"LOADTESTER_HOSTS": f"127.0.0.1,{NAME}"}) as running:
        yield running


def hook(tester: LoadTester, command: str) -> JsonObject:
    """A hook that asks for load."""
    return {"name": "load", "type": "rollout", "url": f"{tester.url}/", "metadata": {"type": "cmd", "cmd": command}}


def upgraded(serin: Serin, release: Release, image: str) -> None:
    """A run that has begun."""
    serin.run_until(lambda rollout: rollout.phase in RESTING and rollout.replicas is None and not rollout.active)
    release.upgrade(image)
    serin.hint()
    serin.run_until(lambda rollout: rollout.phase is Phase.PROGRESSING)


def test_a_release_is_promoted_by_the_load_that_its_hook_asks_for_and_that_starts_once(
    serin: Serin, release: Release, mesh: Mesh, tester: LoadTester
) -> None:
    command = f"hey -z 1h -q 20 -c 2 -host {NAME} http://127.0.0.1:{mesh.port}/"
    release.install(webhooks=[hook(tester, command)])
    upgraded(serin, release, "app:2")
    serin.run_until(lambda rollout: rollout.phase is Phase.SUCCEEDED)
    assert release.image(f"{NAME}-primary") == "app:2"
    values = [result["value"] for entry in entries(serin) for result in entry["results"] if result["kind"] == "metric"]
    assert [value for value in values if value is not None], "the metrics were measured on that load"
    calls = [entry for entry in entries(serin) if any(result["kind"] == "rollout" for result in entry["results"])]
    assert len(calls) >= 2, "every tick has called the hook"
    assert tester.messages.count(f"command starting {command}") == 1
    assert tester.messages.count(f"command skipped {command} is already running") >= len(calls) - 1
    assert len(command_lines(f":{mesh.port}/")) == 1


def test_a_hook_without_the_login_starts_nothing_and_its_token_is_nowhere_to_be_read(
    serin: Serin, release: Release, mesh: Mesh, tester: LoadTester
) -> None:
    command = f"hey -z 1h http://127.0.0.1:{mesh.port}/"
    wrong = {**hook(tester, command), "url": tester.url.replace(TOKEN, "a-token-of-somebody-else-entirely")}
    release.install(webhooks=[wrong], threshold=2)
    upgraded(serin, release, "app:2")
    serin.run_until(lambda rollout: rollout.phase is Phase.FAILED)
    halt = (
        f"Halt {NAME}.{release.namespace} advancement external check load failed Unauthorized: send the load tester's"
    )
    assert any(text.startswith(halt) for text in serin.messages)
    assert not command_lines(f":{mesh.port}/")
    written = serin.log.getvalue() + str(events_of(release.cluster, release.namespace)) + str(entries(serin))
    assert "somebody-else" not in written + tester.process.log.read_text()


@pytest.fixture
def gated(real_cluster: RealCluster, release: Release, sqlite: Store, tester: LoadTester) -> Serin:
    """Serin beside the app, initialized: its releases ask for a yes before their promotion, and may be taken back."""
    paths = {"confirm-promotion": "/gate/check", "rollback": "/rollback/check", "post-rollout": "/event"}
    hooks = [{"name": name, "type": name, "url": f"{tester.url}{path}"} for name, path in paths.items()]
    release.install(webhooks=hooks, metrics=[])
    serin = make_serin(real_cluster, sqlite, release_key(release.namespace), "http://127.0.0.1:1")
    serin.clock.skips = True
    return serin


def waiting(serin: Serin, release: Release, image: str) -> None:
    """A release that has come to the gate, and stays there."""
    upgraded(serin, release, image)
    serin.run_until(lambda rollout: rollout.gate == "confirm-promotion/confirm-promotion")
    for _ in range(5):
        serin.clock.skip_to(serin.rollout.due_at)
        serin.tick()
    assert (serin.rollout.phase, release.weights()) == (Phase.PROGRESSING, (50, 50))
    assert release.image(f"{NAME}-primary") != image


def by_hand(release: Release) -> dict[str, object]:
    """What a person sends."""
    return {"name": NAME, "namespace": release.namespace}


def test_a_gate_that_a_person_opens_lets_one_release_pass_and_not_the_next(
    gated: Serin, release: Release, tester: LoadTester
) -> None:
    waiting(gated, release, "app:2")
    tester.post("/gate/open", by_hand(release))
    gated.run_until(lambda rollout: rollout.phase is Phase.SUCCEEDED and not rollout.active)
    assert release.image(f"{NAME}-primary") == "app:2"
    assert tester.post("/gate/check", by_hand(release)).status == 403, "the post-rollout hook has closed it"
    waiting(gated, release, "app:3")


def test_an_open_gate_of_one_release_is_closed_by_the_next_one_that_asks(
    gated: Serin, release: Release, tester: LoadTester
) -> None:
    waiting(gated, release, "app:2")
    tester.post("/gate/open", {**by_hand(release), "buildId": "of-another-run"})
    gated.run_until(lambda _: tester.post("/gate/check", by_hand(release)).status == 403)
    assert release.image(f"{NAME}-primary") == "app:1"


def test_a_release_is_taken_back_by_the_rollback_gate_and_the_next_one_is_not(
    gated: Serin, release: Release, tester: LoadTester
) -> None:
    waiting(gated, release, "app:2")
    tester.post("/rollback/open", by_hand(release))
    gated.run_until(lambda rollout: rollout.phase is Phase.FAILED and not rollout.active)
    assert (release.image(f"{NAME}-primary"), release.weights()) == ("app:1", (100, 0))
    assert tester.post("/rollback/check", by_hand(release)).status == 403
    waiting(gated, release, "app:3")


def entries(serin: Serin) -> list[dict[str, list[dict[str, object]]]]:
    """The history of the last run."""
    return [dict(entry) for entry in serin.parts.store.history(serin.key, serin.rollout.run)]
