"""The kinds of objects that Serin touches, and where the Kubernetes API serves them.

Nothing else can be asked of the gateway.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from shared.render.router import router_of

if TYPE_CHECKING:
    from shared.canary.model import Canary


class Kind(Enum):
    """A kind: its API version and its plural."""

    ALERT_PROVIDER = ("flagger.app/v1beta1", "alertproviders")
    CANARY = ("flagger.app/v1beta1", "canaries")
    CONFIG_MAP = ("v1", "configmaps")
    DAEMON_SET = ("apps/v1", "daemonsets")
    DEPLOYMENT = ("apps/v1", "deployments")
    DESTINATION_RULE = ("networking.istio.io/v1beta1", "destinationrules")
    EVENT = ("v1", "events")
    HTTP_ROUTE = ("gateway.networking.k8s.io/v1", "httproutes")
    HTTP_ROUTE_V1BETA1 = ("gateway.networking.k8s.io/v1beta1", "httproutes")
    AUTOSCALER = ("autoscaling/v2", "horizontalpodautoscalers")
    SCALED_OBJECT = ("keda.sh/v1alpha1", "scaledobjects")
    METRIC_TEMPLATE = ("flagger.app/v1beta1", "metrictemplates")
    SECRET = ("v1", "secrets")
    SERVICE = ("v1", "services")
    VIRTUAL_SERVICE = ("networking.istio.io/v1beta1", "virtualservices")

    def path(self, namespace: str | None, name: str = "", subresource: str = "") -> str:
        """The URL path of an object, of the collection when ``name`` is empty, of all namespaces when ``namespace`` is
        None.
        """
        version, plural = self.value
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        inside = f"/namespaces/{namespace}" if namespace is not None else ""
        return "".join(
            (root, inside, f"/{plural}", f"/{name}" if name else "", f"/{subresource}" if subresource else "")
        )


BY_NAME = {
    "Canary": Kind.CANARY,
    "ConfigMap": Kind.CONFIG_MAP,
    "DaemonSet": Kind.DAEMON_SET,
    "Deployment": Kind.DEPLOYMENT,
    "DestinationRule": Kind.DESTINATION_RULE,
    "Event": Kind.EVENT,
    "HTTPRoute": Kind.HTTP_ROUTE,
    "HorizontalPodAutoscaler": Kind.AUTOSCALER,
    "ScaledObject": Kind.SCALED_OBJECT,
    "Secret": Kind.SECRET,
    "Service": Kind.SERVICE,
    "VirtualService": Kind.VIRTUAL_SERVICE,
}
"""Kinds by the word that objects carry in ``kind``."""


def kind_of(word: str, canary: Canary) -> Kind:
    """The kind that objects of ``canary`` call by this word; its router in the version that the Canary asks for."""
    usual, router = BY_NAME[word], router_of(canary)
    return Kind((router.api_version, usual.value[1])) if router and router.kind == word else usual
