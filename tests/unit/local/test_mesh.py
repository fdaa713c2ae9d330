"""What the demo's mesh reads from a cluster: routes, readiness, faults, and all of it as of one moment."""

from __future__ import annotations

import json
from typing import Any

import pytest

from infra.local.mesh import Behaviour, MeshReader, Rule, Side, UnreadableError, Workload, behaviour, rules, workload
from shared.canary.model import Service
from shared.plan import Route
from shared.render.istio import virtual_service as rendered
from tests.support.web import WebServer, closed_port, reply
from tests.unit.render.samples import canary

PRIMARY, CANARY = Side.PRIMARY, Side.CANARY


def deployment(ready: int = 2, **env: str) -> dict[str, Any]:
    variables = [{"name": name, "value": value} for name, value in env.items()]
    status = {"observedGeneration": 3, "replicas": ready, "updatedReplicas": ready, "readyReplicas": ready}
    template = {"spec": {"containers": [{"name": "sidecar"}, {"name": "app", "env": variables}]}}
    return {"metadata": {"generation": 3}, "spec": {"template": template}, "status": status}


def to(primary: int, canary: int) -> list[dict[str, Any]]:
    weights = {"podinfo-primary": primary, "podinfo-canary": canary}
    return [{"destination": {"host": host}, "weight": weight} for host, weight in weights.items()]


def routed(*http: dict[str, Any], version: str = "1") -> dict[str, Any]:
    return {"metadata": {"uid": "u", "resourceVersion": version}, "spec": {"http": list(http)}}


class TestRules:
    def test_weights_of_what_serin_renders_are_read(self) -> None:
        made = rendered(canary(service=Service("podinfo", 9898)), Route(canary=30), version=7)
        assert rules("podinfo", made) == (Rule(((PRIMARY, 70), (CANARY, 30))),)

    def test_a_single_destination_needs_no_weight(self) -> None:
        route = [{"destination": {"host": "podinfo-primary.test.svc.cluster.local"}}]
        assert rules("podinfo", routed({"route": route})) == (Rule(((PRIMARY, 100),)),)

    def test_a_destination_of_others_is_nobody(self) -> None:
        route = [{"destination": {"host": "elsewhere"}, "weight": 100}]
        assert rules("podinfo", routed({"route": route}))[0].weights == ((None, 100),)

    def test_a_match_is_a_condition_unless_it_fits_everything(self) -> None:
        header = {"headers": {"cookie": {"exact": "insider"}}}
        conditions = ([header], [{"uri": {"prefix": "/"}}], [header, {}], [{"uri": {"prefix": "/api"}}])
        found = rules("podinfo", routed(*({"match": match, "route": to(0, 100)} for match in conditions)))
        assert [rule.conditional for rule in found] == [True, False, False, True]

    @pytest.mark.parametrize(
        ("fields", "share"),
        [
            ({}, 1.0),
            ({"mirrorPercentage": {"value": 25.0}}, 0.25),
            ({"mirrorPercent": 10}, 0.1),
            ({"mirror_percent": 5}, 0.05),
        ],
    )
    def test_a_mirror_has_a_share(self, fields: dict[str, Any], share: float) -> None:
        entry = {"route": to(100, 0), "mirror": {"host": "podinfo-canary"}, **fields}
        (rule,) = rules("podinfo", routed(entry))
        assert (rule.mirror, rule.mirror_share) == (CANARY, share)

    @pytest.mark.parametrize("nothing", [{}, {"spec": {}}, {"spec": {"http": None}}, {"spec": {"tcp": []}}])
    def test_no_routes_are_no_rules(self, nothing: dict[str, Any]) -> None:
        assert rules("podinfo", nothing) == ()


class TestWorkload:
    def test_a_rolled_out_deployment_is_settled(self) -> None:
        told = deployment(2, FAULT_ERROR_RATE="0.5", FAULT_DELAY="1.5s")
        assert workload(told) == Workload(2, Behaviour(0.5, 1.5), settled=True)

    @pytest.mark.parametrize("status", [{"updatedReplicas": 1}, {"observedGeneration": 2}])
    def test_a_deployment_with_pods_of_two_templates_is_not(self, status: dict[str, int]) -> None:
        changed = deployment(2)
        changed["status"] |= status
        assert not workload(changed).settled

    def test_no_deployment_has_no_pods(self) -> None:
        assert workload({}).ready == 0

    @pytest.mark.parametrize(
        ("env", "told"),
        [
            ({}, Behaviour()),
            ({"FAULT_DELAY": "250ms"}, Behaviour(delay=0.25)),
            ({"FAULT_DELAY": "2m"}, Behaviour(delay=120)),
            ({"FAULT_DELAY": "soon", "FAULT_ERROR_RATE": "often"}, Behaviour()),
            ({"FAULT_ERROR_RATE": "7"}, Behaviour(error_rate=1)),
        ],
    )
    def test_faults_are_read_from_the_environment(self, env: dict[str, str], told: Behaviour) -> None:
        assert behaviour(deployment(2, **env)["spec"]["template"]) == told


class TestReader:
    def test_routes_and_pods_are_of_one_moment(self) -> None:
        """Between the first look at the routes and the pods, traffic was taken home and the canary scaled down."""
        before, after = routed({"route": to(50, 50)}, version="1"), routed({"route": to(100, 0)}, version="2")
        looks = [before, deployment(2), deployment(0), after, deployment(2), deployment(0), after]
        with WebServer(*(reply(200, json.dumps(look)) for look in looks)) as api:
            reader = MeshReader(api.url, "test", "podinfo")
            state = reader.read()
            reader.close()
        assert state.rules == (Rule(((PRIMARY, 100), (CANARY, 0))),)
        assert (state.workloads[PRIMARY].ready, state.workloads[CANARY].ready) == (2, 0)
        assert len(api.requests) == 7

    def test_what_does_not_exist_is_empty(self) -> None:
        with WebServer(reply(404, "{}")) as api:
            state = MeshReader(api.url, "test", "podinfo").read()
        assert state.rules == ()
        assert state.workloads == {side: Workload() for side in Side}

    def test_it_reads_the_objects_of_its_app_with_its_token(self) -> None:
        with WebServer(reply(404, "{}")) as api:
            MeshReader(api.url, "test", "podinfo", token="secret").read()
        assert [request.path for request in api.requests] == [
            "/apis/networking.istio.io/v1beta1/namespaces/test/virtualservices/podinfo",
            "/apis/apps/v1/namespaces/test/deployments/podinfo-primary",
            "/apis/apps/v1/namespaces/test/deployments/podinfo",
            "/apis/networking.istio.io/v1beta1/namespaces/test/virtualservices/podinfo",
        ]
        assert {request.method for request in api.requests} == {"GET"}
        assert {request.headers["authorization"] for request in api.requests} == {"Bearer secret"}

    @pytest.mark.parametrize("answer", [reply(500, "{}"), reply(403, "{}"), reply(200, "no json")])
    def test_an_answer_that_is_none_is_unreadable(self, answer: Any) -> None:
        with WebServer(answer) as api, pytest.raises(UnreadableError, match="GET http"):
            MeshReader(api.url, "test", "podinfo").read()

    def test_a_server_that_is_away_is_unreadable(self) -> None:
        with pytest.raises(UnreadableError, match="ConnectionError"):
            MeshReader(f"http://127.0.0.1:{closed_port()}", "test", "podinfo").read()

    def test_routes_that_never_hold_still_are_unreadable(self) -> None:
        looks = [routed({"route": to(50, 50)}, version=str(number)) for number in range(40)]
        with WebServer(*(reply(200, json.dumps(look)) for look in looks)) as api, pytest.raises(UnreadableError):
            MeshReader(api.url, "test", "podinfo").read()
