"""What is to be installed, and where: the words of the command line, checked."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from pathlib import Path

from infra.deploy.errors import DeployError

_TREE = Path(__file__).parents[2]
_PROJECT = re.compile("[a-z][-a-z0-9]{4,28}[a-z0-9]")
_REGION = re.compile("[a-z]+-[a-z]+[0-9]+")
_CLUSTER = re.compile("(?:[a-z]+-[a-z]+[0-9]+(?:-[a-z])?/)?[a-z0-9](?:[-a-z0-9]{0,38}[a-z0-9])?")
_EXAMPLE = "make {verb} PROJECT=my-project REGION=europe-west1 CLUSTER=my-cluster"


@dataclass(frozen=True, slots=True)
class Target:
    """One installation. ``clusters`` is Terraform's variable of that name, unless a file of ``variables`` has it.

    ``tree`` is the project's root.
    """

    project: str
    region: str
    clusters: dict[str, dict[str, str]] | None = None
    variables: Path | None = None
    tree: Path = _TREE

    @property
    def bucket(self) -> str:
        """Holds Terraform's state; its name is unique in all of Google Cloud, as a project's id is."""
        return f"serin-terraform-{self.project}"

    @property
    def folder(self) -> Path:
        """What is made here for this installation; it may be removed at any time."""
        return self.tree / "build" / "google" / self.project

    @property
    def configuration(self) -> Path:
        """Terraform's configuration, with the place of its state."""
        return self.folder / "infra" / "google"

    @property
    def archive(self) -> Path:
        """The functions' code."""
        return self.tree / "build" / "serin-functions.zip"


def read_target(verb: str, arguments: list[str]) -> tuple[Target, bool]:
    """The installation that a command line means, and whether every question is answered with yes beforehand.

    Raises:
        DeployError: something is missing or wrong. The text names everything that is.
    """
    parser = argparse.ArgumentParser(prog=f"make {verb}", usage=_EXAMPLE.format(verb=verb), allow_abbrev=False)
    for name in ("project", "region", "cluster", "vars", "yes"):
        parser.add_argument(f"--{name}", default="")
    given = parser.parse_args(arguments)
    problems = [*_complain("PROJECT", given.project, _PROJECT, "6 to 30 lower-case letters, digits and hyphens")]
    problems += _complain("REGION", given.region, _REGION, "a region of Google Cloud, such as europe-west1")
    if given.cluster or not given.vars:
        problems += _complain("CLUSTER", given.cluster, _CLUSTER, "the name of a GKE cluster, or its location/name")
    if given.vars and not Path(given.vars).is_file():
        problems.append(f"VARS={given.vars} is no file; give a file of Terraform variables, such as serin.tfvars")
    if given.yes not in ("", "1"):
        problems.append(f"YES={given.yes} must be 1, or absent")
    if problems:
        raise DeployError("\n".join([*problems, f"For example: {_EXAMPLE.format(verb=verb)}"]))
    clusters = _cluster(given.cluster, given.region)
    variables = Path(given.vars).resolve() if given.vars else None
    return Target(given.project, given.region, clusters, variables), given.yes == "1"


def _complain(name: str, value: str, form: re.Pattern[str], what: str) -> list[str]:
    if not value:
        return [f"{name} is missing: {what}"]
    return [] if form.fullmatch(value) else [f"{name}={value} is not {what}"]


def _cluster(text: str, region: str) -> dict[str, dict[str, str]] | None:
    """``name``, in the region of the functions, or ``location/name``."""
    location, _, name = text.rpartition("/")
    return {name: {"location": location or region}} if name else None
