"""Objects of one small app, podinfo, and where the API serves them: for contract tests of clusters and meshes."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.json_types import Json, JsonObject


def deployment(
    name: str, replicas: int = 1, annotations: Json | None = None, env: Mapping[str, str] = MappingProxyType({})
) -> JsonObject:
    """A Deployment whose pods are labelled ``app: NAME``."""
    container = {"name": "app", "image": "app:1", "env": [{"name": key, "value": value} for key, value in env.items()]}
    return {
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}, "annotations": annotations or {}},
                "spec": {"containers": [container]},
            },
        },
    }


def service(name: str, app: str) -> JsonObject:
    """A Service of the pods labelled ``app: APP``."""
    return {"metadata": {"name": name}, "spec": {"selector": {"app": app}, "ports": [{"port": 80}]}}


def virtual_service(primary: int, canary: int) -> JsonObject:
    """The VirtualService of podinfo with these weights."""
    weights = {"podinfo-primary": primary, "podinfo-canary": canary}
    route = [{"destination": {"host": host}, "weight": weight} for host, weight in weights.items()]
    return {
        "apiVersion": "networking.istio.io/v1beta1",
        "kind": "VirtualService",
        "metadata": {"name": "podinfo"},
        "spec": {"hosts": ["podinfo"], "http": [{"route": route}]},
    }


def deployments(namespace: str) -> str:
    """The collection of Deployments."""
    return f"/apis/apps/v1/namespaces/{namespace}/deployments"


def pods(namespace: str) -> str:
    """The collection of pods."""
    return f"/api/v1/namespaces/{namespace}/pods"


def virtual_services(namespace: str) -> str:
    """The collection of VirtualServices, in their stored version."""
    return f"/apis/networking.istio.io/v1beta1/namespaces/{namespace}/virtualservices"
