"""The two copies of a target that is a Service: ``-primary``, which serves production, and ``-canary``, which is tried.

Callers know the target by its name, and the router sends what they ask of it to the copies. So the target itself is
never written.

A copy says where requests go and nothing more. Types that are reached from outside become ClusterIP, and annotations
stay behind: on a Service they order names, certificates and load balancers, of which there is to be one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.render.differences import at
from shared.render.overlay import overlay
from shared.render.ownership import REVISION, copied_labels, owned_metadata
from shared.workload import template_of

if TYPE_CHECKING:
    from shared.canary.model import Canary, Metadata
    from shared.json_types import Json, JsonObject


def primary_copy(canary: Canary, target: Json, live: Json | None, mark: str) -> JsonObject:
    """The copy that production gets: to be created, or, with the ``live`` one, to be written back. ``mark`` names the
    revision that it carries.
    """
    copy = _copy(canary.service.primary_name, canary.service.primary, canary, target, live, mark)
    return copy if live is None else overlay(live, copy)


def canary_copy(canary: Canary, target: Json, live: Json | None, mark: str) -> JsonObject:
    """The copy that is tried, as it should be beside the ``live`` one. ``mark`` names what it is a copy of."""
    return _copy(canary.service.canary_name, canary.service.canary, canary, target, live, mark)


def obstacle(canary: Canary, service: Json, live: Json | None) -> str:
    """Why a copy of ``service`` in the place of ``live`` would lead nowhere; empty if it would not."""
    spec, port = template_of(service)["spec"], canary.service.port
    name = f"service {service['metadata']['name']}.{canary.namespace}"
    if spec["type"] == "ExternalName":
        return ""
    if not spec.get("selector"):
        return (
            f"{name} has neither a selector nor an externalName: its endpoints are kept under its own name, so that "
            "copies would have none: give it one of the two"
        )
    offered = [entry["port"] for entry in spec.get("ports") or ()]
    if offered and port not in offered:
        ports = ", ".join(map(str, offered))
        return f"{name} offers port {ports}, but spec.service.port is {port}: offer it, or change spec.service.port"
    if live is not None and _has_address(live) and _is_headless(service) != _is_headless(live):
        return (
            f"{name} {'became' if _is_headless(service) else 'is no longer'} headless, and Kubernetes cannot change "
            f"that of {live['metadata']['name']}: undo it, or delete the Canary with spec.revertOnDeletion, which "
            "removes the copies, and make it anew"
        )
    return ""


def _copy(name: str, own: Metadata, canary: Canary, target: Json, live: Json | None, mark: str) -> JsonObject:
    spec: JsonObject = dict(template_of(target)["spec"])
    if live is not None and _has_address(live):  # Kubernetes gives it once, and takes it back by itself
        spec["clusterIP"] = live["spec"]["clusterIP"]
    labels = {**copied_labels(target), **own.labels}
    annotations = {**own.annotations, REVISION: mark}
    metadata = owned_metadata(canary, name, labels, annotations)
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def _has_address(service: Json) -> bool:
    return bool(at(service, ("spec", "clusterIP")))


def _is_headless(service: Json) -> bool:
    return bool(at(service, ("spec", "clusterIP")) == "None")
