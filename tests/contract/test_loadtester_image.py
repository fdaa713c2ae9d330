"""The image of the load tester, without a container engine: its files are enough, its command starts, and it needs
neither root nor a place to write beside its two volumes.

What is not proved here is the build itself: base images and the installation of the packages.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

import urllib3

from tests.support.helm import CHARTS
from tests.support.image import Image, without_power
from tests.support.processes import Process, Program, answers, free_port

if TYPE_CHECKING:
    from pathlib import Path

IMAGE = Image("loadtester")


def test_the_files_of_the_image_are_enough_for_a_user_who_may_write_nothing(tmp_path: Path, hey: Path) -> None:
    image, port = IMAGE.unpack(tmp_path / "app"), free_port()
    name, *arguments = json.loads(IMAGE.instructions("CMD")[0])
    assert name == "python"
    argv = without_power([sys.executable, *arguments[:-1], str(port), "--host", "127.0.0.1"])
    environment = {
        "PYTHONPATH": IMAGE.variables()["PYTHONPATH"].replace("/app", str(image)),
        "PATH": f"{hey.parent}:{os.defpath}",
        "HOME": "/nonexistent",
    }
    command = ("env", "--chdir", str(image), *argv)
    process = Process(
        Program("image", command, lambda: answers(f"http://127.0.0.1:{port}/healthz"), environment), image.parent
    )
    with process:
        assert urllib3.request("POST", f"http://127.0.0.1:{port}/gate/halt").status == 403
    assert "Errno" not in process.log_tail()


def test_the_image_and_the_chart_agree_on_port_user_and_state() -> None:
    deployment = (CHARTS / "loadtester/templates/deployment.yaml").read_text()
    (user,) = IMAGE.instructions("USER")
    for words in (
        f"runAsUser: {user.partition(':')[0]}",
        f"runAsGroup: {user.partition(':')[2]}",
        f"containerPort: {IMAGE.instructions('EXPOSE')[0]}",
        f"mountPath: {IMAGE.instructions('VOLUME')[0]}",
    ):
        assert words in deployment
    assert IMAGE.instructions("CMD")[0].endswith(f'"{IMAGE.instructions("EXPOSE")[0]}"]')
    assert IMAGE.variables()["LOADTESTER_GATE_FILE"] == f"{IMAGE.instructions('VOLUME')[0]}/gates.db"
