"""The function that Prometheus scrapes: ``/metrics``, or ``/metrics/CLUSTER`` where there are several."""

from __future__ import annotations

from typing import TYPE_CHECKING

import functions_framework

from shared.metrics.scrape import scrape_of_process
from shared.reply import USE_GET

if TYPE_CHECKING:
    from flask import Request
    from flask.typing import ResponseReturnValue


@functions_framework.http
def metrics(request: Request) -> ResponseReturnValue:
    """The state of all rollouts of one cluster, in Prometheus' text format."""
    if request.method not in ("GET", "HEAD"):
        return USE_GET.response
    authorization = request.headers.get("Authorization")
    return scrape_of_process().answer(request.path, authorization, request.remote_addr or "").response
