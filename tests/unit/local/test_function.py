"""The tick function as a process: it serves, it is heard, it ends, and its own end is told."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest
import requests

from infra.local.errors import DemoError
from infra.local.function import Function, LogLines
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from shared.json_types import JsonObject


def test_it_serves_on_loopback_says_what_it_does_and_leaves_nothing(tmp_path: Path) -> None:
    lines: list[JsonObject] = []
    settings = {"SERIN_STORE": f"sqlite:///{tmp_path / 'serin.db'}", "SERIN_KUBECONFIG": str(tmp_path)}
    with Function(settings, tmp_path, LogLines(lines.append)) as function:
        pid = function._process.pid
        assert requests.get(function.url, timeout=10).status_code == 405
        assert requests.post(function.url, json={"job": "heartbeat"}, timeout=10).status_code == 500
        function.check()
    with pytest.raises(ProcessLookupError):
        os.killpg(pid, 0)
    with pytest.raises(requests.ConnectionError):
        requests.get(function.url, timeout=10)


def test_its_own_end_is_told(tmp_path: Path) -> None:
    with Function({}, tmp_path, LogLines(lambda _: None)) as function:
        os.kill(function._process.pid, signal.SIGTERM)
        eventually("it ended", lambda: function._process.poll() is not None)
        with pytest.raises(DemoError, match="ended by itself with status 0"):
            function.check()


def test_a_failure_of_the_demo_takes_along_why_the_function_failed(tmp_path: Path) -> None:
    function = Function({"SERIN_STORE": "nonsense"}, tmp_path, LogLines(lambda _: None))
    with pytest.raises(DemoError) as caught, function:
        _call_and_fail(function)
    (note,) = caught.value.__notes__
    assert "SERIN_STORE: must be sqlite:///path" in note


def _call_and_fail(function: Function) -> None:
    assert requests.post(function.url, json={"job": "sweep"}, timeout=10).status_code == 500
    raise DemoError("Nothing happened")


def test_a_function_that_cannot_start_is_told_at_once(tmp_path: Path) -> None:
    function = Function({"FUNCTION_SIGNATURE_TYPE": "nonsense"}, tmp_path, LogLines(lambda _: None))
    with pytest.raises(DemoError, match="ended by itself with status 2") as caught, function:
        pass
    assert "'nonsense' is not one of 'http'" in caught.value.__notes__[0]


def test_log_lines_are_taken_as_the_json_that_they_are_and_other_lines_as_messages() -> None:
    taken: list[JsonObject] = []
    lines = LogLines(taken.append)
    lines.write('{"severity": "WARNING", "msg": "Halt", "canary": "podinfo.test"}\n\n')
    lines.write("[1, 2]\nTraceback (most recent call last)\n")
    assert taken == [
        {"severity": "WARNING", "msg": "Halt", "canary": "podinfo.test"},
        {"severity": "INFO", "msg": "[1, 2]"},
        {"severity": "INFO", "msg": "Traceback (most recent call last)"},
    ]
