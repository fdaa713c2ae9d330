"""What a Canary's author is told although it works."""

from __future__ import annotations

import pytest

from shared.canary import warnings
from shared.errors import Problem
from tests.support.manifests import everything_else, good
from tests.support.paths import REMOVED, edit

METRIC = "spec.analysis.metrics[0]"


def test_a_canary_as_the_documentation_has_it_needs_no_advice() -> None:
    assert warnings(good("podinfo")) == ()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"apiVersion": "flagger.app/v1alpha3"},
            Problem("apiVersion", "is deprecated: use flagger.app/v1beta1"),
        ),
        (
            {"spec.canaryAnalysis": {"threshold": 1}},
            Problem("spec.canaryAnalysis", "is ignored, because spec.analysis is given"),
        ),
        (
            {"spec.analysis.metrics": REMOVED, "spec.analysis.webhooks": []},
            Problem(
                "spec.analysis",
                "has no metric and no hook that judges: every revision whose pods become ready is promoted",
            ),
        ),
        (
            {"spec.analysis.metrics": REMOVED, "spec.analysis.webhooks[0].type": "event"},
            Problem(
                "spec.analysis",
                "has no metric and no hook that judges: every revision whose pods become ready is promoted",
            ),
        ),
        (
            {"spec.targetRef.kind": "DaemonSet"},
            Problem("spec.autoscalerRef", "is ignored: a DaemonSet has one pod a node, whatever an autoscaler says"),
        ),
        (
            {"spec.analysis.stepWeight": 20},
            Problem(
                "spec.analysis.stepWeight",
                "does not divide maxWeight 50: the last step is 50, which is less than 20 more",
            ),
        ),
        (
            {"spec.analysis.stepWeight": REMOVED, "spec.analysis.stepWeights": [1, 2]},
            Problem("spec.analysis.maxWeight", "is ignored: the last of stepWeights is the maximum"),
        ),
        (
            {f"{METRIC}.interval": "15s"},
            Problem(
                f"{METRIC}.interval",
                "is short: a rate needs two scrapes in it, and Istio's Prometheus scrapes every 15s",
            ),
        ),
        (
            {f"{METRIC}.name": "istio_requests_total"},
            Problem(f"{METRIC}.name", 'is deprecated: "istio_requests_total" is now request-success-rate'),
        ),
        (
            {f"{METRIC}.templateRef": {"name": "errors"}},
            Problem(f"{METRIC}.templateRef", "takes the place of the built-in metric request-success-rate"),
        ),
        (
            {f"{METRIC}.templateVariables": {"status": "404"}},
            Problem(f"{METRIC}.templateVariables", "has no effect: there is neither a query nor a templateRef"),
        ),
        (
            {f"{METRIC}.compare": "primary", "spec.analysis.maxWeight": 100},
            Problem(
                f"{METRIC}.compare",
                "finds nothing at weight 100, where the primary gets no traffic: keep maxWeight below it",
            ),
        ),
        (
            {f"{METRIC}.threshold": 99},
            Problem(f"{METRIC}.threshold", "is ignored, because thresholdRange is given"),
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_one_oddity_is_one_piece_of_advice(changes: dict[str, object], expected: Problem) -> None:
    assert warnings(edit(good("podinfo"), changes)) == (expected,)


TO_SERVICE: dict[str, object] = {
    "spec.targetRef.apiVersion": "core/v1",
    "spec.targetRef.kind": "Service",
    "spec.autoscalerRef": REMOVED,
    "spec.service": {"port": 80},
}


def test_what_a_service_leaves_without_effect_is_told() -> None:
    assert warnings(edit(good("podinfo"), TO_SERVICE)) == ()
    ignored = edit(good("podinfo"), {**TO_SERVICE, "spec.service": {"port": 80, "headless": True, "targetPort": 8080}})
    text = "is ignored: the copies of a Service are as it is itself"
    assert warnings(ignored) == (
        Problem("spec.service.targetPort", text),
        Problem("spec.service.headless", text),
    )


def test_nobody_counts_the_requests_to_a_service_without_a_mesh() -> None:
    routed = edit(good("podinfo"), {**TO_SERVICE, "spec.provider": "gatewayapi:v1"})
    found = [problem for problem in warnings(routed) if problem.path == f"{METRIC}.name"]
    assert [problem.message.partition(":")[0] for problem in found] == ["finds nothing without a mesh"]


ROUNDS: dict[str, object] = {
    "spec.analysis.stepWeight": REMOVED,
    "spec.analysis.maxWeight": REMOVED,
    "spec.analysis.iterations": 5,
}
INSIDERS: dict[str, object] = {"spec.analysis.match": [{"headers": {"x-user": {"exact": "a"}}, "uri": {"exact": "/"}}]}
BARE: dict[str, object] = {"spec.provider": "kubernetes"}
COOKIE = "spec.analysis.sessionAffinity"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (ROUNDS, []),
        (ROUNDS | INSIDERS, []),
        (ROUNDS | BARE, []),
        (ROUNDS | {"spec.analysis.mirror": True, "spec.analysis.webhooks": REMOVED}, []),
        (
            ROUNDS | {"spec.analysis.webhooks": REMOVED},
            ["spec.analysis.metrics may find no values: before the switch, only webhooks or a mirror call the canary"],
        ),
        (
            ROUNDS | {"spec.analysis.maxWeight": 50},
            ["spec.analysis.maxWeight has no effect: blue/green switches everybody at once"],
        ),
        (
            ROUNDS | INSIDERS | {"spec.analysis.mirror": True},
            ["spec.analysis.mirror has no effect: in A/B testing, match says who gets which side"],
        ),
        (
            ROUNDS | {"spec.analysis.match": [{"headers": {"cookie": {"regex": "^(.*?;)?(type=insider)(;.*)?$"}}}]},
            [
                (
                    "spec.analysis.match[0].headers.cookie.regex only finds a cookie that comes first: write "
                    r"(.*?;)?\s*( for those that follow another"
                )
            ],
        ),
        (
            ROUNDS | {"spec.analysis.match": [{"headers": {"cookie": {"regex": r"^(.*?;)?\s*(type=insider)(;.*)?$"}}}]},
            [],
        ),
        (
            ROUNDS | INSIDERS | {"spec.service.match": [{"uri": {"prefix": "/api"}}]},
            ["spec.analysis.match[0].uri is ignored where an entry of spec.service.match has its own"],
        ),
        (
            BARE,
            [
                "spec.analysis.stepWeight has no effect: provider kubernetes has no router, 10 iterations are made",
                "spec.analysis.maxWeight has no effect: provider kubernetes has no router, 10 iterations are made",
            ],
        ),
        (
            ROUNDS | BARE | INSIDERS,
            ["spec.analysis.match has no effect: provider kubernetes has no router"],
        ),
        ({"spec.analysis.mirrorWeight": 5}, ["spec.analysis.mirrorWeight has no effect without mirror"]),
        (
            {COOKIE: {"cookieName": "canary", "sameSite": "None"}},
            [f"{COOKIE}.sameSite needs secure: browsers drop such a cookie otherwise"],
        ),
    ],
)
def test_advice_about_strategies(changes: dict[str, object], expected: list[str]) -> None:
    found = warnings(edit(good("podinfo"), changes))
    assert [f"{problem.path} {problem.message}" for problem in found] == expected


def test_old_spellings_are_named_as_they_are_written() -> None:
    assert [warning.path for warning in warnings(good("flagger-0.6"))] == [
        "apiVersion",
        "spec.canaryAnalysis",
        "spec.canaryAnalysis.metrics[0].name",
        "spec.canaryAnalysis.metrics[0].threshold",
        "spec.canaryAnalysis.metrics[1].name",
        "spec.canaryAnalysis.metrics[1].threshold",
    ]


def test_every_field_without_effect_is_named() -> None:
    assert [warning.path for warning in warnings(everything_else())] == [
        "spec.analysis.mirror",
        "spec.analysis.sessionAffinity",
        "spec.analysis.mirrorWeight",
    ]
