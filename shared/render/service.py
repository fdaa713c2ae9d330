"""The three Services of a Canary: the apex that callers use, and one for each side.

The apex selects the primary's pods, so callers without a sidecar reach production too (in Flagger 0.6 it selected the
target's, which are gone when nothing rolls out). It must not be written before the primary can serve.

It must never decide a Service's type or address again once it exists: ``differences`` lists what may change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.render.ownership import owned_metadata

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.canary.model import Canary, Metadata
    from shared.json_types import Json, JsonObject
    from shared.render.pods import PodLabel

_PROXIES = frozenset({"istio-proxy", "envoy"})


def apex_service(canary: Canary, target: Json, label: PodLabel) -> JsonObject:
    """The Service that callers use, named like the app; it selects the primary's pods."""
    metadata = _metadata(canary, canary.service.name, label, canary.service.apex)
    return _service(canary, metadata, target, {label.key: label.primary})


def primary_service(canary: Canary, target: Json, label: PodLabel) -> JsonObject:
    """The ``-primary`` Service, which selects the primary's pods."""
    metadata = _metadata(canary, canary.service.primary_name, label, canary.service.primary)
    return _service(canary, metadata, target, {label.key: label.primary})


def canary_service(canary: Canary, target: Json, label: PodLabel) -> JsonObject:
    """The ``-canary`` Service, which selects the target's pods."""
    metadata = _metadata(canary, canary.service.canary_name, label, canary.service.canary)
    return _service(canary, metadata, target, {label.key: label.value})


def _metadata(canary: Canary, name: str, label: PodLabel, own: Metadata) -> JsonObject:
    # Flagger labels each Service with its own name, and people's ServiceMonitors select by that.
    return owned_metadata(canary, name, {**own.labels, label.key: name}, own.annotations)


def _service(canary: Canary, metadata: JsonObject, target: Json, selector: dict[str, str]) -> JsonObject:
    service = canary.service
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {
            "type": "ClusterIP",
            **({"clusterIP": "None"} if service.headless else {}),
            "selector": selector,
            "ports": _ports(canary, target),
            **({"trafficDistribution": service.traffic_distribution} if service.traffic_distribution else {}),
        },
    }


def _ports(canary: Canary, target: Json) -> list[JsonObject]:
    service = canary.service
    main = {
        "name": service.port_name,
        "protocol": "TCP",
        "port": service.port,
        "targetPort": service.target_port or service.port,
        **({"appProtocol": service.app_protocol} if service.app_protocol else {}),
    }
    if not service.port_discovery:
        return [main]
    ports = [main]
    for found in _container_ports(target):
        if not _is_target(found, main) and not any(_clash(found, port) for port in ports):
            ports.append(found)
    return ports


def _container_ports(target: Json) -> Iterator[JsonObject]:
    """The ports of the app's containers as ports of a Service; a port without a name is called as Flagger calls it."""
    for container in target["spec"]["template"]["spec"]["containers"]:
        if container["name"] in _PROXIES:
            continue
        for index, port in enumerate(container.get("ports") or ()):
            number, protocol = port["containerPort"], port.get("protocol", "TCP")
            name = port.get("name") or f"{protocol.lower()}-{container['name']}-{index}"
            yield {"name": name, "protocol": protocol, "port": number, "targetPort": number}


def _is_target(found: JsonObject, main: JsonObject) -> bool:
    return main["targetPort"] in (found["port"], found["name"])


def _clash(found: JsonObject, other: JsonObject) -> bool:
    # A Service may name a port once and offer a number once for each protocol.
    same_number = (found["port"], found["protocol"]) == (other["port"], other["protocol"])
    return same_number or bool(found["name"] == other["name"])
