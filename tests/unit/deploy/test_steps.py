"""What a deployment does, as plain data."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from infra.deploy import chart, foundation, google
from infra.deploy.chart import Cluster
from infra.deploy.errors import DeployError
from infra.deploy.target import Target, read_target
from infra.deploy.toolbox import PROGRAMS, lacks

TARGET = Target("example-project", "europe-west1", {"shop": {"location": "europe-west1"}}, tree=Path("/clone"))
SHOP = Cluster("shop", "example-shop", "shop-1", "europe-west1", "", False, "serin-webhook-shop-a", "{}")
WORDS = ["--project=example-project", "--region=europe-west1"]


def test_only_the_first_deployment_lays_a_foundation() -> None:
    whole = [step.why for step in foundation.lay(TARGET, "")]
    assert len(whole) == 3
    assert [step.why for step in foundation.lay(TARGET, f"{TARGET.bucket}\t\n")] == whole[2:]
    assert foundation.lay(TARGET, f"{TARGET.bucket}\tTrue\n") == ()


def test_whatever_changes_something_says_how_it_is_taken_back() -> None:
    changing = [
        *foundation.lay(TARGET, ""),
        google.apply(TARGET),
        google.give_up_history(TARGET),
        google.remove(TARGET),
        chart.apply_definitions(TARGET, SHOP),
        chart.upgrade(TARGET, SHOP),
        *chart.uninstall(TARGET, SHOP, with_definitions=True),
        foundation.lift(TARGET),
    ]
    assert [step.why for step in changing if not (step.undo and step.advice)] == []


@pytest.mark.parametrize(
    ("cluster", "words"),
    [
        (SHOP, ["clusters", "get-credentials", "shop-1", "--location=europe-west1", "--project=example-shop"]),
        (replace(SHOP, by_dns=True), ["--dns-endpoint"]),
        (
            replace(SHOP, location="", membership="projects/1/locations/global/gkeMemberships/batch"),
            ["memberships", "get-credentials", "batch", "--location=global", "--project=1"],
        ),
        (replace(SHOP, location=""), ["kubectl", "--context=shop"]),
    ],
    ids=["gke", "dns", "fleet", "elsewhere"],
)
def test_each_kind_of_cluster_is_reached_in_its_way(cluster: Cluster, words: list[str]) -> None:
    assert set(words) <= set(chart.reach(TARGET, cluster).command.argv)


def test_a_cluster_by_name_wins_over_the_file_of_variables() -> None:
    argv = google.plan(replace(TARGET, variables=Path("/my.tfvars"))).command.argv
    assert argv.index("-var-file=/my.tfvars") < argv.index('-var=clusters={"shop": {"location": "europe-west1"}}')


def test_the_definitions_go_only_where_no_canary_is_left() -> None:
    keeping, removing = (chart.uninstall(TARGET, SHOP, with_definitions=choice) for choice in (False, True))
    assert removing[:-1] == keeping
    assert "customresourcedefinitions" in removing[-1].command.argv


def test_the_webhooks_secret_goes_by_a_pipe_and_is_not_in_the_difference() -> None:
    old, new = "url: https://x/webhook/0ldsecret\n", "url: https://x/webhook/n3wsecret\n"
    changed = "\n".join(chart.differences(old, json.dumps({"manifest": new})))
    assert "+url: https://x/webhook/<secret " in changed
    assert "secret" not in changed.replace("<secret", "")
    assert chart.differences(old, json.dumps({"manifest": old})) == []
    before, _, after = str(chart.upgrade(TARGET, SHOP).command).partition(" | ")
    assert "--secret=serin-webhook-shop-a" in shlex.split(before)
    assert "webhook.secret=-" in shlex.split(after)


def test_no_output_of_terraform_is_no_cluster() -> None:
    assert chart.read_clusters("{}") == ()


def test_a_cluster_is_in_the_region_unless_its_location_is_given() -> None:
    target, yes = read_target("deploy", [*WORDS, "--cluster=shop", "--yes=1"])
    assert (target.clusters, yes) == ({"shop": {"location": "europe-west1"}}, True)
    target, yes = read_target("deploy", [*WORDS, "--cluster=us-east1-b/shop"])
    assert (target.clusters, yes) == ({"shop": {"location": "us-east1-b"}}, False)


def test_a_file_of_variables_stands_for_the_cluster(tmp_path: Path) -> None:
    file = tmp_path / "serin.tfvars"
    file.touch()
    target, _ = read_target("deploy", [*WORDS, f"--vars={file}"])
    assert (target.clusters, target.variables) == (None, file)


def test_everything_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(DeployError) as error:
        read_target("undeploy", ["--project=P", "--cluster=a/b/c", "--vars=none.tfvars", "--yes=maybe"])
    lines = str(error.value).splitlines()
    assert [line.split("=")[0].split(" ")[0] for line in lines[:-1]] == ["PROJECT", "REGION", "CLUSTER", "VARS", "YES"]
    assert lines[-1].startswith("For example: make undeploy ")


def test_every_missing_program_is_named_with_how_to_get_it() -> None:
    said = lacks(lambda name: "/bin/helm" if name == "helm" else None)
    assert [line.split(" ")[0] for line in said] == [name for name in PROGRAMS if name != "helm"]
    assert all("https://" in line or "gcloud components install" in line for line in said)
