"""All functions in one process, with the local loop that calls them: Serin on a laptop, or self-hosted.

``python -m functions.serve`` listens on ``--host`` and ``--port``; each function is at its name: ``/tick``,
``/webhook/SECRET``, ``/event``, ``/slack``, ``/metrics``. ``/healthz`` says that the loop does its work: if it does
not, only a new process helps. ``/readyz`` says that the store is open, too. With a certificate all of them are on
``--tls-port`` as well, which is what the cluster's webhook needs. Everything else comes from the settings.
"""

from __future__ import annotations

import argparse
import os
import socket
import struct
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from functions_framework import create_app
from gunicorn.app.base import BaseApplication
from gunicorn.config import Config
from gunicorn.http.errors import ParseException
from gunicorn.workers.gthread import ThreadWorker
from werkzeug.exceptions import BadRequest, NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.wrappers import Response

from shared.app import STOPPING, of_process
from shared.errors import InvalidSettings, SerinError
from shared.jobs.choice import offer
from shared.jobs.local import LocalJobs
from shared.jobs.protocol import HEARTBEAT, SWEEP
from shared.logs import Log
from shared.schedule import Job, LocalLoop
from shared.settings import clusters_of, read_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import FrameType
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from flask import Flask
    from gunicorn.workers.base import Worker

    from shared.settings import Settings

FUNCTIONS = ("tick", "webhook", "event", "slack", "metrics")
THREADS = 16
"""Requests answered at the same time, beside those of the loop."""

GRACE = 55
"""Seconds that a tick under way has to end after SIGTERM: less than the 60 after which the pod is killed."""

STALL_SECONDS = 10
"""How long a request that has begun may send nothing: a thread waits for it, and gunicorn lets it wait for ever."""


class Body:
    """A request's body. Where it breaks off or its chunks are wrong, that is the client's fault and no crash."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        """At most ``size`` bytes; BadRequest if there should be more and are not."""
        try:
            return self._stream.read(size)
        except (ParseException, OSError):
            raise BadRequest from None


class TlsByPort(ThreadWorker):  # type: ignore[misc]  # gunicorn ships no types
    """Speaks TLS on the port that has a certificate: gunicorn itself knows it for all ports or for none."""

    def enqueue_req(self, conn: Any) -> None:
        """Called with each connection before anything is read from it, and again for each further request."""
        conn.cfg = self.app.config_of(port=conn.server[1])
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", STALL_SECONDS, 0))
        super().enqueue_req(conn)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM: what is under way is finished, and nothing else is begun."""
        self.app.stop()
        super().handle_exit(sig, frame)


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
    """One worker process with many threads: the loop, and what tells it, have to be in the same one."""

    def __init__(self, options: argparse.Namespace, settings: Settings) -> None:
        self._options, self._jobs = options, tuple(_jobs_of(settings, options))
        self._loop: LocalLoop | None = None
        self._tls = Config()
        super().__init__()

    def load_config(self) -> None:
        """Gunicorn's settings."""
        options = self._options
        ports = (options.port, options.tls_port) if options.certificate else (options.port,)
        values = {
            "bind": [f"{options.host}:{port}" for port in ports],
            "workers": 1,
            "threads": THREADS + len(self._jobs),
            "worker_class": TlsByPort,
            "timeout": 0,
            "graceful_timeout": GRACE,
            "post_worker_init": self._begin,
            "worker_exit": self._end,
        }
        for name, value in values.items():
            self.cfg.set(name, value)
            self._tls.set(name, value)
        self._tls.set("certfile", options.certificate)
        self._tls.set("keyfile", options.key)

    def config_of(self, port: int) -> Config:
        """The settings for connections to a port. The certificate is read for each of them, so it may be replaced."""
        return self._tls if self._options.certificate and port == self._options.tls_port else self.cfg

    def load(self) -> Any:
        """The WSGI application: every function under its name."""
        folder = Path(__file__).parent
        apps = {f"/{name}": _rooted(create_app(name, str(folder / f"{name}.py"))) for name in FUNCTIONS}
        health = {"/healthz": _saying(self._lifeless), "/readyz": _saying(self._unready)}
        return DispatcherMiddleware(NotFound(), {**apps, **health})

    def stop(self) -> None:
        """Begin no further tick. Called by the worker's signal handler, so it waits for nothing."""
        STOPPING.set()
        if self._loop is not None:
            self._loop.end()

    def _lifeless(self) -> str:
        return self._loop.trouble() if self._loop else "the loop has not begun"

    def _unready(self) -> str:
        try:
            of_process()
        except SerinError as error:
            return str(error)
        return self._lifeless()

    def _begin(self, _worker: Worker) -> None:
        log = Log()
        self._loop = LocalLoop(f"http://127.0.0.1:{self._options.port}/tick", self._jobs, log)
        offer(LocalJobs(self._loop, log))
        self._loop.__enter__()

    def _end(self, _server: object, _worker: object) -> None:
        if self._loop is not None:
            self._loop.__exit__(None, None, None)


def _jobs_of(settings: Settings, options: argparse.Namespace) -> Iterator[Job]:
    for cluster in clusters_of(settings):
        yield Job(HEARTBEAT, options.beat, settings.heartbeat_seconds + 30, cluster.name)
        yield Job(SWEEP, options.sweep, 600, cluster.name)


def _saying(trouble: Callable[[], str]) -> WSGIApplication:
    """An application that answers with what is wrong, as 503, or ``ok``."""

    def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        text = trouble()
        return Response(f"{text or 'ok'}\n", 503 if text else 200)(environ, start_response)

    return serve


def _rooted(app: Flask) -> WSGIApplication:
    """The application at ``/tick`` too, not only at ``/tick/``: callers do not follow redirects.

    functions-framework reads all of a body, however long and whoever sent it, once there is an answer; here it does
    not. gunicorn skips what was not read without keeping it.
    """
    app.after_request_funcs.clear()

    def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path, body = environ.get("PATH_INFO") or "/", Body(environ["wsgi.input"])
        return app({**environ, "PATH_INFO": path, "wsgi.input": body}, start_response)

    return serve


def main(arguments: list[str]) -> int:
    """Serve until SIGTERM or Ctrl-C. A tick that is under way is finished."""
    parser = argparse.ArgumentParser(prog="python -m functions.serve", description=__doc__.splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    parser.add_argument("--port", type=int, default=8080, help="port to listen on (default %(default)s)")
    parser.add_argument("--certificate", help="file with the certificate of the TLS port; without it there is none")
    parser.add_argument("--key", help="file with its private key (default: it is in the same file)")
    parser.add_argument("--tls-port", type=int, default=8443, help="port to serve by TLS (default %(default)s)")
    parser.add_argument("--beat", type=float, default=60.0, help="seconds between heartbeats (default %(default)s)")
    parser.add_argument("--sweep", type=float, default=600.0, help="seconds between sweeps (default %(default)s)")
    options = parser.parse_args(arguments)
    try:
        settings = read_settings(os.environ)
    except InvalidSettings as error:
        sys.stderr.write(f"{error}\n")
        return 2
    Server(options, settings).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
