"""Services of a cluster by their names, for processes of this machine that stand for pods.

A Python process gets an environment that makes its ``socket`` know the names. ``hey``, which is no Python, gets a
wrapper of that name which puts the local address into the one that it was given, and tells the server the name as its
Host. What is under test sees names alone.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_FOLDER = Path(__file__).parent / "in_cluster"
_HEY = """#!/bin/sh
host=
for word do
    shift
    case $word in
{cases}
    esac
    set -- "$@" "$word"
done
exec {program} ${{host:+-host "$host"}} "$@"
"""


@dataclass(frozen=True, slots=True)
class Services:
    """``ports`` has the local port of each ``NAME:PORT``."""

    ports: Mapping[str, int]

    def environment(self, path: str = "") -> dict[str, str]:
        """What a Python process needs to know the names; ``path`` is what its PYTHONPATH has besides."""
        return {"SERVICES": json.dumps(dict(self.ports)), "PYTHONPATH": f"{_FOLDER}:{path}".rstrip(":")}

    def write_hey(self, program: Path, folder: Path) -> Path:
        """Write the wrapper; ``folder``, where it is now."""
        cases = "\n".join(
            f"    http://{name}*) host={name} word=http://127.0.0.1:{port}${{word#http://{name}}} ;;"
            for name, port in self.ports.items()
        )
        folder.mkdir()
        (folder / "hey").write_text(_HEY.format(cases=cases, program=program))
        (folder / "hey").chmod(0o755)
        return folder


NO_SERVICES = Services({})
"""For processes that call nobody in the cluster by name."""
