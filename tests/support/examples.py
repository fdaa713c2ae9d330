"""The manifests of docs/examples, and the app that each of them is for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.json_types import Json, JsonObject

FOLDER = Path(__file__).parents[2] / "docs/examples"
EXAMPLES = tuple(sorted(file.stem for file in FOLDER.glob("*.yaml")))
"""Their names."""


def example(name: str) -> JsonObject:
    """The Canary of one example."""
    manifest: JsonObject = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    return manifest


def app_of(canary: Json) -> Iterator[tuple[str, JsonObject]]:
    """What has to be there before the Canary: collections' paths, without their namespace, and objects."""
    kind = canary["spec"]["targetRef"]["kind"]
    if kind == "Service":
        outside = {"type": "ExternalName", "externalName": "app-1.example.com"}
        yield (
            "/api/v1/namespaces/{}/services",
            {"metadata": {"name": canary["spec"]["targetRef"]["name"]}, "spec": outside},
        )
        return
    name, labels = canary["spec"]["targetRef"]["name"], {"app": canary["spec"]["targetRef"]["name"]}
    container = {"name": "app", "image": "app:1", "ports": [{"name": "http", "containerPort": 8080}]}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    yield f"/apis/apps/v1/namespaces/{{}}/{kind.lower()}s", {"metadata": {"name": name}, "spec": spec}
    scaler = canary["spec"].get("autoscalerRef")
    if scaler:
        target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
        limits = {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 3}
        path = "/apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers"
        yield path, {"metadata": {"name": scaler["name"]}, "spec": limits}
