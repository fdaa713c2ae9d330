"""docs/deleting.md: its commands, as people type them, on a real cluster and on the embedded one."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from shared.canary.model import REVERT
from tests.support.app import NAME
from tests.support.team import ROUTER, Team

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.app import Release
    from tests.support.serin import Serin

ROOT = Path(__file__).parents[2]


@pytest.fixture
def team(serin: Serin, release: Release) -> Team:
    return Team(serin, release)


def commands_of_the_guide(mark: str) -> list[str]:
    """The guide's blocks of commands of one kind."""
    return re.findall(rf"^```sh{mark}\n(.*?)^```", (ROOT / "docs/deleting.md").read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture
def shell(team: Team, tmp_path: Path) -> Callable[[str], str]:
    """Runs commands as somebody who works in the app's namespace."""
    if shutil.which("kubectl") is None:
        pytest.skip("There is no kubectl.")
    config = json.loads(team.release.cluster.kubeconfig.read_text())
    for entry in config["contexts"]:
        entry["context"]["namespace"] = team.release.namespace
    (tmp_path / "config").write_text(json.dumps(config))
    env = {"KUBECONFIG": str(tmp_path / "config"), "HOME": str(tmp_path), "PATH": os.environ["PATH"]}

    def run(block: str) -> str:
        done = subprocess.run(["bash", "-euc", block], env=env, capture_output=True, text=True, check=False, timeout=90)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_the_guides_commands_bring_traffic_back_by_hand(team: Team, shell: Callable[[str], str]) -> None:
    team.initialized(revert=False)
    team.delete()
    team.forgotten()
    for block in commands_of_the_guide(" by-hand"):
        for command in block.splitlines():
            shell(command)
            team.serves()
    assert team.left() == []
    assert team.find("virtualservice") is None
    assert team.release.cluster.rollout_complete(team.release.namespace, NAME)


def test_the_guides_other_commands_do_what_it_says(team: Team, shell: Callable[[str], str]) -> None:
    team.release.cluster.api.create(team.release.path("virtualservice", ""), ROUTER)
    team.initialized()
    team.release.patch("canary", {"metadata": {"finalizers": ["example.com/mine", REVERT]}})
    team.release.cluster.api.delete(team.release.path("canary"))
    events, keep, release, restore = commands_of_the_guide("")
    assert "Initialization done" in shell(events)
    shell(keep)
    assert team.release.get("canary")["spec"]["revertOnDeletion"] is False
    shell(restore)
    assert team.release.get("virtualservice")["spec"] == ROUTER["spec"]
    shell(release)
    assert team.find("canary") is None
