"""What is made on Google Cloud: Terraform's configuration of infra/google, with its state in the bucket."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

from infra.deploy.step import Command, Step

if TYPE_CHECKING:
    from infra.deploy.target import Target

_LOCK = ".terraform.lock.hcl"
_STATE = """\
terraform {{
  backend "gcs" {{
    bucket = "{bucket}"
    prefix = "serin"
  }}
}}
"""
_AGAIN = "What it says above is the reason; when that is put right, run the same command again: it goes on from there."
_LOCKED = "If somebody else is at work, wait. If nobody is, `terraform force-unlock` takes the lock that it names."


def write_configuration(target: Target) -> None:
    """A copy of infra/google that knows where its state is: as a module of others it must not.

    Which providers were used the last time is remembered.
    """
    lock = target.configuration / _LOCK
    used = lock.read_bytes() if lock.exists() else None
    source = target.tree / "infra"
    shutil.rmtree(target.configuration, ignore_errors=True)
    shutil.copytree(source / "google", target.configuration, ignore=shutil.ignore_patterns(".terraform", "examples"))
    shutil.copy(source / "firestore.indexes.json", target.configuration.parent)
    (target.configuration / "backend.tf").write_text(_STATE.format(bucket=target.bucket), encoding="utf-8")
    if used is not None:
        lock.write_bytes(used)


def begin(target: Target) -> Step:
    """Fetches the providers and finds the state."""
    return Step(
        "Prepares Terraform.",
        _terraform(target, "init", "-reconfigure"),
        advice="Terraform has to reach registry.terraform.io and Cloud Storage.",
    )


def plan(target: Target) -> Step:
    """Says what would change, and keeps it for ``apply``. Its status is 2 if anything would."""
    return Step(
        "Asks Terraform what would change.",
        _terraform(target, "plan", "-detailed-exitcode", "-out=plan", *_variables(target)),
        advice=_AGAIN,
        answers=(0, 2),
    )


def apply(target: Target) -> Step:
    """Does what was planned, and nothing else."""
    return Step("Changes what was planned.", _terraform(target, "apply", "plan"), advice=_AGAIN, undo="make undeploy")


def read_outputs(target: Target) -> Step:
    """Prints the outputs as JSON."""
    return Step("Reads what there is.", _terraform(target, "output", "-json"), advice=_AGAIN)


def plan_removal(target: Target) -> Step:
    """Says what would be removed; nothing is kept of it."""
    return Step(
        "Asks Terraform what would be removed.",
        _terraform(target, "plan", "-destroy", *_variables(target)),
        advice=f"{_AGAIN} A cluster that is gone cannot be asked for its address: name its `api` in a file, VARS=.",
    )


def give_up_history(target: Target) -> Step:
    """Takes the protection off the database, without which Google keeps it."""
    return Step(
        "Lets the database go, with the history of every run.",
        _terraform(
            target, "apply", "-auto-approve", "-target=module.state", *_variables(target), "-var=keep_history=false"
        ),
        advice=_LOCKED,
        undo="make deploy, as long as the next step did not run.",
    )


def remove(target: Target) -> Step:
    """Removes everything that the state knows."""
    return Step(
        "Removes what Terraform has made.",
        _terraform(target, "apply", "-destroy", "-auto-approve", *_variables(target), "-var=keep_history=false"),
        advice=_AGAIN,
        undo="make deploy makes it anew; the history of the runs is gone.",
    )


def list_state(target: Target) -> Step:
    """Prints what Terraform still knows of."""
    return Step("Looks whether anything is left.", _terraform(target, "state", "list"), advice=_AGAIN)


def _terraform(target: Target, verb: str, *arguments: str) -> Command:
    quiet = () if verb in ("output", "state") else ("-input=false",)
    return Command(("terraform", f"-chdir={target.configuration}", verb, *quiet, *arguments))


def _variables(target: Target) -> tuple[str, ...]:
    """A file first: what is given by name wins over it."""
    file = () if target.variables is None else (f"-var-file={target.variables}",)
    named = {"project": target.project, "region": target.region, "archive": str(target.archive)}
    clusters = {} if target.clusters is None else {"clusters": json.dumps(target.clusters)}
    return (*file, *(f"-var={name}={value}" for name, value in {**named, **clusters}.items()))
