"""``make undeploy``: everything that ``make deploy`` has made is removed again, after somebody typed the project's id.

What it never touches: Canaries, and what production runs on.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from infra.deploy import chart, foundation, google
from infra.deploy.deploying import take_up
from infra.deploy.errors import Declined, DeployError
from infra.package import write_archive

if TYPE_CHECKING:
    from infra.deploy.chart import Cluster
    from infra.deploy.runner import Runner
    from infra.deploy.target import Target

Left = dict["Cluster", int]
"""How many Canaries, and objects that belong to them, are in each cluster."""


def undeploy(target: Target, runner: Runner) -> None:
    """Remove the chart from every cluster, then what Terraform knows of, then its state."""
    if not runner.ask(foundation.find_bucket(target)).strip():
        runner.say(f"In {target.project} nothing was installed by `make deploy`: there is no bucket {target.bucket}.")
        return
    write_archive(target.tree, target.archive)  # Terraform wants to see it even now
    google.write_configuration(target)
    runner.run(google.begin(target))
    runner.run(google.plan_removal(target))
    left = _look(target, runner, chart.read_clusters(runner.ask(google.read_outputs(target))))
    runner.say("", *_announce(target, left))
    if runner.read(f"Type {target.project} to go on: ") != target.project:
        raise Declined("Nothing was removed.")
    _remove(target, runner, left)
    runner.say("", f"Nothing of Serin is left in {target.project}.")


def _look(target: Target, runner: Runner, clusters: tuple[Cluster, ...]) -> Left:
    left: Left = {}
    for cluster in clusters:
        take_up(target, runner, cluster)
        kinds = runner.ask(chart.find_kinds(target, cluster))
        left[cluster] = len(runner.ask(chart.list_objects(target, cluster, kinds)).split()) if kinds.strip() else 0
    return left


def _announce(target: Target, left: Left) -> list[str]:
    lines = ["All of this goes, and cannot be had back:"]
    lines += [f"  in {each.name}: the release {chart.RELEASE} and the namespace {chart.NAMESPACE}" for each in left]
    lines += [f"  in {each.name}: the definitions of Canaries, for there is none" for each in left if not left[each]]
    lines += [
        f"  in {target.project}: what the plan above removes, and so the database with the history of every run",
        f"  the bucket {target.bucket} with Terraform's state, and {target.folder}",
        "This stays:",
        *(
            f"  in {each.name}: {count} Canaries, metric templates and alert providers with their definitions, and the"
            " apps, which serve on. A Canary with `revertOnDeletion` has a finalizer that only Serin takes off, see"
            " docs/deleting.md"
            for each, count in left.items()
            if count
        ),
        "  the APIs that were switched on: others may use them",
    ]
    return lines


def _remove(target: Target, runner: Runner, left: Left) -> None:
    for cluster, count in left.items():
        for step in chart.uninstall(target, cluster, with_definitions=not count):
            runner.run(step)
    runner.run(google.give_up_history(target))
    runner.run(google.remove(target))
    if kept := runner.ask(google.list_state(target)).strip():
        raise DeployError(f"Terraform still knows of\n{kept}\nso its state is kept. Run `make undeploy` again.")
    runner.run(foundation.lift(target))
    shutil.rmtree(target.folder)
