"""The load tester: a program of its own beside Serin, which the hooks of a Canary call.

``functions-framework --source functions/loadtester.py --target loadtester`` serves it, in one process: what runs is
known to that process alone.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import functions_framework

from shared.loadtester.service import Call, build
from shared.loadtester.settings import read_settings

if TYPE_CHECKING:
    from flask import Request
    from flask.typing import ResponseReturnValue

_tester = build(read_settings(os.environ), os.environ.get("PATH", os.defpath))


@functions_framework.http
def loadtester(request: Request) -> ResponseReturnValue:
    """Start a command, or answer for a gate."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    call = Call(request.method, request.path, headers, request.remote_addr or "", request.stream.read)
    return _tester.receive(call).response
