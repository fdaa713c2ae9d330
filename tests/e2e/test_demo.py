"""``make demo`` as a stranger runs it: in an empty environment, judged by its lines, its end and its remains."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
import tempfile
import termios
import threading
import time
import urllib.request
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ROOT = Path(__file__).parents[2]

STEPS = [
    line
    for weight in (10, 20, 30, 40, 50)
    for line in (
        rf"\S+  Advance podinfo\.test canary weight {weight}",
        rf" +traffic: primary {100 - weight} %, canary {weight} %",
        r" +check request-success-rate: 100\.00 % \(>= 99\) pass",
        r" +check request-duration: \d+\.\d\d ms \(<= 500\) pass",
    )
]

PROMISED = [
    r"1 of 3: Installing podinfo 6\.9\.0",
    r"\d\d:\d\d:\d\d  Initialization done! podinfo\.test",
    r"2 of 3: Upgrading podinfo 6\.9\.0 to 6\.9\.1",
    r"\S+  New revision detected! Scaling up podinfo\.test",
    r"\S+  Starting canary analysis for podinfo\.test",
    *STEPS,
    r"\S+  Copying podinfo\.test template spec to podinfo-primary\.test",
    r"\S+  Routing all traffic to primary",
    r" +traffic: primary 100 %, canary 0 %",
    r"\S+  Promotion completed! Scaling down podinfo\.test",
    r"3 of 3: Upgrading podinfo 6\.9\.1 to 6\.9\.2, a bad release",
    r"\S+  New revision detected! Scaling up podinfo\.test",
    r"\S+  Advance podinfo\.test canary weight 10",
    r" +traffic: primary 90 %, canary 10 %",
    r" +check request-success-rate: \d\d\.\d\d % \(>= 99\) fail",
    r"\S+  Halt podinfo\.test advancement success rate \d\d\.\d\d% < 99%",
    r"\S+  Rolling back podinfo\.test failed checks threshold reached 3",
    r" +traffic: primary 100 %, canary 0 %",
    r"\S+  Canary failed! Scaling down podinfo\.test",
    r"6\.9\.1 was promoted in \d+ s, after every check had passed at every step",
    r"6\.9\.2 was rolled back in \d+ s, after 3 failed checks",
    r"[\d,]+ requests, none lost; \d+ met an error of 6\.9\.2 \(\d\.\d %\)",
    r"That took \d+ s\. Nothing is left running, and no file behind\.",
]


class Demo:
    """A running demo, what it writes, and what it leaves: all processes that descend from it, and its folders."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.written = b""
        self._family: set[int] = set()
        self._folders: set[Path] = set()

    @property
    def text(self) -> str:
        """Everything written so far."""
        return self.written.decode()

    def ended(self) -> bool:
        """Whether it has ended; until then its processes and folders are noted."""
        self._family |= _descendants(self.process.pid)
        self._folders |= set(Path(tempfile.gettempdir()).glob(f"serin-demo-{self.process.pid}-*"))
        return self.process.poll() is not None

    def says(self, text: str) -> bool:
        """Whether it has written ``text``."""
        return not self.ended() and text in self.text

    def listen(self, output: int) -> None:
        """Read a file descriptor until nobody writes to it any more; Linux calls that an error of a terminal."""
        with contextlib.suppress(OSError):
            while chunk := os.read(output, 65536):
                self.written += chunk

    def assert_gone(self) -> None:
        """There were processes and a folder, and none of them is left."""
        assert self._family
        assert self._folders
        eventually("init has reaped what was killed", lambda: not self._family & set(_parents()), seconds=5)
        assert not [folder for folder in self._folders if folder.exists()]


@contextlib.contextmanager
def demo(output: int, environment: Mapping[str, str], *arguments: str) -> Iterator[Demo]:
    """A demo that writes to the file descriptor ``output``, and is ended with the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "infra.local.demo", *arguments],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
    )
    os.close(output)
    try:
        yield Demo(process)
    finally:
        process.terminate()
        process.wait(30)


@contextlib.contextmanager
def plain_demo(home: Path, *arguments: str) -> Iterator[Demo]:
    """A demo in a pipe, as in a CI job, with nothing but PATH and HOME in its environment."""
    ours, theirs = os.pipe()
    environment = {"PATH": os.environ["PATH"], "HOME": str(home)}
    with demo(theirs, environment, *arguments) as running, _heard(running, ours):
        yield running


@contextlib.contextmanager
def live_demo(home: Path, *arguments: str) -> Iterator[Demo]:
    """A demo in a terminal of 80 columns and 24 lines."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "TERM": "xterm-256color"}
    with demo(theirs, environment, *arguments) as running, _heard(running, ours):
        yield running


@contextlib.contextmanager
def _heard(running: Demo, output: int) -> Iterator[None]:
    listener = threading.Thread(target=running.listen, args=(output,), daemon=True)
    listener.start()
    try:
        yield
    finally:
        eventually("the demo has ended", running.ended, seconds=30)
        listener.join(10)
        os.close(output)


def test_a_fresh_machine_sees_a_promotion_and_a_rollback_and_is_left_clean(tmp_path: Path) -> None:
    began = time.monotonic()
    with plain_demo(tmp_path, "--plain") as running:
        eventually("the demo has ended", running.ended, seconds=100, every=0.2)
    assert time.monotonic() - began < 90
    assert running.process.returncode == 0, running.text
    assert_in_order(PROMISED, running.text.splitlines())
    assert all(line.isprintable() for line in running.text.splitlines())
    running.assert_gone()
    assert list(tmp_path.iterdir()) == [], "its home is as it was"


def test_kept_it_stays_up_for_its_user_until_ctrl_c(tmp_path: Path) -> None:
    with plain_demo(tmp_path, "--keep") as running:
        eventually("it says what to try", lambda: running.says("kubectl -n test describe canary podinfo"), seconds=100)
        kubeconfig = found(r"export KUBECONFIG=(\S+)", running.text)
        assert "kubectl -n test set image deployment/podinfo podinfo=stefanprodan/podinfo:6.9.3" in running.text
        server = json.loads(Path(kubeconfig).read_text())["clusters"][0]["cluster"]["server"]
        eventually("the bad release is taken back", lambda: deployed(server) == ("podinfo:6.9.1", []))
        running.process.send_signal(signal.SIGINT)
        eventually("the demo has ended", running.ended, seconds=30)
    assert running.process.returncode == 0, running.text
    assert running.text.endswith("Nothing is left running, and no file behind.\n")
    running.assert_gone()


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        ("Starting", signal.SIGINT),
        ("Advance podinfo.test canary weight 10", signal.SIGINT),
        ("New revision detected", signal.SIGTERM),
        ("Initialization done", signal.SIGHUP),
    ],
)
def test_stopped_at_any_moment_it_leaves_nothing(moment: str, number: signal.Signals, tmp_path: Path) -> None:
    with plain_demo(tmp_path) as running:
        eventually(f"the demo says {moment}", lambda: running.says(moment), seconds=60)
        running.process.send_signal(number)
        eventually("the demo has ended", running.ended, seconds=30)
    assert running.process.returncode == 130, running.text
    assert running.text.endswith("Stopped. Nothing is left running, and no file behind.\n")
    running.assert_gone()


def test_in_a_terminal_it_is_drawn_and_a_stop_gives_the_terminal_back(tmp_path: Path) -> None:
    with live_demo(tmp_path) as running:
        eventually("the second scene is drawn", lambda: running.says("2 of 3"), seconds=60)
        running.process.send_signal(signal.SIGINT)
        eventually("the demo has ended", running.ended, seconds=30)
    assert running.process.returncode == 130
    whole, cursor = "\x1b[?1049", "\x1b[?25"
    assert running.text.count(f"{whole}h") == running.text.count(f"{whole}l") == 1
    assert running.text.rindex(f"{cursor}h") > running.text.rindex(f"{cursor}l")
    assert "Upgrading podinfo 6.9.0" in running.text[running.text.index(f"{whole}l") :], "the last picture stays"
    running.assert_gone()


def test_when_serin_dies_on_the_way_the_demo_says_so_and_fails(tmp_path: Path) -> None:
    with plain_demo(tmp_path) as running:
        eventually("the story has begun", lambda: running.says("Initialization done"), seconds=60)
        os.kill(min(_descendants(running.process.pid)), signal.SIGKILL)
        eventually("the demo has ended", running.ended, seconds=30)
    assert running.process.returncode == 1
    assert "The demo failed. The tick function ended by itself with status -9." in running.text
    assert "Traceback" not in running.text
    running.assert_gone()


def assert_in_order(patterns: Sequence[str], lines: Sequence[str]) -> None:
    """Each pattern matches a whole line, after the line that the pattern before it matched."""
    rest = iter(lines)
    for pattern in patterns:
        assert any(re.fullmatch(pattern, line) for line in rest), f"no {pattern!r}, or too early, in:\n" + "\n".join(
            lines
        )


def found(pattern: str, text: str) -> str:
    """What the group of a pattern matches."""
    match = re.search(pattern, text)
    assert match, f"no {pattern!r} in:\n{text}"
    return match[1]


def deployed(server: str) -> tuple[str, list[object]]:
    """Image and environment of podinfo's container, as the API server has them."""
    url = f"{server}/apis/apps/v1/namespaces/test/deployments/podinfo"
    with urllib.request.urlopen(url, timeout=10) as response:
        container = json.load(response)["spec"]["template"]["spec"]["containers"][0]
    return container["image"].rpartition("/")[2], container.get("env", [])


def _parents() -> dict[int, int]:
    """The parent of each process of this machine."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], check=True, capture_output=True, text=True).stdout
    return {int(pid): int(parent) for pid, parent in map(str.split, listed.splitlines())}


def _descendants(ancestor: int) -> set[int]:
    children = defaultdict(set)
    for pid, parent in _parents().items():
        children[parent].add(pid)
    family, fresh = set(), children[ancestor]
    while fresh:
        family |= fresh
        fresh = {child for pid in fresh for child in children[pid]}
    return family
