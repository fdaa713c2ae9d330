"""What has to be there before Terraform can begin: two APIs that it asks itself, and a bucket for its state.

The bucket keeps older versions of the state, and nobody can make it public.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.deploy.step import Command, Step

if TYPE_CHECKING:
    from infra.deploy.target import Target

APIS = ("cloudresourcemanager.googleapis.com", "serviceusage.googleapis.com", "storage.googleapis.com")
_RIGHTS = "Look at the project's name, and whether you are its owner or an editor with rights for IAM."


def log_in() -> Step:
    """Prints the token that Terraform works with."""
    return Step(
        "Asks gcloud who you are; Terraform works as the same account.",
        Command(("gcloud", "auth", "print-access-token")),
        advice="Run `gcloud auth login`, or activate a service account, and try again.",
    )


def find_bucket(target: Target) -> Step:
    """Prints the bucket's name, and whether it keeps older versions, if it is there."""
    # A list, because asking for a bucket that is not there and for one that is somebody else's fails alike.
    form = (f"--filter=name={target.bucket}", "--format=value(name,versioning_enabled)")
    return Step(
        "Looks for the bucket with Terraform's state.",
        Command(("gcloud", "storage", "buckets", "list", f"--project={target.project}", *form)),
        advice=_RIGHTS,
    )


def lay(target: Target, found: str) -> tuple[Step, ...]:
    """What is missing, after what ``find_bucket`` printed; nothing but for the first deployment."""
    name, _, versioned = found.strip().partition("\t")
    make = () if name else (_switch_on(target), _make_bucket(target))
    return make if versioned == "True" else (*make, _keep_versions(target))


def _switch_on(target: Target) -> Step:
    return Step(
        "Switches on the APIs that Terraform itself needs; Terraform switches on the others.",
        Command(("gcloud", "services", "enable", *APIS, f"--project={target.project}")),
        advice=_RIGHTS,
        undo="They stay on: others in the project may use them, and they cost nothing.",
    )


def _make_bucket(target: Target) -> Step:
    place = (f"--project={target.project}", f"--location={target.region}")
    closed = ("--uniform-bucket-level-access", "--public-access-prevention")
    return Step(
        "Makes a bucket for Terraform's state.",
        Command(("gcloud", "storage", "buckets", "create", f"gs://{target.bucket}", *place, *closed)),
        advice=f"{_RIGHTS} A name that is taken belongs to another project.",
        undo=str(lift(target).command),
    )


def _keep_versions(target: Target) -> Step:
    return Step(
        "Keeps older versions of the state.",
        Command(("gcloud", "storage", "buckets", "update", f"gs://{target.bucket}", "--versioning")),
        advice="Run `make deploy` again.",
        undo=str(lift(target).command),
    )


def lift(target: Target) -> Step:
    """Removes the bucket with every version of the state, at the end of all."""
    return Step(
        "Removes the bucket with Terraform's state.",
        Command(("gcloud", "storage", "rm", "--recursive", f"gs://{target.bucket}")),
        advice="Everything else is gone. Remove the bucket by hand, or run `make undeploy` again.",
        undo="Google keeps a removed bucket for seven days: gcloud storage restore.",
    )
