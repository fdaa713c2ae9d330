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
                "has neither metrics nor webhooks: every revision whose pods become ready is promoted",
            ),
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
            {f"{METRIC}.threshold": 99},
            Problem(f"{METRIC}.threshold", "is ignored, because thresholdRange is given"),
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_one_oddity_is_one_piece_of_advice(changes: dict[str, object], expected: Problem) -> None:
    assert warnings(edit(good("podinfo"), changes)) == (expected,)


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
        "spec.autoscalerRef.primaryScalerQueries",
        "spec.service.backendTimeout",
        "spec.service.mirror",
        "spec.analysis.mirrorWeight",
        "spec.analysis.alerts",
        "spec.analysis.metrics[0].templateVariables",
        "spec.analysis.webhooks[4].muteAlert",
    ]
