"""A line as an Event on its Canary: Flagger's shape, and the same name however often it is written."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from shared.render.event import event
from shared.rollout import Line, Severity

CANARY = {
    "apiVersion": "flagger.app/v1beta1",
    "metadata": {
        "name": "frontend",
        "namespace": "test",
        "uid": "5f0c6b2e-32a4-4e2d-8ac1-f57b2e1d9a77",
        "resourceVersion": "81",
    },
}
LINE = Line(7, datetime(2026, 11, 23, 12, 0, 5, tzinfo=UTC), Severity.INFO, "Advance frontend.test canary weight 10")


def test_it_is_what_flagger_writes_and_says_who_wrote_it() -> None:
    assert event(CANARY, LINE) == {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "frontend.5f0c6b2e32a4.000007", "namespace": "test"},
        "involvedObject": {
            "apiVersion": "flagger.app/v1beta1",
            "kind": "Canary",
            "name": "frontend",
            "namespace": "test",
            "uid": "5f0c6b2e-32a4-4e2d-8ac1-f57b2e1d9a77",
            "resourceVersion": "81",
        },
        "type": "Normal",
        "reason": "Synced",
        "message": "Advance frontend.test canary weight 10",
        "source": {"component": "serin"},
        "reportingComponent": "serin",
        "reportingInstance": "serin",
        "firstTimestamp": "2026-11-23T12:00:05Z",
        "lastTimestamp": "2026-11-23T12:00:05Z",
        "count": 1,
    }


@pytest.mark.parametrize("severity", [severity for severity in Severity if severity is not Severity.INFO])
def test_whatever_is_not_good_news_is_a_warning(severity: Severity) -> None:
    assert event(CANARY, Line(8, LINE.at, severity, "Halt"))["type"] == "Warning"


def test_names_and_messages_are_no_longer_than_kubernetes_takes() -> None:
    long = {**CANARY, "metadata": {**CANARY["metadata"], "name": "n" * 253}}  # type: ignore[dict-item]  # a sample
    made = event(long, Line(1, LINE.at, Severity.INFO, "x" * 5000))
    assert made["metadata"]["name"] == f"{'n' * 200}.5f0c6b2e32a4.000001"
    assert made["involvedObject"]["name"] == "n" * 253
    assert made["message"] == "x" * 1024
