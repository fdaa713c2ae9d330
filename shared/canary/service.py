"""``spec.service``: how callers reach the app, and what is written into the router.

Istio's own parts are passed on as they are: Istio validates them, and fields that it adds work at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.canary.durations import check_duration
from shared.canary.model import Metadata, Service
from shared.canary.names import (
    check_app_protocol,
    check_host,
    check_label,
    check_object,
    check_port_name,
    check_service,
)

if TYPE_CHECKING:
    from shared.canary.fields import Field

DISTRIBUTIONS = ("PreferClose", "PreferSameZone", "PreferSameNode")
"""Values of a Kubernetes Service's ``trafficDistribution``."""


def read_service(field: Field, target: Field) -> Service:
    """The service at ``field``; its name is by default what ``target`` (``spec.targetRef.name``) says."""
    delegation = field.at("delegation").flag()
    _refuse_routes_of_delegate(field, delegation)
    return Service(
        name=_read_name(field.at("name"), target),
        port=field.at("port").required().integer(1, 65535, 0),
        port_name=field.at("portName").text(check_label, "http"),
        target_port=_read_target_port(field.at("targetPort")),
        port_discovery=field.at("portDiscovery").flag(),
        app_protocol=field.at("appProtocol").text(check_app_protocol) or None,
        headless=field.at("headless").flag(),
        traffic_distribution=field.at("trafficDistribution").choice(DISTRIBUTIONS, "") or None,
        gateways=_read_hosts(field.at("gateways")),
        gateway_refs=field.at("gatewayRefs").blobs(),
        hosts=_read_hosts(field.at("hosts")),
        delegation=delegation,
        match=field.at("match").blobs(),
        rewrite=field.at("rewrite").blob(),
        timeout=field.at("timeout").text(check_duration) or None,
        backend_timeout=field.at("backendTimeout").text(check_duration) or None,
        mirror=field.at("mirror").blobs(),
        retries=field.at("retries").blob(),
        headers=field.at("headers").blob(),
        cors_policy=field.at("corsPolicy").blob(),
        traffic_policy=field.at("trafficPolicy").blob(),
        apex=_read_metadata(field.at("apex")),
        primary=_read_metadata(field.at("primary")),
        canary=_read_metadata(field.at("canary")),
    )


def _read_name(field: Field, target: Field) -> str:
    if not field.absent:
        return field.text(check_service)
    name = target.quiet().text()
    complaint = check_service(name)
    if name and complaint and not check_object(name):
        target.report(
            f"names the Service too, and so {complaint}; or give the Service its own name in spec.service.name"
        )
    return name


def _read_target_port(field: Field) -> int | str | None:
    if isinstance(field.value, str):
        return field.text(check_port_name) or None
    return field.integer(1, 65535, None)


def _read_hosts(field: Field) -> tuple[str, ...]:
    return tuple(entry.required().text(check_host) for entry in field.listed().entries())


def _read_metadata(field: Field) -> Metadata:
    field.section()
    return Metadata(labels=field.at("labels").text_map(), annotations=field.at("annotations").text_map())


def _refuse_routes_of_delegate(field: Field, delegation: bool) -> None:
    """A delegate VirtualService has neither hosts nor gateways (Istio; Flagger refuses them too)."""
    for key in ("hosts", "gateways") if delegation else ():
        if field.at(key).entries():
            field.at(key).report(
                "must be empty with delegation: the VirtualService that delegates to this one has them"
            )
