"""``make doctor`` on an installation of real parts: healthy, nothing is bad; whatever is broken is found, with what
helps, and nothing else is taken for broken.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from functions.doctor import main
from shared.doctor.examine import Scope, examine
from shared.doctor.finding import Verdict
from shared.doctor.table import write_area, write_summary
from tests.support.breaking import CASES, NOBODY, add_metric, broken, pause_sweep, take_scope, withdraw_right
from tests.support.cluster import CANARY, install_crds
from tests.support.firestore import new_project
from tests.support.helm import Helm
from tests.support.hosted import OF_SERIN
from tests.support.installation import Installation, bad, whole_installation
from tests.support.web import closed_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.doctor.finding import Finding
    from tests.support.embedded_cluster import EmbeddedCluster
    from tests.support.prometheus import Prometheus
    from tests.support.real_cluster import RealCluster

PAGE = Path(__file__).parents[2] / "docs" / "doctor.md"


@pytest.fixture(scope="module")
def installation(
    own_cluster: RealCluster,
    helm_program: Path,
    prometheus: Prometheus,
    firestore_emulator: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Installation]:
    install_crds(own_cluster, CANARY)
    directory = tmp_path_factory.mktemp("installation")
    helm = Helm(helm_program, directory / "helm")
    store = f"firestore://{new_project()}/(default)"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIRESTORE_EMULATOR_HOST", firestore_emulator)
        with whole_installation(own_cluster, helm, prometheus, store, directory) as made:
            yield made


def shown(findings: list[Finding]) -> str:
    areas = dict.fromkeys(each.area for each in findings)
    blocks = [write_area([each for each in findings if each.area == area], 110, colour=False) for area in areas]
    return "\n\n".join("\n".join(block) for block in blocks) + "\n\n" + write_summary(findings)


def test_a_healthy_installation_has_nothing_bad(installation: Installation) -> None:
    findings = installation.examine()
    assert {each.verdict for each in findings} <= {Verdict.OK, Verdict.UNKNOWN}, shown(findings)
    looked_at = {each.area for each in findings}
    assert looked_at >= {"settings", "store", "cluster", "canaries", "definitions", "rights", "webhook", "metrics"}


def test_the_page_shows_what_it_prints(installation: Installation) -> None:
    with broken(installation, withdraw_right, add_metric("sum(orders_total)"), pause_sweep, take_scope):
        findings = [as_in_the_page(installation, each) for each in installation.examine()]
    (printed,) = re.findall(r"```\nsettings\n.*?```", PAGE.read_text(), re.DOTALL)
    assert printed == f"```\n{shown(findings)}\n```"


def as_in_the_page(installation: Installation, found: Finding) -> Finding:
    """The same with the names of an installation as people have them, and what differs from run to run made equal."""
    names = {
        re.escape(installation.installed.namespace): "serin-system",
        re.escape(installation.release.namespace): "shop",
        re.escape(installation.environment["SERIN_METRICS_SERVER"]): "http://prometheus:9090",
        r"https://127.0.0.1:\d+/webhook": "https://webhook-shop.a.run.app",
        r"within \d+ ms": "within 41 ms",
        r"Python [\d.]+": "Python 3.13.5",
        r"Kubernetes v[\d.]+": "Kubernetes v1.35.4",
        r"\d remembered, \d active": "1 remembered, 0 active",
    }
    texts = {name: getattr(found, name) for name in ("subject", "seen", "command")}
    for pattern, name in names.items():
        texts = {key: re.sub(pattern, name, text) for key, text in texts.items()}
    return replace(found, **texts)


@pytest.mark.parametrize("what", CASES)
def test_what_is_broken_is_found_with_its_remedy_and_nothing_else_is(installation: Installation, what: str) -> None:
    case = CASES[what]
    with broken(installation, case.do) as settings:
        findings = installation.examine(**settings)
    found = [each for each in bad(findings) if each.area == case.area and case.subject in each.subject]
    assert any(case.remedy in f"{each.remedy} {each.command}" for each in found), shown(findings)
    assert {each.area for each in bad(findings)} == {case.area}, shown(findings)


def test_from_inside_it_runs_with_what_the_image_holds_and_with_serins_own_rights(
    installation: Installation, firestore_emulator: str, tmp_path: Path
) -> None:
    inside = {**installation.environment, "SERIN_KUBECONFIG": installation.functions.kubeconfig, "SERIN_SCHEDULER": ""}
    environment = {**os.environ, **inside, "PYTHONPATH": ".", "FIRESTORE_EMULATOR_HOST": firestore_emulator}
    command = [sys.executable, "-m", "functions.doctor", "--json"]
    app = OF_SERIN.unpack(tmp_path / "app")
    done = subprocess.run(command, cwd=app, env=environment, capture_output=True, text=True, check=False)
    found = {(each["area"], each["subject"]): each for each in json.loads(done.stdout)}
    assert [each for each in found.values() if each["verdict"] == "bad"] == []
    assert done.returncode == 0
    assert found["cluster", "caller"]["seen"] == f"is known as {installation.installed.user}"
    assert found["webhook", "registration"]["verdict"] == "unknown"


def test_a_store_that_is_dead_is_one_bad_row(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{closed_port()}")
    (found,) = bad(installation.examine())
    assert (found.area, found.subject) == ("store", "firestore")


def test_a_cluster_that_is_dead_is_one_bad_row_and_the_rest_is_not_checked(
    installation: Installation, tmp_path: Path
) -> None:
    config: dict[str, Any] = json.loads(installation.cluster.kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{closed_port()}"
    elsewhere = tmp_path / "kubeconfig"
    elsewhere.write_text(json.dumps(config))
    findings = installation.examine(SERIN_KUBECONFIG=str(elsewhere))
    (found,) = bad(findings)
    assert (found.area, found.subject) == ("cluster", "API server")
    (skipped,) = [each for each in findings if each.area == "cluster" and each.verdict is Verdict.UNKNOWN]
    assert "rights" in skipped.subject
    assert not [each for each in findings if each.area == "rights"]


def test_a_clock_that_goes_wrong_is_found(installation: Installation) -> None:
    ahead = installation.at(lambda: datetime.now(UTC) + timedelta(seconds=90))
    (found,) = bad(ahead.examine())
    assert (found.area, found.subject) == ("cluster", "clock")


def test_it_changes_nothing(installation: Installation) -> None:
    api = installation.cluster
    mark, calls = api.mark(), dict(installation.scheduler.calls)
    installation.examine()
    writes = [
        entry
        for entry in api.requests_by("admin", mark)
        if entry.verb not in ("get", "list") and not entry.resource.endswith("reviews")
    ]
    assert writes == []
    asked = {name for name, count in installation.scheduler.calls.items() if count != calls.get(name, 0)}
    assert asked == {"GetJob"}
    assert {call.method for call in installation.slack.calls} == {"auth.test", "conversations.history"}


def test_no_secret_is_ever_shown(installation: Installation) -> None:
    told = "".join(map(repr, installation.examine()))
    secrets = [
        installation.environment[name]
        for name in installation.environment
        if name.endswith(("SECRETS", "KEY", "TOKEN"))
    ]
    assert len(secrets) == 4
    assert not [secret for secret in secrets if secret in told]


def test_a_cluster_that_is_dead_keeps_nothing_from_another(embedded_cluster: EmbeddedCluster, tmp_path: Path) -> None:
    dead = json.loads(embedded_cluster.kubeconfig.read_text())
    dead["clusters"][0]["cluster"]["server"] = NOBODY
    (tmp_path / "dead").write_text(json.dumps(dead))
    files = {"dead": str(tmp_path / "dead"), "alive": str(embedded_cluster.kubeconfig)}
    clusters = {name: {"credentials": {"kubeconfig": file}} for name, file in files.items()}
    environment = {"SERIN_CLUSTERS": json.dumps(clusters), "SERIN_STORE": "sqlite://"}
    areas = {each.area for each in examine(environment, Scope())}
    assert {"cluster in dead", "cluster in alive", "rights in alive"} <= areas
    assert "rights in dead" not in areas


def test_the_command_prints_area_by_area_and_ends_with_1(
    embedded_cluster: EmbeddedCluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SERIN_KUBECONFIG", str(embedded_cluster.kubeconfig))
    monkeypatch.setenv("SERIN_STORE", "sqlite://")
    monkeypatch.setenv("SERIN_EGRESS_ALLOW", "127.0.0.1")
    monkeypatch.setenv("SERIN_METRICS_SERVER", NOBODY)
    assert main(["--canary", "shop/cart"]) == 1
    areas = capsys.readouterr().out.split("\n\n")
    canaries = next(area for area in areas if area.startswith("canaries\n"))
    assert "BAD  shop/cart              is not there" in canaries
    assert re.fullmatch(r"\d+ ok, \d+ warnings, 2 bad, \d+ not checked\n", areas[-1])
