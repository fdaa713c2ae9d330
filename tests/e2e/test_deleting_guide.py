"""docs/deleting.md: its commands, as people type them, on a real cluster and on the embedded one."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from shared.canary.model import REVERT
from tests.support.app import NAME, Release
from tests.support.guide import blocks_of, make_shell
from tests.support.team import ROUTER, Team
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.cluster import Cluster
    from tests.support.guide import Shell
    from tests.support.serin import Serin


@pytest.fixture
def team(serin: Serin, release: Release) -> Team:
    return Team(serin, release)


def commands_of_the_guide(mark: str) -> list[str]:
    """The guide's blocks of commands of one kind."""
    return [block.commands for block in blocks_of("deleting.md") if block.mark == mark]


@pytest.fixture
def shell(team: Team, kubectl_program: Path, tmp_path: Path) -> Shell:
    """Somebody who works in the app's namespace."""
    config = json.loads(team.release.cluster.kubeconfig.read_text())
    for entry in config["contexts"]:
        entry["context"]["namespace"] = team.release.namespace
    (tmp_path / "config").write_text(json.dumps(config))
    return make_shell(tmp_path, tmp_path / "config", kubectl=kubectl_program)


def test_the_guides_commands_bring_traffic_back_by_hand(team: Team, shell: Shell) -> None:
    team.initialized(revert=False)
    team.delete()
    team.forgotten()
    for block in commands_of_the_guide("by-hand"):
        for command in block.splitlines():
            shell.run(command)
            team.serves()
    assert team.left() == []
    assert team.find("virtualservice") is None
    assert team.release.cluster.rollout_complete(team.release.namespace, NAME)


def test_the_guides_other_commands_do_what_it_says(team: Team, shell: Shell) -> None:
    team.release.cluster.api.create(team.release.path("virtualservice", ""), ROUTER)
    team.initialized()
    team.release.patch("canary", {"metadata": {"finalizers": ["example.com/mine", REVERT]}})
    team.release.cluster.api.delete(team.release.path("canary"))
    events, keep, release, restore = commands_of_the_guide("")
    assert "Initialization done" in shell.run(events)
    shell.run(keep)
    assert team.release.get("canary")["spec"]["revertOnDeletion"] is False
    shell.run(restore)
    assert team.release.get("virtualservice")["spec"] == ROUTER["spec"]
    shell.run(release)
    assert team.find("canary") is None


def test_a_daemonset_is_woken_by_the_guides_command(cluster: Cluster, team: Team, shell: Shell) -> None:
    agents = replace(team, release=Release(cluster, team.release.namespace, "DaemonSet"))
    agents.initialized()
    (wake,) = commands_of_the_guide("daemonset")
    shell.run(wake)
    eventually("its pods are back", agents.release.is_up)
