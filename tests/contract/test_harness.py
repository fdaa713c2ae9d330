"""What the suite stands on: missing programs are said aloud, servers start or say why, and none is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support import tools
from tests.support.processes import NotStartedError, Process, Program, accepts, free_port
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A Python process in the root of the project."""
    return subprocess.run(
        (sys.executable, *arguments),
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def alive(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


class TestTools:
    @pytest.mark.parametrize(("require", "code"), [("0", 0), ("1", 1)])
    def test_a_missing_program_skips_aloud_and_fails_only_where_all_is_required(
        self, require: str, code: int, tmp_path: Path
    ) -> None:
        nothing = {"SERIN_CACHE": str(tmp_path), "PATH": "", "SERIN_REQUIRE_REAL": require}
        tests = ("tests/contract/test_real_parts.py", "-k", "TestPrometheus", "-p", "no:cacheprovider")
        ended = run("-m", "pytest", *tests, **nothing)
        assert ended.returncode == code
        assert ended.stdout.count("MISSING prometheus: 3 tests were NOT run. To get it: python -m") == 1
        assert ("the run has failed" in ended.stdout) == bool(code)

    @pytest.mark.parametrize(("require", "code"), [("0", 0), ("1", 1)])
    def test_the_command_says_what_is_missing_and_why(self, require: str, code: int, tmp_path: Path) -> None:
        nothing = {"SERIN_CACHE": str(tmp_path), "PATH": "", "KUBEBUILDER_ASSETS": "", "PIP_NO_INDEX": "1"}
        ended = run("-m", "tests.support.tools", **nothing, SERIN_REQUIRE_REAL=require)
        assert ended.returncode == code
        assert "kube-apiserver            MISSING: python -m tests.support.tools builds it" in ended.stdout
        assert "prometheus, promtool: there is no apt-get on the PATH" in ended.stderr
        assert "helm, kubectl: " in ended.stderr
        assert {path.name.partition("-")[0] for path in tmp_path.iterdir()} <= {".lock", "runtime"}

    def test_the_control_plane_is_taken_from_kubebuilder_assets_first(self, tmp_path: Path) -> None:
        for name in (tools.Name.ETCD, tools.Name.API_SERVER, tools.Name.CONTROLLERS):
            (tmp_path / name).touch()
        found = run("-m", "tests.support.tools", KUBEBUILDER_ASSETS=str(tmp_path)).stdout
        assert found.count(str(tmp_path)) == 3


class TestProcesses:
    def test_one_that_ends_at_once_says_why(self, tmp_path: Path) -> None:
        broken = Program("broken", (sys.executable, "-c", "raise SystemExit('no such flag')"), lambda: False)
        with pytest.raises(NotStartedError, match=r"(?s)broken ended with exit code 1.*no such flag"):
            Process(broken, tmp_path).start()

    def test_one_that_never_gets_ready_is_stopped(self, tmp_path: Path) -> None:
        process = Process(sleeper(lambda: False), tmp_path)
        with pytest.raises(NotStartedError, match=r"was not ready within 0\.2 s"):
            process.start(seconds=0.2)
        assert not process.running

    def test_its_children_end_with_it(self, tmp_path: Path) -> None:
        script = "sleep 60 & echo $! > child; wait"
        with Process(Program("parent", ("/bin/sh", "-c", script), (tmp_path / "child").exists), tmp_path) as process:
            child = int(eventually("the child is known", (tmp_path / "child").read_text))
            assert alive(child)
            process.stop()
        eventually("the child is gone", lambda: not alive(child))

    def test_it_comes_back_on_its_port(self, tmp_path: Path) -> None:
        port = free_port()
        argv = (sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port))
        with Process(Program("web", argv, lambda: accepts(port)), tmp_path) as process:
            first = process.pid
            with process.down():
                assert not accepts(port)
            assert accepts(port)
            assert process.pid != first

    @pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
    def test_none_outlives_a_killed_run(self, end: signal.Signals, tmp_path: Path) -> None:
        script = (
            "import os, pathlib, sys, tests.contract.test_harness as harness\n"
            "process = harness.Process(harness.sleeper(lambda: True), pathlib.Path(sys.argv[1]))\n"
            "process.start()\n"
            "print(process.pid, flush=True)\n"
            "os.kill(os.getpid(), int(sys.argv[2]))"
        )
        left = int(run("-c", script, str(tmp_path), str(int(end))).stdout)
        eventually("it is gone", lambda: not alive(left))


def sleeper(ready: Callable[[], bool]) -> Program:
    """A program that does nothing for a minute."""
    return Program("sleeper", ("sleep", "60"), ready)
