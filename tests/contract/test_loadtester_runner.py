"""Commands in the background, with real processes: a small script stands for a program."""

from __future__ import annotations

import io
import json
import os
import secrets
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from shared.loadtester import runner as runner_module
from shared.loadtester.command import Command
from shared.loadtester.runner import KEPT_BYTES, Outcome, Runner, Task
from shared.logs import Log
from tests.support.processes import command_lines
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Bench:
    """A runner, its log, and programs that are shell scripts."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.text = io.StringIO()
        self.runner = Runner(3, Log(self.text))

    def task(self, script: str, seconds: float = 30.0, canary: str = "podinfo.test", log_output: bool = True) -> Task:
        """A task that runs these lines."""
        program = self.directory / f"program-{abs(hash(script))}"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        return Task(canary, Command((str(program),), "hey"), seconds, log_output)

    @property
    def lines(self) -> list[dict[str, str]]:
        """The log."""
        return [json.loads(line) for line in self.text.getvalue().splitlines()]

    @property
    def messages(self) -> list[str]:
        """What it says."""
        return [line["msg"] for line in self.lines]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(runner_module, "GRACE_SECONDS", 0.5)
    made = Bench(tmp_path)
    yield made
    made.runner.close()


@pytest.fixture
def nap() -> str:
    """How long to sleep: a minute, in a number that no other process of this machine has."""
    return f"60.{secrets.randbelow(10**9):09}"


def sleeps(nap: str) -> int:
    """How many processes sleep for so long; a zombie does not."""
    return len(command_lines(f"sleep {nap}"))


def test_a_command_that_runs_is_not_started_again_and_one_that_has_ended_is(bench: Bench) -> None:
    task = bench.task("sleep 0.3; echo done")
    assert [bench.runner.start(task) for _ in range(3)] == [Outcome.STARTED, Outcome.RUNNING, Outcome.RUNNING]
    eventually("it has ended", lambda: "command finished hey" in bench.messages)
    assert eventually("it may start again", lambda: bench.runner.start(task) is Outcome.STARTED)
    eventually("it has ended again", lambda: bench.messages.count("command finished hey") == 2)
    assert bench.messages.count("command starting hey") == 2


def test_of_many_who_ask_at_the_same_moment_one_starts_it(bench: Bench) -> None:
    task = bench.task("sleep 5")
    with ThreadPoolExecutor(16) as pool:
        outcomes = list(pool.map(lambda _: bench.runner.start(task), range(64)))
    assert outcomes.count(Outcome.STARTED) == 1
    assert outcomes.count(Outcome.RUNNING) == 63


def test_the_same_command_of_two_canaries_is_two_and_no_more_run_than_may(bench: Bench) -> None:
    tasks = [bench.task("sleep 5", canary=f"{name}.test") for name in "abcd"]
    assert [bench.runner.start(task) for task in tasks] == [*[Outcome.STARTED] * 3, Outcome.FULL]


def test_at_its_time_limit_a_command_may_report_and_is_then_gone(bench: Bench) -> None:
    bench.runner.start(bench.task("trap 'echo summary; exit 0' INT; while :; do sleep 0.05; done", seconds=2))
    line = eventually("it has failed", lambda: next((line for line in bench.lines if "failed" in line["msg"]), None))
    assert line["msg"] == "command failed hey was ended after 2 s"
    assert line["output"] == "summary"
    assert line["canary"] == "podinfo.test"


def test_a_command_that_does_not_end_when_asked_is_killed_with_its_children(bench: Bench, nap: str) -> None:
    bench.runner.start(bench.task(f"trap '' INT; sleep {nap} & sleep {nap}; wait", seconds=1))
    eventually("both are there", lambda: sleeps(nap) == 2)
    eventually("it is said", lambda: "command failed hey was ended after 1 s" in bench.messages, seconds=5)
    assert not sleeps(nap)


def test_what_a_command_leaves_behind_when_it_ends_is_killed(bench: Bench, nap: str) -> None:
    bench.runner.start(bench.task(f"sleep {nap} & sleep 0.3; exit 3"))
    eventually("it is there", lambda: sleeps(nap))
    eventually("it is said", lambda: "command failed hey exit status 3" in bench.messages, seconds=5)
    assert not sleeps(nap)


def test_output_is_bounded_and_never_holds_a_command_up(bench: Bench) -> None:
    bench.runner.start(bench.task("head -c 3000000 /dev/zero | tr '\\0' x; echo the end >&2"))
    eventually("it has ended", lambda: "command finished hey" in bench.messages)
    assert bench.lines[-1]["output"] == "x" * KEPT_BYTES


def test_output_of_what_ended_well_is_logged_only_where_wanted(bench: Bench) -> None:
    bench.runner.start(bench.task("echo quiet", log_output=False))
    eventually("it has ended", lambda: "command finished hey" in bench.messages)
    assert "output" not in bench.lines[-1]


def test_a_program_has_no_login_no_file_to_write_and_no_terminal(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOADTESTER_TOKENS", "a-token-of-the-tests-alone")
    bench.runner.start(bench.task("env; ulimit -f; ulimit -c; ulimit -n; pwd; cat"))
    eventually("it has ended", lambda: "command finished hey" in bench.messages)
    *variables, files, core, opened, folder = bench.lines[-1]["output"].split("\n")
    assert {variable.partition("=")[0] for variable in variables} <= {"PATH", "PWD", "LC_CTYPE", "OLDPWD", "SHLVL", "_"}
    assert (files, core, folder) == ("0", "0", "/")
    assert int(opened) <= runner_module.MOST_FILES


def test_a_program_that_cannot_be_run_is_reported(bench: Bench) -> None:
    bench.runner.start(Task("podinfo.test", Command((str(bench.directory / "missing"),), "hey"), 30.0, True))
    line = eventually("it has failed", lambda: next((line for line in bench.lines if "failed" in line["msg"]), None))
    assert line["msg"] == "command failed hey exit status 127"
    assert "cannot be run: No such file or directory" in line["output"]


def test_closing_kills_what_runs_and_takes_no_more(bench: Bench, nap: str) -> None:
    task = bench.task(f"trap '' INT TERM; sleep {nap} & sleep {nap}; wait")
    bench.runner.start(task)
    eventually("both are there", lambda: sleeps(nap) == 2)
    began = time.monotonic()
    bench.runner.close()
    assert not sleeps(nap)
    assert time.monotonic() - began < 3
    assert bench.runner.start(task) is Outcome.CLOSED


def test_a_command_dies_with_a_load_tester_that_dies_without_warning(bench: Bench, nap: str) -> None:
    task = bench.task(f"exec sleep {nap}")
    pid = os.fork()
    if not pid:
        bench.runner.start(task)
        time.sleep(60)
        os._exit(0)
    eventually("it is there", lambda: sleeps(nap))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    eventually("it is gone", lambda: not sleeps(nap), seconds=5)
