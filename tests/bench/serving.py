"""One function alone in a process of its own, by the server that Cloud Run starts: what is measured is Serin's."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import urllib3

from tests.support.cluster import Access, kubeconfig
from tests.support.figures import ROOT
from tests.support.processes import Process, Program, accepts, free_port

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from shared.json_types import JsonObject
    from tests.support.cluster import Cluster

CLUSTER = "test"
SECRET = "onlyInTheBenchmarks0123456789"


class Function:
    """A context manager that runs the function ``name`` at ``url``; see :func:`environment_for`."""

    def __init__(self, name: str, folder: Path, environment: Mapping[str, str]) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}/"
        source = ("--source", str(ROOT / f"functions/{name}.py"), "--target", name)
        argv = (sys.executable, "-m", "functions_framework", *source, "--host", "127.0.0.1", "--port", str(port))
        self.process = Process(Program(name, argv, lambda: accepts(port), environment), folder)

    def __enter__(self) -> Self:
        self.process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()

    def ask(self, method: str, path: str = "", **request: Any) -> urllib3.BaseHTTPResponse:
        """Its answer to a request, as ``urllib3`` sends it; RuntimeError if that is not 200."""
        answer = urllib3.request(method, self.url + path, timeout=600, retries=False, **request)
        if answer.status != 200:
            raise RuntimeError(f"{self.url} answered {answer.status}: {answer.data!r}\n{self.process.log_tail()}")
        return answer


class TickFunction(Function):
    """The function that does the work."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        super().__init__("tick", folder, environment)

    def call(self, job: str) -> JsonObject:
        """What a job, ``heartbeat`` or ``sweep``, did."""
        found: JsonObject = self.ask("POST", json={"job": job}).json()
        return found


def cpu_seconds(process: Process) -> float:
    """What a process and its children have used so far."""
    stats = (Path(f"/proc/{pid}/stat").read_text(encoding="ascii") for pid in _family(process))
    fields = [stat.rpartition(")")[2].split() for stat in stats]
    return sum(int(each[11]) + int(each[12]) for each in fields) / os.sysconf("SC_CLK_TCK")


def peak_mebibytes(process: Process) -> float:
    """The largest memory that a process and its children ever had (``VmHWM`` of Linux), each counted for itself."""
    lines = (Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines() for pid in _family(process))
    return sum(int(line.split()[1]) for status in lines for line in status if line.startswith("VmHWM:")) / 1024


def _family(process: Process) -> tuple[int, ...]:
    pid = process.pid
    return pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split())


def environment_for(cluster: Cluster, folder: Path, store: str) -> dict[str, str]:
    """What the functions need to work on ``cluster`` as user ``serin``; modules are compiled, as in an image."""
    config = folder / "of-serin"
    access = Access(cluster.url, cluster.ca_file, cluster.token, cluster.serin_token)
    config.write_text(json.dumps({**kubeconfig(access), "current-context": "serin"}), encoding="utf-8")
    return {
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "",
        "THREADS": "8",
        "SERIN_CLUSTER": CLUSTER,
        "SERIN_KUBECONFIG": str(config),
        "SERIN_STORE": store,
        "SERIN_HASH_KEY": SECRET,
        "SERIN_WEBHOOK_SECRETS": SECRET,
        "SERIN_SLACK_SIGNING_SECRETS": SECRET,
        "SERIN_EGRESS_ALLOW": "127.0.0.1",
        "SERIN_HEARTBEAT_SECONDS": "55",
    }
