"""The function that Slack calls: the slash command and the buttons. Public: every request is signed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import functions_framework

from shared.reply import USE_POST
from shared.slack import slack_of_process

if TYPE_CHECKING:
    from flask import Request
    from flask.typing import ResponseReturnValue


@functions_framework.http
def slack(request: Request) -> ResponseReturnValue:
    """Take one slash command, or one press of a button."""
    if request.method != "POST":
        return USE_POST.response
    return slack_of_process().receive(dict(request.headers), request.stream.read).response
