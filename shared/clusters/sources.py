"""From the credentials of a cluster to a connection: one way for each kind.

A token file is read for each request: it has a kilobyte, and no date of a file is as sure as its content. Kubeconfigs
are read again after some minutes, wherever they are, since whoever replaces one tells nobody.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from shared.clusters.connection import Connection, Place
from shared.clusters.google_token import GoogleToken
from shared.clusters.kubeconfig import connect_file, connect_text
from shared.clusters.registry import ByGoogle, ByKubeconfig, ByKubeconfigSecret, ByTokenFile, InCluster, is_pem
from shared.clusters.secret_manager import fetch_secret
from shared.errors import ClusterUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from google.auth.credentials import Credentials

    from shared.clusters.registry import Cluster

KUBECONFIG_SECONDS = 300.0
_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True, slots=True)
class Google:
    """What is asked of Google: ``find`` gives credentials, ``secret_manager`` replaces the address of that service."""

    find: Callable[[], Credentials]
    secret_manager: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """``connect`` reads where a cluster is and who asks; it is asked again after ``lifetime`` seconds, or after a 401.

    It may take seconds, and raises ClusterUnavailable.
    """

    connect: Callable[[], Connection]
    lifetime: float = math.inf


def source_of(cluster: Cluster, google: Google) -> Source:
    """The source for the credentials that a cluster has."""
    match cluster.credentials:
        case ByGoogle():
            return Source(lambda: _google(cluster, GoogleToken(google.find)))
        case ByTokenFile(path):
            return Source(lambda: Connection(_place(cluster), partial(_bearer, Path(path))))
        case ByKubeconfig(path, context):
            return Source(lambda: connect_file(path, context), KUBECONFIG_SECONDS)
        case ByKubeconfigSecret(version, context):
            token = GoogleToken(google.find)
            return Source(lambda: _secret(version, context, token, google.secret_manager), KUBECONFIG_SECONDS)
        case InCluster():
            return Source(lambda: in_cluster(os.environ, _SERVICE_ACCOUNT))


def in_cluster(environment: Mapping[str, str], account: Path) -> Connection:
    """What every pod is given (Kubernetes, "Accessing the Kubernetes API from a Pod").

    ``account`` is the directory of its service account. ClusterUnavailable outside of a pod.
    """
    host, port = (environment.get(f"KUBERNETES_SERVICE_{part}", "") for part in ("HOST", "PORT"))
    if not host or not port:
        raise ClusterUnavailable("this process does not run in a cluster: give it SERIN_KUBECONFIG or SERIN_CLUSTERS")
    address = f"[{host}]" if ":" in host else host
    place = Place(f"https://{address}:{port}", ca_file=str(account / "ca.crt"))
    return Connection(place, partial(_bearer, account / "token"))


def _place(cluster: Cluster) -> Place:
    host = cluster.api.rstrip("/")
    if is_pem(cluster.ca):
        return Place(host, ca_pem=cluster.ca)
    return Place(host, ca_file=cluster.ca or None)


def _google(cluster: Cluster, token: GoogleToken) -> Connection:
    return Connection(_place(cluster), lambda: token.headers()["authorization"])


def _secret(version: str, context: str, token: GoogleToken, base: str) -> Connection:
    text = fetch_secret(version, token.headers(), base)
    return connect_text(text, context, f"the kubeconfig in {version}")


def _bearer(path: Path) -> str:
    try:
        token = path.read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        raise ClusterUnavailable(f"token file {path} cannot be read ({type(error).__name__})") from None
    if not token or not token.isprintable():
        raise ClusterUnavailable(f"token file {path} holds no token")
    return f"Bearer {token}"
