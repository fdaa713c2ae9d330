"""Canaries as the tests of checks need them: plain values, with one hook or metric each that matters."""

from __future__ import annotations

from dataclasses import replace

from shared.canary.model import Analysis, Bounds, Canary, Hook, Metric, ObjectRef, Service

SUCCESS_RATE = Metric("request-success-rate", "1m", Bounds(min=99.0), builtin="request-success-rate")
LATENCY = Metric("request-duration", "30s", Bounds(max=500.0), builtin="request-duration")
OLD_SUCCESS_RATE = replace(SUCCESS_RATE, name="istio_requests_total")
OLD_LATENCY = replace(LATENCY, name="istio_request_duration_seconds_bucket")
CUSTOM = Metric("error ratio", "2m", Bounds(max=5.0), query='sum(errors{ns="{{ namespace }}"}[{{ interval }}])')


def canary(*metrics: Metric, hooks: tuple[Hook, ...] = (), metrics_server: str | None = None) -> Canary:
    """The Canary ``podinfo.test`` of the Deployment ``backend``, whose apex service is ``api``."""
    return Canary(
        namespace="test",
        name="podinfo",
        uid="1",
        generation=1,
        api_version="flagger.app/v1beta1",
        target=ObjectRef("apps/v1", "Deployment", "backend"),
        service=Service(name="api", port=80),
        analysis=Analysis(interval=60.0, threshold=5, step_weight=10, metrics=metrics, hooks=hooks),
        metrics_server=metrics_server,
    )
