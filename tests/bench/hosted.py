"""All functions in one process beside a real API server that calls the webhook: Serin as somebody hosts it."""

from __future__ import annotations

import base64
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.bench.serving import environment_for
from tests.support.functions import Functions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.app import Release

WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
_RULES = (
    {"apiGroups": ["flagger.app"], "apiVersions": ["*"], "resources": ["canaries"]},
    {"apiGroups": ["apps"], "apiVersions": ["v1"], "resources": ["deployments"]},
    {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps", "secrets"]},
)


@contextmanager
def hosted(release: Release, folder: Path, **settings: str) -> Iterator[Functions]:
    """Serin for one namespace, with the defaults of a heartbeat a minute and a sweep every ten."""
    environment = environment_for(release.cluster, folder, f"sqlite:///{folder}/hosted.db")
    environment = {**environment, "SERIN_NAMESPACES": release.namespace, **settings}
    del environment["SERIN_WEBHOOK_SECRETS"], environment["SERIN_HEARTBEAT_SECONDS"]
    name = f"serin-{release.namespace}"
    with Functions(folder, environment) as running:
        release.cluster.api.create(WEBHOOKS, {"metadata": {"name": name}, "webhooks": [_hook(release, running)]})
        yield running
        release.cluster.api.delete(f"{WEBHOOKS}/{name}")


def _hook(release: Release, running: Functions) -> dict[str, object]:
    authority = base64.b64encode(running.certificate).decode()
    return {
        "name": "all.serin.dev",
        "clientConfig": {"url": running.webhook_url, "caBundle": authority},
        "rules": [{**rule, "operations": ["CREATE", "UPDATE", "DELETE"]} for rule in _RULES],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": release.namespace}},
        "failurePolicy": "Ignore",
        "sideEffects": "NoneOnDryRun",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": 5,
    }
