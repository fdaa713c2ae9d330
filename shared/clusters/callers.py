"""The secrets that webhook paths end with, cluster by cluster, for ``shared.identity.path_secret``.

Files are read each time, so that a secret can be replaced without a restart. A file that cannot be used is a problem of
its own cluster: the others go on calling. It must never say a secret in a message.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from shared.clusters.registry import VARIABLE, is_file
from shared.errors import Problem
from shared.identity.path_secret import find_problems

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from shared.clusters.registry import Cluster


def read_webhook_secrets(clusters: Iterable[Cluster]) -> tuple[Mapping[str, tuple[str, ...]], tuple[Problem, ...]]:
    """The secrets by cluster, and what is wrong with them; clusters without any are left out.

    A file that cannot be read gives no secret; one that is too short gives one that never matches.
    """
    problems: list[Problem] = []
    read = {
        cluster.name: tuple(filter(None, (_read(cluster.name, secret, problems) for secret in cluster.webhook_secrets)))
        for cluster in clusters
        if cluster.webhook_secrets
    }
    found = {name: secrets for name, secrets in read.items() if secrets}
    wrong = (Problem(f"{VARIABLE}.{each.path}", each.message) for each in find_problems(found))
    return found, (*problems, *wrong)


def _read(cluster: str, secret: str, problems: list[Problem]) -> str:
    if not is_file(secret):
        return secret
    try:
        text = Path(secret).read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        message = f"{secret} cannot be read ({type(error).__name__})"
        problems.append(Problem(f"{VARIABLE}.{cluster}.webhookSecrets", message))
        return ""
    if not text:
        problems.append(Problem(f"{VARIABLE}.{cluster}.webhookSecrets", f"{secret} is empty"))
    return text
