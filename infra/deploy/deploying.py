"""``make deploy``: three stages, each of which looks first, shows what it would change, asks, and then does it.

A stage that finds nothing to change asks nothing: a second deployment of the same changes nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.deploy import chart, foundation, google
from infra.package import write_archive

if TYPE_CHECKING:
    from infra.deploy.chart import Cluster
    from infra.deploy.runner import Runner
    from infra.deploy.step import Step
    from infra.deploy.target import Target


NEXT = "Whether it works is what `make doctor` says, with the SERIN_ variables of a function: see docs/doctor.md."


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be done in a cluster, and how that is shown."""

    shown: tuple[str, ...]
    steps: tuple[Step, ...]


def deploy(target: Target, runner: Runner) -> None:
    """Build the archive, apply Terraform's configuration, install the chart in every cluster."""
    write_archive(target.tree, target.archive)
    laid = _lay_foundation(target, runner)
    google.write_configuration(target)
    runner.run(google.begin(target))
    applied = _apply(target, runner)
    outputs = runner.ask(google.read_outputs(target))
    installed = _install(target, runner, chart.read_clusters(outputs))
    if not (laid or applied or installed):
        runner.say("", "No changes: everything is as it is to be.")
    runner.say("", *_urls(outputs), "", NEXT)


def _lay_foundation(target: Target, runner: Runner) -> bool:
    steps = foundation.lay(target, runner.ask(foundation.find_bucket(target)))
    if not steps:
        return False
    runner.say(f"Before Terraform can begin in {target.project}:", *(f"  {step.why}" for step in steps))
    runner.agree("Do that?")
    for step in steps:
        runner.run(step)
    return True


def _apply(target: Target, runner: Runner) -> bool:
    if not runner.run(google.plan(target)):
        return False
    runner.agree(f"Do all this in {target.project}?")
    runner.run(google.apply(target))
    return True


def _install(target: Target, runner: Runner, clusters: tuple[Cluster, ...]) -> bool:
    changes = [change for cluster in clusters for change in _changes(target, runner, cluster)]
    if not changes:
        return False
    runner.say("", *(line for change in changes for line in change.shown))
    runner.agree("Do that?")
    for step in (step for change in changes for step in change.steps):
        runner.run(step)
    return True


def _changes(target: Target, runner: Runner, cluster: Cluster) -> list[Change]:
    take_up(target, runner, cluster)
    chart.values_file(target, cluster).write_text(cluster.values, encoding="utf-8")
    found: list[Change] = []
    if runner.compare(chart.compare_definitions(target, cluster)):
        found.append(
            Change((f"In {cluster.name}: new definitions of Canaries.",), (chart.apply_definitions(target, cluster),))
        )
    there = runner.ask(chart.find_release(target, cluster)).strip()
    before = runner.ask(chart.read_manifest(target, cluster)) if there else ""
    lines = chart.differences(before, runner.ask(chart.rehearse(target, cluster)))
    if lines:
        shown = lines if there else [f"  the chart, as release {chart.RELEASE} in namespace {chart.NAMESPACE}."]
        found.append(Change((f"In {cluster.name}:", *shown), (chart.upgrade(target, cluster),)))
    return found


def take_up(target: Target, runner: Runner, cluster: Cluster) -> None:
    """Have a kubeconfig for a cluster, which only this user can read."""
    file = chart.kubeconfig(target, cluster)
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    printed = runner.ask(chart.reach(target, cluster))
    if not cluster.known_to_google:
        file.write_text(printed, encoding="utf-8")


def _urls(outputs: str) -> list[str]:
    urls = json.loads(outputs)["urls"]["value"]
    return ["Serin is called at:", *(f"  {name:<8} {url}" for name, url in sorted(urls.items()))]
