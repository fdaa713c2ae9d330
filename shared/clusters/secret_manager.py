"""Reads one version of a secret from Google's Secret Manager, over its REST API.

Source: ``projects.secrets.versions.access`` of the Secret Manager API v1. It must never let an answer's body into a
message.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import requests

from shared.errors import ClusterUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from requests import PreparedRequest

_CONNECT_SECONDS, _READ_SECONDS = 3.0, 5.0
_ADVICE: Mapping[int, str] = {
    401: "look at the service account of this process",
    403: "give the service account of this process the role roles/secretmanager.secretAccessor on it",
    404: "there is no such secret, or it has no such version",
}


def fetch_secret(version: str, headers: Mapping[str, str], base: str = "") -> str:
    """The text of ``projects/P[/locations/L]/secrets/S/versions/V``. ClusterUnavailable if it cannot be had.

    ``headers`` prove who is asking; ``base`` replaces Google's address.
    """
    url = f"{base or _endpoint(version)}/v1/{version}:access"

    def sign(request: PreparedRequest) -> PreparedRequest:
        """As ``auth``, or requests would prefer what a netrc file holds for the host."""
        request.headers.update(headers)
        return request

    try:
        timeout = (_CONNECT_SECONDS, _READ_SECONDS)
        answer = requests.get(url, auth=sign, timeout=timeout, allow_redirects=False)
    except requests.RequestException as error:
        raise ClusterUnavailable(f"Secret Manager did not answer for {version} ({type(error).__name__})") from None
    if answer.status_code != 200:
        advice = _ADVICE.get(answer.status_code, "it is asked again soon")
        raise ClusterUnavailable(f"Secret Manager answered {answer.status_code} for {version}: {advice}")
    try:
        return base64.b64decode(answer.json()["payload"]["data"], validate=True).decode()
    except (ValueError, KeyError, TypeError):
        raise ClusterUnavailable(f"Secret Manager answered for {version} with something that is no secret") from None


def _endpoint(version: str) -> str:
    """Secrets of one region are served there alone (Secret Manager, "Regional secrets")."""
    parts = version.split("/")
    return (
        f"https://secretmanager.{parts[3]}.rep.googleapis.com"
        if parts[2] == "locations"
        else "https://secretmanager.googleapis.com"
    )
