"""The runner: real programs, real signals."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from infra.deploy.errors import Declined, DeployError
from infra.deploy.runner import Runner
from infra.deploy.step import Command, Step

SLOW = """
import signal, sys, time
def end(*_):
    print("writes its state down", flush=True)
    time.sleep(0.5)
    sys.exit(3)
signal.signal(signal.SIGINT, end)
print("at work", flush=True)
time.sleep(60)
"""
RUNS_IT = f"""
import sys
from infra.deploy.runner import Runner
from infra.deploy.step import Command, Step
try:
    Runner().run(Step("Works.", Command((sys.executable, "-c", {SLOW!r})), advice=""))
except KeyboardInterrupt as stopped:
    print(stopped)
"""


def sh(script: str, reads: Command | None = None, answers: tuple[int, ...] = (0,)) -> Step:
    return Step("A test.", Command(("sh", "-c", script), {}, reads), advice="Look at the script.", answers=answers)


def runner(typed: str = "", *, yes: bool = False) -> Runner:
    return Runner(yes=yes, secrets={"TOKEN": "t0ken"}, source=io.StringIO(typed), sink=io.StringIO())


def test_a_command_reads_what_another_prints() -> None:
    assert runner().ask(sh("tr a-z A-Z", reads=Command(("printf", "secret")))) == "SECRET"


def test_a_failure_in_front_of_a_pipe_is_a_failure() -> None:
    with pytest.raises(DeployError, match=r"ended with 1\. Look at the script\."):
        runner().ask(sh("cat", reads=Command(("false",))))


def test_a_failure_says_how_what_was_done_before_is_taken_back() -> None:
    one = runner()
    for undo in ("remove a", "", "remove b", "remove b"):
        one.run(replace(sh("true"), undo=undo))
    with pytest.raises(DeployError) as error:
        one.run(sh("false"))
    assert str(error.value).splitlines()[-2:] == ["  remove b", "  remove a"]


def test_a_secret_is_for_the_command_and_not_for_the_eye() -> None:
    one = runner()
    assert one.run(sh('test "$TOKEN" = t0ken')) == 0
    assert isinstance(one.sink, io.StringIO)
    assert "t0ken" not in one.sink.getvalue().replace("= t0ken", "")


def test_a_status_that_is_an_answer_is_no_failure() -> None:
    assert runner().compare(sh("exit 2", answers=(0, 2))) == 2
    with pytest.raises(DeployError, match="ended with 3"):
        runner().run(sh("exit 3", answers=(0, 2)))


@pytest.mark.parametrize("typed", ["", "\n", "n\n", "yep\n"])
def test_whatever_is_not_yes_is_no(typed: str) -> None:
    with pytest.raises(Declined):
        runner(typed).agree("Do it?")


def test_yes_is_typed_or_given_beforehand() -> None:
    runner("y\n").agree("Do it?")
    runner(yes=True).agree("Do it?")


def test_a_request_to_stop_is_passed_on_and_the_end_waited_for() -> None:
    root = Path(__file__).parents[3]
    argv = (sys.executable, "-c", RUNS_IT)
    with subprocess.Popen(argv, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while process.stdout.readline() != "at work\n":
            pass
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
    assert rest.splitlines() == ["writes its state down", f"{sys.executable} has ended, with 3."]
