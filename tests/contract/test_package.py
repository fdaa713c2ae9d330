"""The archive that Google Cloud builds the functions from: the same bytes from the same tree, and all that a function
needs beside the locked packages.

Each function is served as Google's buildpack leaves it: ``functions-framework``, in the folder that the archive was
unpacked into, told by FUNCTION_SOURCE and FUNCTION_TARGET.
"""

from __future__ import annotations

import os
import re
import shutil
import zipfile
from typing import TYPE_CHECKING

import pytest
import urllib3

from infra.package import FUNCTIONS, TREE, write_archive
from tests.support.processes import Process, Program, accepts, free_port
from tests.support.terraform import INFRA

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = {
    "SERIN_STORE": "sqlite://",
    "SERIN_CALLERS": "caller@example.iam",
    "SERIN_AUDIENCES": "serin.example",
    "SERIN_SCRAPE_TOKENS": "a-token-of-the-tests-alone",
    "SERIN_SLACK_SIGNING_SECRETS": "8f742231b10e8888abcd99yyyzzz85a5",
}
REFUSALS = {
    "webhook": ("POST", "/webhook/of-somebody", 404),
    "event": ("POST", "/shop", 401),
    "tick": ("POST", "/", 401),
    "slack": ("POST", "/", 401),
    "metrics": ("GET", "/metrics", 401),
}
"""What each function says to somebody who does not prove who they are."""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("package") / "functions.zip"
    write_archive(TREE, made)
    return made


def test_the_same_tree_makes_the_same_bytes(archive: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    for part in ("functions", "shared"):
        shutil.copytree(TREE / part, elsewhere / part, copy_function=shutil.copyfile)
    shutil.copyfile(TREE / "requirements.txt", elsewhere / "requirements.txt")
    for file in elsewhere.rglob("*.py"):
        file.chmod(0o600)
        os.utime(file, (1_000_000_000, 1_000_000_000))
    (elsewhere / "shared" / "tick.pyc").write_bytes(b"left over")
    write_archive(elsewhere, tmp_path / "second.zip")
    assert (tmp_path / "second.zip").read_bytes() == archive.read_bytes()


def test_an_archive_is_whole_or_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"event\.py"):
        write_archive(tmp_path, tmp_path / "functions.zip")
    assert list(tmp_path.iterdir()) == []


def test_terraform_builds_each_function_from_a_file_at_the_root(archive: Path) -> None:
    module = (INFRA / "google/modules/function/main.tf").read_text()
    (source,) = re.findall(r'GOOGLE_FUNCTION_SOURCE = "(.*?)"', module)
    files = {source.replace("${var.name}", name) for name in FUNCTIONS}
    assert files < set(zipfile.ZipFile(archive).namelist())


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_function_answers_from_the_archive_and_the_locked_packages_alone(
    name: str, archive: Path, functions_framework_program: Path, tmp_path: Path
) -> None:
    workspace = tmp_path / "workspace"
    zipfile.ZipFile(archive).extractall(workspace)
    port = free_port()
    told = {"FUNCTION_TARGET": name, "FUNCTION_SOURCE": f"{name}.py", "PORT": str(port), **SETTINGS}
    program = Program("function", (str(functions_framework_program),), lambda: accepts(port), told)
    method, path, status = REFUSALS[name]
    with Process(program, workspace), urllib3.PoolManager(retries=False, timeout=20) as pool:
        answer = pool.request(method, f"http://127.0.0.1:{port}{path}", headers={"Content-Type": "application/json"})
    assert answer.status == status, answer.data
