"""The image of the load tester, without a container engine: its files are enough, its command starts, and it needs
neither root nor a place to write beside its two volumes.

What is not proved here is the build itself: base images and the installation of the packages.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from typing import TYPE_CHECKING

import pytest
import urllib3

from tests.support.helm import CHARTS
from tests.support.processes import Process, Program, answers, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROOT = CHARTS.parent
FOLDER = ROOT / "infra/container/loadtester"


def instructions(name: str) -> list[str]:
    """The arguments of every such instruction in the last stage of the Dockerfile."""
    last = (FOLDER / "Dockerfile").read_text().rpartition("\nFROM ")[2]
    return re.findall(rf"^{name} (.+)$", last, re.MULTILINE)


def copied() -> Iterator[tuple[Path, str]]:
    """What comes from the project, and where it goes."""
    for line in instructions("COPY"):
        *sources, target = line.split()
        if not sources[0].startswith("--from"):
            yield from ((ROOT / source, target) for source in sources)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """The folder /app as the image has it."""
    app = tmp_path / "app"
    for source, target in copied():
        if source.is_dir():
            shutil.copytree(source, app / target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            (app / target).mkdir(parents=True, exist_ok=True)
            shutil.copy(source, app / target)
    return app


def without_power(argv: list[str]) -> tuple[str, ...]:
    """The command without what lets root write where nobody may."""
    return (*(("setpriv", "--bounding-set=-all", "--inh-caps=-all") if not os.geteuid() else ()), *argv)


def test_the_files_of_the_image_are_enough_for_a_user_who_may_write_nothing(image: Path, hey: Path) -> None:
    port = free_port()
    name, *arguments = json.loads(instructions("CMD")[0])
    assert name == "python"
    argv = without_power([sys.executable, *arguments[:-1], str(port), "--host", "127.0.0.1"])
    variables = dict(word.split("=", 1) for word in instructions("ENV")[0].split())
    environment = {
        "PYTHONPATH": variables["PYTHONPATH"].replace("/app", str(image)),
        "PATH": f"{hey.parent}:{os.defpath}",
        "HOME": "/nonexistent",
    }
    command = ("env", "--chdir", str(image), *argv)
    process = Process(
        Program("image", command, lambda: answers(f"http://127.0.0.1:{port}/healthz"), environment), image.parent
    )
    for path in (image, *image.rglob("*")):
        path.chmod(path.stat().st_mode & ~0o222)
    with process:
        assert urllib3.request("POST", f"http://127.0.0.1:{port}/gate/halt").status == 403
    assert "Errno" not in process.log_tail()


def test_the_image_and_the_chart_agree_on_port_user_and_state() -> None:
    deployment = (CHARTS / "loadtester/templates/deployment.yaml").read_text()
    (user,) = instructions("USER")
    for words in (
        f"runAsUser: {user.partition(':')[0]}",
        f"runAsGroup: {user.partition(':')[2]}",
        f"containerPort: {instructions('EXPOSE')[0]}",
        f"mountPath: {instructions('VOLUME')[0]}",
    ):
        assert words in deployment
    assert instructions("CMD")[0].endswith(f'"{instructions("EXPOSE")[0]}"]')
    assert f"LOADTESTER_GATE_FILE={instructions('VOLUME')[0]}/gates.db" in instructions("ENV")[0]
