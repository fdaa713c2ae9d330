"""The programs that a deployment needs: those that are missing are named all at once, each with how to get it."""

from __future__ import annotations

import json
import shutil
import subprocess
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PROGRAMS: Mapping[str, str] = MappingProxyType(
    {
        "gcloud": "the Google Cloud CLI: https://cloud.google.com/sdk/docs/install",
        "gke-gcloud-auth-plugin": "a part of the Google Cloud CLI: gcloud components install gke-gcloud-auth-plugin",
        "helm": "Helm 3 or newer: https://helm.sh/docs/intro/install",
        "kubectl": "Kubernetes' command line: https://kubernetes.io/docs/tasks/tools",
        "terraform": "Terraform 1.11 or newer: https://developer.hashicorp.com/terraform/install",
    }
)
OLDEST_TERRAFORM = (1, 11)
"""The first that can keep a generated secret out of the state (infra/google/versions.tf says it, too)."""


def lacks(find: Callable[[str], str | None] = shutil.which) -> list[str]:
    """One line for each program that is missing, or too old to be used."""
    missing = [f"{name} is not on the PATH. It is {what}" for name, what in PROGRAMS.items() if find(name) is None]
    return missing or _too_old(_terraform_version())


def _terraform_version() -> str:
    asked = subprocess.run(("terraform", "version", "-json"), capture_output=True, text=True, check=False)
    return str(json.loads(asked.stdout)["terraform_version"]) if asked.returncode == 0 else "0.0"


def _too_old(version: str) -> list[str]:
    if tuple(int(part) for part in version.split(".")[:2]) >= OLDEST_TERRAFORM:
        return []
    return [f"terraform is {version}. Serin needs {PROGRAMS['terraform']}"]
