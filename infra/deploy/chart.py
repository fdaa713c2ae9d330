"""What is installed in each cluster: the definitions of Canaries, and the chart, as Helm's release ``serin``.

Each cluster is reached by a kubeconfig of its own beside Terraform's files; the user's own is not touched. The secret
of the webhook goes from Secret Manager to Helm by a pipe, and is never shown.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.deploy.step import Command, Step

if TYPE_CHECKING:
    from pathlib import Path

    from infra.deploy.target import Target

NAMESPACE = "serin-system"
RELEASE = "serin"
KINDS = ("canaries.flagger.app", "metrictemplates.flagger.app", "alertproviders.flagger.app")
_RIGHTS = "You have to be an administrator of the cluster: rules of RBAC are installed."
_REACH = "Can you reach it? A private cluster is reached from its network, or through the Connect gateway."
_DEFINITIONS = ("--server-side", "--force-conflicts", "--filename")
_SECRET = re.compile(r"(?<=/webhook/)\w+")


@dataclass(frozen=True, slots=True)
class Cluster:
    """One cluster as Terraform's outputs tell of it.

    ``location`` is empty for one that is no GKE cluster of ours, ``membership`` for one that is reached directly.
    ``values`` are the chart's, as JSON.
    """

    name: str
    project: str
    gke_name: str
    location: str
    membership: str
    by_dns: bool
    webhook_secret: str
    values: str

    @property
    def known_to_google(self) -> bool:
        """Whether gcloud has the way to it."""
        return bool(self.membership or self.location)


def read_clusters(outputs: str) -> tuple[Cluster, ...]:
    """The clusters of an installation, from ``terraform output -json``; none before the first deployment."""
    told = {name: output["value"] for name, output in json.loads(outputs).items()}
    return tuple(
        Cluster(
            name=name,
            project=each["project"],
            gke_name=each["cluster"],
            location=each["location"] or "",
            membership=each["membership"] or "",
            by_dns=each["by_dns"],
            webhook_secret=told["webhook_secrets"][name],
            values=json.dumps(told["chart_values"][name]),
        )
        for name, each in sorted(told.get("clusters", {}).items())
    )


def kubeconfig(target: Target, cluster: Cluster) -> Path:
    """Where the way to a cluster is kept."""
    return target.folder / f"kubeconfig-{cluster.name}"


def values_file(target: Target, cluster: Cluster) -> Path:
    """Where the chart's values are kept; there is no secret among them."""
    return target.folder / f"values-{cluster.name}.json"


def reach(target: Target, cluster: Cluster) -> Step:
    """Writes the kubeconfig of a cluster that Google knows; prints that of another, out of the user's own."""
    into = {"KUBECONFIG": str(kubeconfig(target, cluster))}
    if cluster.membership:
        _, project, _, location, _, name = cluster.membership.split("/")
        get = ("container", "fleet", "memberships", "get-credentials", name)
        command = Command(("gcloud", *get, f"--location={location}", f"--project={project}"), into)
    elif cluster.location:
        by = ("--dns-endpoint",) if cluster.by_dns else ()
        place = (f"--location={cluster.location}", f"--project={cluster.project}", *by)
        command = Command(("gcloud", "container", "clusters", "get-credentials", cluster.gke_name, *place), into)
    else:
        command = Command(("kubectl", "config", "view", "--minify", "--flatten", f"--context={cluster.name}"))
    elsewhere = f"For a cluster outside of Google, your kubeconfig has to have a context {cluster.name}."
    why = f"Gets the way to cluster {cluster.name}."
    return Step(why, command, advice=f"Does your account see the cluster? {elsewhere}")


def compare_definitions(target: Target, cluster: Cluster) -> Step:
    """Says what would change in the definitions of Canaries. Its status is 1 if anything would."""
    return Step(
        f"Compares the definitions of Canaries in {cluster.name}.",
        _kubectl(target, cluster, "diff", *_DEFINITIONS, str(_crds(target))),
        advice=_REACH,
        answers=(0, 1),
    )


def apply_definitions(target: Target, cluster: Cluster) -> Step:
    """Helm itself never changes a definition that is there."""
    return Step(
        f"Brings the definitions of Canaries in {cluster.name} up to date.",
        _kubectl(target, cluster, "apply", *_DEFINITIONS, str(_crds(target))),
        advice=_RIGHTS,
        undo="They stay while there are Canaries; make undeploy removes them otherwise.",
    )


def find_release(target: Target, cluster: Cluster) -> Step:
    """Prints the release's name if its last revision is in place."""
    return Step(
        f"Looks for Serin in {cluster.name}.",
        _helm(target, cluster, "list", "--deployed", "--short", f"--filter=^{RELEASE}$"),
        advice=_REACH,
    )


def read_manifest(target: Target, cluster: Cluster) -> Step:
    """Prints what is installed."""
    return Step(
        f"Reads what is installed in {cluster.name}.", _helm(target, cluster, "get", "manifest", RELEASE), advice=_REACH
    )


def rehearse(target: Target, cluster: Cluster) -> Step:
    """Prints the release as it would be, as JSON."""
    return Step(
        f"Asks Helm what it would install in {cluster.name}.",
        _upgrade(target, cluster, "--dry-run=server", "--output=json"),
        advice=_REACH,
    )


def upgrade(target: Target, cluster: Cluster) -> Step:
    """Installs the chart, or brings it up to date."""
    return Step(
        f"Installs the chart in {cluster.name}.",
        _upgrade(target, cluster),
        advice=f"{_RIGHTS} If a deployment was stopped half-way, `helm rollback {RELEASE} -n {NAMESPACE}` comes first.",
        undo=str(_helm(target, cluster, "rollback", RELEASE)),
    )


def find_kinds(target: Target, cluster: Cluster) -> Step:
    """Prints which definitions there are."""
    get = ("get", "customresourcedefinitions", *KINDS, "--ignore-not-found", "--output=name")
    return Step(f"Looks for definitions in {cluster.name}.", _kubectl(target, cluster, *get), advice=_REACH)


def list_objects(target: Target, cluster: Cluster, kinds: str) -> Step:
    """Prints every Canary and what belongs to them, one name a line. ``kinds`` is what ``find_kinds`` printed."""
    names = ",".join(line.rpartition("/")[2] for line in kinds.split())
    get = ("get", names, "--all-namespaces", "--output=name")
    return Step(f"Looks for Canaries in {cluster.name}.", _kubectl(target, cluster, *get), advice=_REACH)


def uninstall(target: Target, cluster: Cluster, *, with_definitions: bool) -> tuple[Step, ...]:
    """Takes the chart out, and its namespace; the definitions too, if nothing is left that they define."""
    again = "make deploy"
    steps = [
        Step(
            f"Takes the chart out of {cluster.name}.",
            _helm(target, cluster, "uninstall", RELEASE, "--ignore-not-found"),
            advice=_RIGHTS,
            undo=again,
        ),
        Step(
            f"Removes the namespace {NAMESPACE} in {cluster.name}.",
            _kubectl(target, cluster, "delete", "namespace", NAMESPACE, "--ignore-not-found"),
            advice=_RIGHTS,
            undo=again,
        ),
    ]
    if with_definitions:
        gone = ("delete", "customresourcedefinitions", *KINDS, "--ignore-not-found")
        why = f"Removes the definitions of Canaries in {cluster.name}: there is none."
        steps.append(Step(why, _kubectl(target, cluster, *gone), advice=_RIGHTS, undo=again))
    return tuple(steps)


def differences(before: str, rehearsed: str) -> list[str]:
    """What an upgrade changes, as lines of a diff, after what ``read_manifest`` and ``rehearse`` printed.

    Instead of the webhook's secret there is a short digest of it.
    """
    old, new = _SECRET.sub(_digest, before), _SECRET.sub(_digest, json.loads(rehearsed)["manifest"])
    return list(difflib.unified_diff(old.strip().splitlines(), new.strip().splitlines(), "now", "then", "", "", 3, ""))


def _digest(secret: re.Match[str]) -> str:
    return f"<secret {hashlib.sha256(secret[0].encode()).hexdigest()[:8]}>"


def _crds(target: Target) -> Path:
    return target.tree / "charts" / "serin" / "crds"


def _upgrade(target: Target, cluster: Cluster, *more: str) -> Command:
    secret = ("secrets", "versions", "access", "latest", f"--secret={cluster.webhook_secret}")
    told = ("--values", str(values_file(target, cluster)), "--set-file", "webhook.secret=-")
    command = _helm(target, cluster, "upgrade", RELEASE, str(_crds(target).parent), "--install", *more)
    into = ("--create-namespace", "--skip-crds", *told)
    reads = Command(("gcloud", *secret, f"--project={target.project}"))
    return Command((*command.argv, *into), command.environment, reads)


def _helm(target: Target, cluster: Cluster, *arguments: str) -> Command:
    way = {"KUBECONFIG": str(kubeconfig(target, cluster))}
    return Command(("helm", *arguments, f"--namespace={NAMESPACE}"), way)


def _kubectl(target: Target, cluster: Cluster, *arguments: str) -> Command:
    return Command(("kubectl", *arguments), {"KUBECONFIG": str(kubeconfig(target, cluster))})
