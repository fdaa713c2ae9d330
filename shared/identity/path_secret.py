"""Which cluster a webhook request comes from: the last part of its path is a secret that only that cluster knows.

A cluster may have several secrets, so that a new one can be put into it before the old one is taken away. Every secret
of every cluster is compared with each request, in constant time: how long it takes tells nothing of which came close.

It must never log or return a secret.
"""

from __future__ import annotations

import hmac
import re
from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING

from shared.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

SHORTEST = 24
"""Characters of a secret; 24 of 64 possible ones are 144 bits."""

_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]+")  # RFC 3986: what no proxy and no framework rewrites in a path


def cluster_of(path: str, secrets: Mapping[str, tuple[str, ...]]) -> str | None:
    """The cluster whose secret is the last part of ``path``; None if it is nobody's.

    ``secrets`` has the valid ones by cluster; one that is too short never matches.
    """
    offered = _encode(path.rstrip("/").rpartition("/")[2])
    found = None
    for cluster, valid in secrets.items():
        for secret in valid:
            if hmac.compare_digest(offered, _encode(secret)) & (len(secret) >= SHORTEST):
                found = cluster
    return found


def find_problems(secrets: Mapping[str, tuple[str, ...]]) -> tuple[Problem, ...]:
    """What is wrong with them, by cluster, to be refused at start."""
    uses = Counter(chain.from_iterable(secrets.values()))
    found = []
    for cluster, valid in secrets.items():
        if not valid:
            found.append(Problem(cluster, "has no webhook secret"))
        if any(len(secret) < SHORTEST for secret in valid):
            found.append(Problem(cluster, f"has a webhook secret of less than {SHORTEST} characters"))
        if not all(_UNRESERVED.fullmatch(secret) for secret in valid):
            found.append(Problem(cluster, "has a webhook secret with other characters than letters, digits and -._~"))
        if any(uses[secret] > 1 for secret in valid):
            found.append(Problem(cluster, "has a webhook secret that is there twice: each must tell one cluster"))
    return tuple(found)


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
