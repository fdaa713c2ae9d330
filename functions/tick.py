"""The function that a scheduler calls.

``{"job": "heartbeat"}`` every minute while something is active, ``{"job": "sweep"}`` every ten.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import functions_framework

from shared.app import run_job
from shared.reply import USE_POST

if TYPE_CHECKING:
    from flask import Request
    from flask.typing import ResponseReturnValue


@functions_framework.http
def tick(request: Request) -> ResponseReturnValue:
    """Run the job that the body names; what it did, as JSON."""
    if request.method != "POST":
        return USE_POST.response
    authorization = request.headers.get("Authorization")
    return run_job(request.stream.read, authorization, request.remote_addr or "").response
