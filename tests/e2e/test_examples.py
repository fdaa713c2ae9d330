"""docs/examples: every manifest is admitted without a word, stored, run step by step and promoted, on both clusters."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from shared.admission.canary import review_canary
from shared.canary import parse_canary
from shared.plan import make_plan
from shared.rollout import Phase, RolloutKey
from shared.workload import parse_workload, readiness, size_of
from tests.support.examples import EXAMPLES, app_of, example
from tests.support.gateways import Gateways
from tests.support.reviews import request
from tests.support.serin import make_serin, passing
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.json_types import JsonObject
    from shared.state.store import Store
    from tests.support.cluster import Cluster
    from tests.support.serin import Serin

APIS = {"DaemonSet": "/apis/apps/v1", "Deployment": "/apis/apps/v1", "Service": "/api/v1"}
CANARIES = "/apis/flagger.app/v1beta1/namespaces/{}/canaries"
ROUTERS = (
    "/apis/networking.istio.io/v1beta1/namespaces/{}/virtualservices",
    "/apis/networking.istio.io/v1beta1/namespaces/{}/destinationrules",
    "/apis/gateway.networking.k8s.io/v1/namespaces/{}/httproutes",
)


@dataclass(frozen=True)
class Show:
    """One example in a namespace of a cluster, and Serin beside it, whose checks pass."""

    cluster: Cluster
    namespace: str
    manifest: JsonObject
    serin: Serin

    def install(self) -> None:
        for path, obj in app_of(self.manifest):
            self.cluster.api.create(path.format(self.namespace), obj)
        eventually("the app serves", lambda: not readiness(parse_workload(self.workload())))
        self.cluster.api.create(CANARIES.format(self.namespace), self.manifest)

    def path(self, suffix: str = "") -> str:
        target = self.manifest["spec"]["targetRef"]
        collection = f"{APIS[target['kind']]}/namespaces/{self.namespace}/{target['kind'].lower()}s"
        return f"{collection}/{target['name']}{suffix}"

    def workload(self, suffix: str = "") -> JsonObject:
        return self.cluster.api.get(self.path(suffix))

    def version(self, suffix: str = "") -> str:
        """The image of its only container, or the name that a Service stands for."""
        spec = self.workload(suffix)["spec"]
        return str(spec["template"]["spec"]["containers"][0]["image"] if "template" in spec else spec["externalName"])

    def upgrade(self) -> None:
        self.cluster.api.patch(self.path(), self.change())
        self.serin.hint()

    def change(self) -> JsonObject:
        if "template" not in self.workload()["spec"]:
            return {"spec": {"externalName": "app-2.example.com"}}
        container = self.workload()["spec"]["template"]["spec"]["containers"][0]
        return {"spec": {"template": {"spec": {"containers": [{**container, "image": "app:2"}]}}}}

    def settled(self, phase: Phase) -> None:
        self.serin.run_until(lambda rollout: rollout.phase is phase and not rollout.active)

    def routers(self) -> list[JsonObject]:
        return [obj for path in ROUTERS for obj in self.cluster.api.items(path.format(self.namespace))]


@pytest.fixture(params=EXAMPLES)
def show(request: pytest.FixtureRequest, cluster: Cluster, namespace: str, sqlite: Store) -> Iterator[Show]:
    manifest = example(request.param)
    manifest["metadata"]["namespace"] = namespace
    manifest["spec"]["analysis"]["interval"] = "1s"  # pods that start are looked at that often
    key = RolloutKey("test", namespace, manifest["metadata"]["name"])
    serin = make_serin(cluster, sqlite, key, "http://127.0.0.1:1")
    serin.clock.skips = True
    with Gateways(cluster, namespace):
        yield Show(cluster, namespace, manifest, replace(serin, parts=replace(serin.parts, analyse=passing)))


def test_an_example_runs_from_its_first_step_to_promotion(show: Show) -> None:
    show.install()
    show.settled(Phase.INITIALIZED)
    show.upgrade()
    show.settled(Phase.SUCCEEDED)
    canary = parse_canary(show.manifest)
    plan = make_plan(canary)
    announced = [plan.announce(index) for index in range(len(plan.steps))]
    assert [line for line in show.serin.messages if line in announced] == announced
    assert show.version("-primary") in ("app:2", "app-2.example.com")
    assert size_of(show.workload()) == 0
    assert bool(show.routers()) == canary.has_router


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_admitted_without_a_word(name: str) -> None:
    answer = review_canary(
        request("canary_update", {"object": example(name), "oldObject": None, "operation": "CREATE"})
    )
    assert (answer.problems, answer.warnings) == ((), ())
