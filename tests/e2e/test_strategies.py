"""Every strategy with real requests through a real Envoy, judged by a real Prometheus: who sees what, and when.

The cluster is a real API server. What callers get is what counts, not what the VirtualService says, or the HTTPRoute.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from shared.rollout import Phase
from tests.support.app import NAME, Release, release_key
from tests.support.gateways import Gateways
from tests.support.mesh import App
from tests.support.serin import Serin, make_serin, passing
from tests.support.visitor import Visitor
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shared.rollout import Rollout
    from shared.state.store import Store
    from tests.support.mesh import Mesh
    from tests.support.prometheus import Prometheus
    from tests.support.real_cluster import RealCluster

PRIMARY = "frontend-primary"
ROUNDS = {"iterations": 2, "stepWeight": None, "maxWeight": None}
INSIDERS = [
    {"headers": {"cookie": {"regex": "^(.*?;)?(type=insider)(;.*)?$"}}},
    {"headers": {"x-user": {"exact": "insider"}}},
]
RATE = {"name": "request-success-rate", "interval": "5s", "thresholdRange": {"min": 99}}
BEHIND_A_GATEWAY = {"gatewayRefs": [{"name": "public"}], "hosts": [NAME]}
REGISTER = "istio_requests_total"


@pytest.fixture
def release(real_cluster: RealCluster, real_namespace: str) -> Release:
    return Release(real_cluster, real_namespace)


@pytest.fixture
def serin(real_cluster: RealCluster, real_namespace: str, sqlite: Store, prometheus: Prometheus) -> Serin:
    return make_serin(real_cluster, sqlite, release_key(real_namespace), prometheus.url)


@pytest.fixture(params=["istio", "gatewayapi:v1"])
def install(request: pytest.FixtureRequest, release: Release) -> Iterator[Callable[..., None]]:
    """Installs the app and its Canary with an analysis, for each router in turn."""

    def for_istio(**analysis: object) -> None:
        release.install("istio", **analysis)

    def for_gateways(**analysis: object) -> None:
        release.install("gatewayapi:v1", **{"metrics": [RATE], **analysis})
        release.patch("canary", {"spec": {"service": BEHIND_A_GATEWAY}})

    with Gateways(release.cluster, release.namespace):
        yield for_istio if request.param == "istio" else for_gateways


@pytest.fixture
def mesh(release: Release, mesh_of: Callable[[App], Mesh]) -> Callable[[], Mesh]:
    """The mesh between callers and the app, once that is installed."""
    return lambda: mesh_of(App(release.cluster, release.namespace, NAME, NAME))


@pytest.fixture
def tester(release: Release, mesh_of: Callable[[App], Mesh]) -> Callable[[], Mesh]:
    """What carries the calls of a load test, which goes to the canary's own service."""
    return lambda: mesh_of(App(release.cluster, release.namespace, f"{NAME}-canary", NAME))


def initialized(serin: Serin) -> None:
    serin.run_until(lambda rollout: rollout.phase is Phase.INITIALIZED and rollout.replicas is None)


def upgraded(serin: Serin, release: Release, image: str = "app:2", **env: str) -> None:
    release.upgrade(image, **env)
    serin.hint()
    serin.run_until(lambda rollout: rollout.phase is Phase.PROGRESSING)


def succeeded(serin: Serin, release: Release) -> None:
    serin.run_until(lambda rollout: rollout.phase is Phase.SUCCEEDED and not rollout.active)
    assert release.image(PRIMARY) == "app:2"
    assert release.get("deployment")["spec"]["replicas"] == 0


def split(callers: Mesh, shares: dict[str, int]) -> None:
    """Wait until Envoy has these weights in force."""
    eventually(f"Envoy splits the requests {shares}", lambda: callers.shares() == shares)


def at_step(number: int) -> Callable[[Rollout], bool]:
    return lambda rollout: rollout.step == number


def test_a_weighted_release_gets_its_share_of_the_requests_and_is_promoted(
    serin: Serin, release: Release, install: Callable[..., None], mesh: Callable[[], Mesh]
) -> None:
    install()
    callers = mesh()
    with callers.load() as load:
        initialized(serin)
        upgraded(serin, release)
        for number, share in enumerate((25, 50)):
            serin.run_until(at_step(number))
            split(callers, {PRIMARY: 100 - share, NAME: share})
        succeeded(serin, release)
        split(callers, {PRIMARY: 100})
    assert load.traffic().failed == 0
    assert load.traffic().workloads[NAME] > 0


def test_in_an_ab_test_the_header_decides_who_sees_what(
    serin: Serin, release: Release, install: Callable[..., None], mesh: Callable[[], Mesh]
) -> None:
    install(**{**ROUNDS, "iterations": 3}, match=INSIDERS)
    callers = mesh()
    insider = Visitor(callers.port, NAME, {"Cookie": "type=insider; theme=dark"})
    tester = Visitor(callers.port, NAME, {"x-user": "insider"})
    other = Visitor(callers.port, NAME, {"Cookie": "type=insiders"})
    with callers.load() as load, callers.load(headers={"x-user": "insider"}) as insiders:
        initialized(serin)
        assert insider.visits(5) | other.visits(5) == {PRIMARY}
        upgraded(serin, release)
        serin.run_until(at_step(0))
        eventually("insiders see the canary", lambda: insider.visit() == NAME)
        assert insider.visits(20) == tester.visits(20) == {NAME}
        assert other.visits(20) == {PRIMARY}
        succeeded(serin, release)
        eventually("everybody is at the primary", lambda: insider.visit() == PRIMARY)
    assert load.traffic().failed == insiders.traffic().failed == 0
    assert set(load.traffic().workloads) == {PRIMARY, NAME}, "before Serin came, the app served itself"
    rounds = [text for text in serin.messages if "iteration" in text]
    assert rounds == [f"Advance frontend.{release.namespace} canary iteration {number}/3" for number in (1, 2, 3)]


def test_blue_green_analyses_without_users_and_then_switches_everybody(
    serin: Serin, release: Release, install: Callable[..., None], mesh: Callable[[], Mesh], tester: Callable[[], Mesh]
) -> None:
    install(**ROUNDS)
    callers = mesh()
    visitor = Visitor(callers.port, NAME)
    with callers.load() as load, tester().load():
        initialized(serin)
        upgraded(serin, release)
        for number in (0, 1):
            serin.run_until(at_step(number))
            assert release.get("canary")["status"]["iterations"] == number + 1
            assert visitor.visits(20) == {PRIMARY}
        serin.run_until(at_step(2))
        assert release.get("canary")["status"]["canaryWeight"] == 100
        eventually("everybody sees the canary", lambda: visitor.visit() == NAME)
        assert visitor.visits(20) == {NAME}
        succeeded(serin, release)
        eventually("everybody is at home", lambda: visitor.visit() == PRIMARY)
    assert load.traffic().failed == 0
    assert "Routing all traffic to canary" in serin.messages


def test_the_answers_of_a_mirror_are_dropped_and_still_decide(
    serin: Serin, release: Release, install: Callable[..., None], mesh: Callable[[], Mesh]
) -> None:
    install(**ROUNDS, mirror=True, threshold=2)
    with mesh().load() as load:
        initialized(serin)
        before = load.traffic()
        upgraded(serin, release, "app:bad", FAULT_ERROR_RATE="1")
        serin.run_until(lambda rollout: rollout.phase is Phase.FAILED and not rollout.active)
    assert f"Halt frontend.{release.namespace} advancement success rate 0.00% < 99%" in serin.messages
    seen = load.traffic().since(before)
    assert seen.failed == 0
    assert set(seen.workloads) == {PRIMARY}, "no caller saw an answer of the canary"


def test_a_canary_that_gets_a_copy_of_every_request_is_promoted(
    serin: Serin, release: Release, install: Callable[..., None], mesh: Callable[[], Mesh], prometheus: Prometheus
) -> None:
    install(mirror=True, stepWeight=50)
    callers = mesh()
    with callers.load() as load:
        initialized(serin)
        upgraded(serin, release)
        serin.run_until(at_step(0))
        assert callers.shares() == {PRIMARY: 100}
        copied = f'{REGISTER}{{destination_workload_namespace="{release.namespace}",destination_workload="{NAME}"}}'
        eventually("copies reach the canary", lambda: prometheus.query(copied))
        serin.run_until(at_step(1))
        split(callers, {PRIMARY: 50, NAME: 50})
        succeeded(serin, release)
    assert load.traffic().failed == 0


def test_a_user_who_has_seen_the_canary_stays_there_until_the_run_is_over(
    serin: Serin, release: Release, install: Callable[..., None], mesh: Callable[[], Mesh]
) -> None:
    serin.parts = replace(serin.parts, analyse=passing)
    affinity = {"cookieName": "new-side", "primaryCookieName": "old.side", "httpOnly": True, "path": "/"}
    install(sessionAffinity=affinity, interval="3s")
    callers = mesh()
    with callers.load() as load:
        initialized(serin)
        upgraded(serin, release)
        serin.run_until(at_step(0))
        mine, yours = drawn(callers, NAME), drawn(callers, PRIMARY)
        assert yours.visits(30) == {PRIMARY}
        assert mine.visits(40) == {NAME}
        assert release.get("canary")["status"]["sessionAffinityCookie"] == f"new-side={mine.cookies['new-side']}"
        serin.run_until(at_step(1))
        assert mine.visits(40) == {NAME}
        succeeded(serin, release)
        eventually("I am at the primary", lambda: mine.visit() == PRIMARY)
        assert "new-side" not in mine.cookies, "the cookie was taken back"
    assert load.traffic().failed == 0


def drawn(callers: Mesh, workload: str) -> Visitor:
    """A new user whose first visit the weights sent to this workload, and who was given its cookie."""

    def visitor() -> Visitor | None:
        one = Visitor(callers.port, NAME)
        return one if one.visit() == workload and one.cookies else None

    return eventually(f"a user is drawn to {workload}", visitor)


def test_without_a_mesh_the_canary_is_tested_through_its_service_and_no_router_is_touched(
    serin: Serin, release: Release, mesh: Callable[[], Mesh], tester: Callable[[], Mesh]
) -> None:
    release.install("kubernetes", **ROUNDS, metrics=[RATE], threshold=2)
    with mesh().load() as load, tester().load():
        initialized(serin)
        before = load.traffic()
        upgraded(serin, release)
        succeeded(serin, release)
        upgraded(serin, release, "app:bad", FAULT_ERROR_RATE="1")
        serin.run_until(lambda rollout: rollout.phase is Phase.FAILED and not rollout.active)
        assert set(load.traffic().since(before).workloads) == {PRIMARY}
    assert load.traffic().failed == 0
    assert release.image(PRIMARY) == "app:2"
    assert release.cluster.api.find(release.path("virtualservice")) is None
