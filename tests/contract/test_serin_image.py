"""The image of Serin, without a container engine: what it copies is there, it agrees with the chart, and its process
serves, and stops when it is told to, as a user who may write to nothing but its volumes.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.support.helm import CHARTS
from tests.support.image import ROOT, Image, without_power
from tests.support.processes import answers, free_port
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

IMAGE = Image("serin")
GRACE = 60
"""The chart's ``terminationGracePeriodSeconds``."""


@contextmanager
def running(directory: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """The command of the image, and where it serves."""
    app, data, port = IMAGE.unpack(directory / "app"), directory / "data", free_port()
    data.mkdir()
    name, *arguments = json.loads(IMAGE.instructions("CMD")[0])
    assert name == "python"
    argv = without_power([sys.executable, *arguments[:-1], "127.0.0.1", "--port", str(port)])
    store = IMAGE.variables()["SERIN_STORE"].replace("//data/", f"/{data}/")
    environment = {"PYTHONPATH": str(app), "PATH": os.defpath, "HOME": str(data), "SERIN_STORE": store}
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(argv, cwd=app, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def test_everything_that_the_image_copies_is_there() -> None:
    sources = [line.split()[:-1] for line in IMAGE.instructions("COPY") if not line.startswith("--from")]
    assert [path for paths in sources for path in paths if not (ROOT / path).exists()] == []
    ignored = (ROOT / "infra/container/serin/Dockerfile.dockerignore").read_text().split()
    assert {f"!{path.rstrip('/')}" for paths in sources for path in paths} <= set(ignored)


def test_the_image_and_the_chart_agree_on_port_user_volume_and_probes() -> None:
    deployment = (CHARTS / "serin/templates/deployment.yaml").read_text()
    user, _, group = IMAGE.instructions("USER")[0].partition(":")
    words = [f"runAsUser: {user}", f"runAsGroup: {group}", f"mountPath: {IMAGE.instructions('VOLUME')[0]}"]
    words += [f"containerPort: {port}" for port in IMAGE.instructions("EXPOSE")[0].split()]
    words += ["path: /healthz", "path: /readyz", f"terminationGracePeriodSeconds: {GRACE}"]
    words += ["runAsNonRoot: true", "readOnlyRootFilesystem: true"]
    assert [text for text in words if text not in deployment] == []


@pytest.mark.parametrize("times", [1, 2], ids=["told once", "told twice"])
def test_its_process_serves_from_a_tree_that_nobody_may_write_to_and_stops_when_told(
    tmp_path: Path, times: int
) -> None:
    with running(tmp_path) as (process, url):
        eventually("it is ready", lambda: answers(f"{url}/readyz"), 30)
        assert answers(f"{url}/healthz")
        for _ in range(times):
            process.send_signal(signal.SIGTERM)
            time.sleep(0.2)
        assert process.wait(GRACE) == 0
    assert "Errno" not in (tmp_path / "log").read_text()
