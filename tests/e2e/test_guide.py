"""docs/guide.md, line by line: each command with the real helm and kubectl, and what it prints beside what is shown.

The cluster is a real control plane, requests go through real Envoys, and a real Prometheus judges them. No containers
run: as soon as a chart is installed, the process that its Deployment describes runs instead, with the rights and the
settings of the chart. ``kubectl logs`` reads its log. ``kubectl exec`` alone has no way in, so that what it would run
in the load tester's pod is run beside its process.
"""

from __future__ import annotations

import base64
import difflib
import os
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.support.container_logs import ContainerLogs
from tests.support.guide import ROOT, Block, Shell, blocks_of, essence, is_as_shown, make_shell
from tests.support.hosted import hosted
from tests.support.installed import Installed
from tests.support.loadtester import LoadTester
from tests.support.mesh import App
from tests.support.processes import Process, Program, free_port
from tests.support.services import Services
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.helm import Helm
    from tests.support.mesh import Mesh
    from tests.support.prometheus import Prometheus
    from tests.support.real_cluster import RealCluster

IN_THE_POD = """
kubectl() { while [ "$1" != -- ]; do shift; done; shift; "$@"; }
"""
"""``kubectl exec`` as seen from inside."""


@dataclass(slots=True)
class Pods:
    """What runs in the pods of the charts, from the moment on that their Deployments are there."""

    serin: Installed
    hey: Path
    services: Services
    folder: Path
    logs: ContainerLogs
    running: ExitStack
    started: set[str] = field(default_factory=set)

    def start(self) -> None:
        """Start what was installed since the last time."""
        for name, namespace, run in (
            ("serin", "serin-system", self._run_serin),
            ("loadtester", "test", self._run_loadtester),
        ):
            if name not in self.started and self._find(namespace, name):
                self.started.add(name)
                (self.folder / name).mkdir()
                self.logs.files[namespace, name] = run(self.folder / name).log

    def second_terminal(self, commands: str) -> None:
        """Commands that go on until the end of the test."""
        argv = ("bash", "-c", IN_THE_POD + commands)
        folder = self.folder / "loadtester"
        program = Program("second-terminal", argv, lambda: True, {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}"})
        self.running.enter_context(Process(program, folder))

    def _find(self, namespace: str, name: str) -> bool:
        path = f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}"
        return self.serin.cluster.api.find(path) is not None

    def _run_serin(self, folder: Path) -> Process:
        return self.running.enter_context(hosted(self.serin, folder, self.services))

    def _run_loadtester(self, folder: Path) -> Process:
        programs = self.services.write_hey(self.hey, folder / "bin")
        settings = {
            **self._settings_of_the_loadtester(),
            **self.services.environment(str(ROOT)),
            "LOADTESTER_GATE_FILE": str(folder / "gates.db"),
        }
        tester = LoadTester(folder, programs, settings, self.services.ports["loadtester.test:80"])
        return self.running.enter_context(tester).process

    def _settings_of_the_loadtester(self) -> dict[str, str]:
        api = self.serin.cluster.api
        pod = api.get("/apis/apps/v1/namespaces/test/deployments/loadtester")["spec"]["template"]["spec"]
        tokens = api.get("/api/v1/namespaces/test/secrets/loadtester")["data"]["tokens"]
        plain = {each["name"]: each["value"] for each in pod["containers"][0]["env"] if "value" in each}
        return {**plain, "LOADTESTER_TOKENS": base64.b64decode(tokens).decode()}


@pytest.fixture
def services(own_cluster: RealCluster, prometheus: Prometheus, mesh_of: Callable[[App], Mesh]) -> Services:
    """Everybody whom somebody calls by name. The two apps have a mesh each."""
    frontend, backend = (mesh_of(App(own_cluster, "test", name, name)).port for name in ("frontend", "backend"))
    return Services(
        {
            "prometheus.istio-system:9090": int(prometheus.url.rpartition(":")[2]),
            "loadtester.test:80": free_port(),
            "frontend.test:9898": frontend,
            "backend.test:9898": backend,
            "backend-canary.test:9898": backend,
        }
    )


@pytest.fixture
def pods(own_cluster: RealCluster, helm: Helm, hey: Path, services: Services, tmp_path: Path) -> Iterator[Pods]:
    with ExitStack() as running:
        logs = running.enter_context(ContainerLogs(own_cluster, tmp_path))
        yield Pods(Installed(own_cluster, "serin-system", helm), hey, services, tmp_path, logs, running)


@pytest.fixture
def shell(own_cluster: RealCluster, helm: Helm, kubectl_program: Path, tmp_path: Path) -> Shell:
    """Somebody with administrator's rights."""
    return make_shell(tmp_path, own_cluster.kubeconfig, helm=helm.program, kubectl=kubectl_program)


@pytest.mark.timeout(300)
def test_every_command_of_the_walk_prints_what_the_page_shows(shell: Shell, pods: Pods) -> None:
    for block in blocks_of("guide.md"):
        match block.mark:
            case "second-terminal":
                pods.second_terminal(block.commands)
            case "soon":  # an event may be written by the tick after the one that decided
                with suppress(TimeoutError):
                    eventually(block.commands, partial(prints_what_is_shown, shell, block), seconds=10)
                check(block, shell.run(block.commands))
            case _:
                check(block, shell.run(block.commands))
        pods.start()


def prints_what_is_shown(shell: Shell, block: Block) -> bool:
    """Whether commands that only look print by now what the page shows."""
    return is_as_shown(shell.run(block.commands), block.prints)


def check(block: Block, printed: str) -> None:
    """Fail with the difference unless the page shows what was printed, or nothing."""
    if block.prints and not is_as_shown(printed, block.prints):
        lines = difflib.unified_diff(essence(block.prints), essence(printed), "the page", "printed", lineterm="")
        pytest.fail("\n".join((block.commands, *lines)))
