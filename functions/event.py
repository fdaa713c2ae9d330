"""The function that CloudEvents come to (Knative's ApiServerSource, Eventarc): an object was stored, so its rollouts
are ticked at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import functions_framework

from shared.app import receive_event
from shared.reply import USE_POST

if TYPE_CHECKING:
    from flask import Request
    from flask.typing import ResponseReturnValue


@functions_framework.http
def event(request: Request) -> ResponseReturnValue:
    """Take one CloudEvent, in binary or structured content mode."""
    if request.method != "POST":
        return USE_POST.response
    return receive_event(request.path, dict(request.headers), request.stream.read, request.remote_addr or "").response
