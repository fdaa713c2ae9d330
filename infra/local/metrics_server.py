"""A Prometheus for the demo and the fast tests: the query API of the real one, on loopback, over samples in memory.

``GET``/``POST /api/v1/query``, ``/api/v1/status/buildinfo``, ``/-/ready`` and ``/-/healthy`` answer as Prometheus 2.x
does, in success and in error; what is not there answers 404. It scrapes nothing and stores nothing: whoever has
samples adds them to the store.
"""

from __future__ import annotations

import json
import math
import threading
import time
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Self

from werkzeug import Request, Response
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.serving import WSGIRequestHandler, make_server

from infra.local.promql import BadQueryError, QueryError, evaluate
from infra.local.promql.answers import JsonObject, to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType
    from wsgiref.types import StartResponse, WSGIEnvironment

    from infra.local.series import Store

_MAX_BODY = 64 * 1024
_BUILD = {
    "version": "2.45.0+serin.embedded",
    "revision": "",
    "branch": "",
    "buildUser": "",
    "buildDate": "",
    "goVersion": "",
}
_ROUTES = Map(
    [
        Rule("/api/v1/query", endpoint="query", methods=["GET", "POST"]),
        Rule("/api/v1/status/buildinfo", endpoint="buildinfo", methods=["GET"]),
        Rule("/-/ready", endpoint="ready", methods=["GET"]),
        Rule("/-/healthy", endpoint="healthy", methods=["GET"]),
    ]
)


class MetricsServer:
    """Serves a store while its ``with`` block lasts, on a free port of 127.0.0.1.

    ``clock`` gives the instant of queries without ``time``, in seconds since the epoch.
    """

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._api = _Api(store, clock)
        self._server = make_server("127.0.0.1", 0, self._api, threaded=True, request_handler=_QuietHandler)
        serve = partial(self._server.serve_forever, poll_interval=0.02)  # how long the end of the block may take
        self._thread = threading.Thread(target=serve, name="metrics-server", daemon=True)

    @property
    def url(self) -> str:
        """The base address, as ``metricsServer`` wants it: ``http://127.0.0.1:PORT``."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _QuietHandler(WSGIRequestHandler):
    """Logs no requests: a demo's terminal is for the demo."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


class _Api:
    """The WSGI application."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        request.max_content_length = request.max_form_memory_size = _MAX_BODY
        return self._respond(request)(environ, start_response)

    def _respond(self, request: Request) -> Response:
        try:
            endpoint, _ = _ROUTES.bind_to_environ(request.environ).match()
            return self._answer(endpoint, request)
        except QueryError as error:
            return _json(error.status, {"status": "error", "errorType": error.kind, "error": str(error)})
        except HTTPException as error:
            return Response(f"{error.name}\n", error.code or 500)

    def _answer(self, endpoint: str, request: Request) -> Response:
        match endpoint:
            case "query":
                return _success(self._query(request))
            case "buildinfo":
                return _success(_BUILD)
            case "ready":
                return Response("Prometheus Server is Ready.\n")
            case _:
                return Response("Prometheus Server is Healthy.\n")

    def _query(self, request: Request) -> JsonObject:
        at = self._instant(request.form.get("time") or request.args.get("time", ""))
        query = request.form.get("query") or request.args.get("query", "")
        try:
            return to_json(evaluate(query, self._store, at), at)
        except BadQueryError as error:
            raise BadQueryError(f'invalid parameter "query": {error}') from error

    def _instant(self, text: str) -> int:
        seconds = parse_time(text) if text else self._clock()
        return round(seconds * 1000)


def parse_time(text: str) -> float:
    """Seconds since the epoch of a ``time`` parameter, a number or RFC 3339; BadQueryError for anything else."""
    try:
        seconds = _parse_number(text)
        return seconds if seconds is not None else _parse_rfc3339(text)
    except (ValueError, OverflowError) as error:
        raise BadQueryError(f'invalid parameter "time": cannot parse "{text}" to a valid timestamp') from error


def _parse_number(text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        return None
    if not math.isfinite(seconds) or abs(seconds) > 1e12:
        raise ValueError(text)
    return seconds


def _parse_rfc3339(text: str) -> float:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment.timestamp()


def _success(data: JsonObject) -> Response:
    return _json(200, {"status": "success", "data": data})


def _json(status: int, body: JsonObject) -> Response:
    return Response(json.dumps(body, separators=(",", ":")), status, content_type="application/json")
