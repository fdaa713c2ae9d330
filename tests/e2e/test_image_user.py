"""The image's process as the image's user: all it needs to write to is its data and its temporary folder."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from functions.serve import GRACE
from tests.support.embedded_cluster import EmbeddedCluster
from tests.support.hosted import OF_SERIN
from tests.support.processes import Process, Program, answers, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

# It may read everything, since the interpreter of the tests may stand in somebody's home; that opens nothing to write.
AS_USER = ("--clear-groups", "--bounding-set=-all,+dac_read_search", "--inh-caps=-all,+dac_read_search")
AMBIENT = ("--ambient-caps=-all,+dac_read_search",)


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    user, group = OF_SERIN.instructions("USER")[0].split(":")
    app, port = OF_SERIN.unpack(tmp_path / "app"), free_port()
    for name in ("data", "tmp"):
        (tmp_path / name).mkdir()
        os.chown(tmp_path / name, int(user), int(group))
    serve = (sys.executable, "-m", "functions.serve", "--port", str(port))
    become = ("setpriv", "--reuid", user, "--regid", group, *AS_USER, *AMBIENT)
    with EmbeddedCluster(tmp_path) as cluster:
        env = {
            "PYTHONPATH": str(app),
            "HOME": str(tmp_path / "tmp"),
            "TMPDIR": str(tmp_path / "tmp"),
            "SERIN_KUBECONFIG": str(cluster.kubeconfig),
            "SERIN_STORE": f"sqlite:///{tmp_path}/data/serin.db",
            "SERIN_WEBHOOK_SECRETS": "a-secret-of-the-tests-alone",
        }
        argv = ("env", "--chdir", str(app), *become, *serve)
        ready = partial(answers, f"http://127.0.0.1:{port}/readyz")
        with Process(Program("serin", argv, ready, env), tmp_path / "run") as running:
            yield running


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become the image's user: run as root")
def test_it_is_ready_writes_its_data_alone_and_ends_with_0(process: Process, tmp_path: Path) -> None:
    uids = Path(f"/proc/{process.pid}/status").read_text().partition("Uid:")[2].split()[:4]
    assert set(uids) == {OF_SERIN.instructions("USER")[0].split(":")[0]}
    process.signal_end()
    assert process.wait(GRACE) == 0
    assert (tmp_path / "data/serin.db").exists()
    written = {path for path in tmp_path.rglob("*") if path.stat().st_uid == int(uids[0])}
    assert all(path.is_relative_to(tmp_path / "data") or path.is_relative_to(tmp_path / "tmp") for path in written)
