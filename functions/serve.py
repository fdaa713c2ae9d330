"""All functions in one process, with the local loop that calls them: Serin on a laptop, or self-hosted.

``python -m functions.serve`` listens on ``--host`` and ``--port``; each function is at its name: ``/tick``,
``/webhook/SECRET``, ``/event``. Everything else comes from the settings.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from functions_framework import create_app
from gunicorn.app.base import BaseApplication
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from shared.errors import InvalidSettings
from shared.jobs.choice import offer
from shared.jobs.local import LocalJobs
from shared.jobs.protocol import HEARTBEAT
from shared.logs import Log
from shared.schedule import Job, LocalLoop
from shared.settings import clusters_of, read_settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from gunicorn.workers.base import Worker

    from shared.settings import Settings

FUNCTIONS = ("tick", "webhook", "event")
SWEEP = "sweep"
THREADS = 16
"""Requests answered at the same time, beside those of the loop."""


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
    """One worker process with many threads: the loop, and what tells it, have to be in the same one."""

    def __init__(self, options: argparse.Namespace, settings: Settings) -> None:
        self._options, self._jobs = options, tuple(_jobs_of(settings, options))
        self._loop: LocalLoop | None = None
        super().__init__()

    def load_config(self) -> None:
        """Gunicorn's settings."""
        values = {
            "bind": f"{self._options.host}:{self._options.port}",
            "workers": 1,
            "threads": THREADS + len(self._jobs),
            "worker_class": "gthread",
            "timeout": 0,
            "post_worker_init": self._begin,
            "worker_exit": self._end,
        }
        for name, value in values.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """The WSGI application: every function under its name."""
        folder = Path(__file__).parent
        apps = {f"/{name}": _rooted(create_app(name, str(folder / f"{name}.py"))) for name in FUNCTIONS}
        return DispatcherMiddleware(NotFound(), apps)

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


def _rooted(app: WSGIApplication) -> WSGIApplication:
    """The application at ``/tick`` too, not only at ``/tick/``: callers do not follow redirects."""

    def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return app({**environ, "PATH_INFO": environ.get("PATH_INFO") or "/"}, start_response)

    return serve


def main(arguments: list[str]) -> int:
    """Serve until SIGTERM or Ctrl-C. A tick that is under way is finished."""
    parser = argparse.ArgumentParser(prog="python -m functions.serve", description=__doc__.splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    parser.add_argument("--port", type=int, default=8080, help="port to listen on (default %(default)s)")
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
