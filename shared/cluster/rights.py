"""The rights that Serin uses in a cluster, as rules of a Role. charts/serin grants these, and a test compares the two.

A right to read external metrics is not among them: they are named by MetricTemplates, and the chart grants it only
where it is asked to.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Part(StrEnum):
    """What a right, or a definition, is needed for: ``always``, or only by Canaries that use this."""

    ALWAYS = ""
    DAEMON_SETS = "DaemonSets"
    GATEWAY_API = "the Gateway API"
    GATEWAY_API_V1 = "the Gateway API in v1"
    GATEWAY_API_V1BETA1 = "the Gateway API in v1beta1"
    ISTIO = "Istio"
    KEDA = "KEDA"
    SERVICES = "Services as targets"


@dataclass(frozen=True, slots=True)
class Rule:
    """May do ``verbs`` with a resource, ``deployments`` or ``deployments/scale``, of an API group."""

    group: str
    resource: str
    verbs: tuple[str, ...]
    part: Part = Part.ALWAYS


_KEEPS = ("get", "create", "update", "delete")

RULES = (
    Rule("flagger.app", "canaries", ("get", "list", "patch")),
    Rule("flagger.app", "canaries/status", ("patch",)),
    Rule("flagger.app", "metrictemplates", ("get",)),
    Rule("flagger.app", "alertproviders", ("get",)),
    Rule("apps", "deployments", ("get", "list", "create", "update", "delete")),
    Rule("apps", "deployments/scale", ("patch",)),
    Rule("apps", "daemonsets", ("get", "list", "create", "update", "patch", "delete"), Part.DAEMON_SETS),
    Rule("", "configmaps", ("get", "list", "create", "update", "delete")),
    Rule("", "secrets", ("get", "list", "create", "update", "delete")),
    Rule("", "services", _KEEPS),
    Rule("", "services", ("list",), Part.SERVICES),
    Rule("autoscaling", "horizontalpodautoscalers", _KEEPS),
    Rule("keda.sh", "scaledobjects", ("get", "create", "update", "patch", "delete"), Part.KEDA),
    Rule("networking.istio.io", "virtualservices", _KEEPS, Part.ISTIO),
    Rule("networking.istio.io", "destinationrules", _KEEPS, Part.ISTIO),
    Rule("gateway.networking.k8s.io", "httproutes", _KEEPS, Part.GATEWAY_API),
    Rule("", "events", ("create",)),
)
