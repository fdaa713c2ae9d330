"""The function that the cluster's admission webhook calls. Public: its path ends with the cluster's secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

import functions_framework

from shared.reply import USE_POST
from shared.webhook import webhook_of_process

if TYPE_CHECKING:
    from flask import Request
    from flask.typing import ResponseReturnValue


@functions_framework.http
def webhook(request: Request) -> ResponseReturnValue:
    """Answer one AdmissionReview."""
    if request.method != "POST":
        return USE_POST.response
    content_type = request.headers.get("Content-Type", "")
    return webhook_of_process().receive(request.path, content_type, request.stream.read).response
