"""Google's own Firestore emulator, run directly by Java: the launcher of gcloud would leave a shell and a JVM behind.

Documents live in its memory. ``process.frozen()`` keeps them and lets calls hang; ``process.down()`` refuses calls and
loses every document, as a store that was restored from nothing. Nothing global is set here: a test that wants Google's
client to find it sets FIRESTORE_EMULATOR_HOST itself.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from tests.support import tools
from tests.support.processes import Process, Program, answers, free_port

if TYPE_CHECKING:
    from pathlib import Path

_JVM = ("-Duser.language=en", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_MAIN = "com.google.cloud.datastore.emulator.firestore.CloudFirestore"


class FirestoreEmulator:
    """A context manager that runs the emulator. ``host`` is ``127.0.0.1:PORT``, as FIRESTORE_EMULATOR_HOST has it."""

    def __init__(self, directory: Path) -> None:
        port = free_port()
        self.host = f"127.0.0.1:{port}"
        self.process = Process(_program(port), directory)

    def __enter__(self) -> FirestoreEmulator:
        self.process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()


def new_project() -> str:
    """A project id that no other test has: projects share nothing in the emulator."""
    return f"test-{secrets.token_hex(6)}"


def _program(port: int) -> Program:
    argv = (
        str(tools.path_of(tools.Name.JAVA)),
        *_JVM,
        "-cp",
        str(tools.path_of(tools.Name.FIRESTORE)),
        _MAIN,
        "start",
        "--host=127.0.0.1",
        f"--port={port}",
    )
    return Program("firestore", argv, lambda: answers(f"http://127.0.0.1:{port}/"))
